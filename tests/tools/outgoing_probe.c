/* SPDX-License-Identifier: Apache-2.0 */
/* Connects to a domain and tells each step. With --tls it goes on to TLS, as if the stream were there
 * already. */
#include <stdio.h>
#include <stdlib.h>

#include "conf/conf.h"
#include "loop/worker.h"
#include "net/conn.h"
#include "net/outgoing.h"
#include "net/tls.h"

static struct {
	const char *domain;
	bool tls;
	unsigned reject;
	struct outgoing *outgoing;
	struct dns_target target;
	struct conn *conn;
} probe;

static void say(const char *kind, const char *text)
{
	printf("%s %s\n", kind, text);
	fflush(stdout);
}

static size_t on_received(void *owner, const char *bytes, size_t len)
{
	return len;
}

static void on_gone(void *owner, const char *reason)
{
	probe.conn = NULL;
	say("gone", reason);
	if (probe.outgoing)
		outgoing_next(probe.outgoing, reason);
	else
		workers_stop();
}

static void on_rejected_gone(void *owner, const char *reason)
{
}

static const char *verdict(int rc, const struct err *err)
{
	return rc < 0 ? err->text : rc > 0 ? "none" : "ok";
}

static void on_secured(void *owner)
{
	struct err err;
	unsigned count;
	const struct dns_tlsa *records = outgoing_tlsa(probe.outgoing, &count);
	struct str domain = str_of(probe.domain), host = str_of(probe.target.host);
	say("tls", conn_tls_version(probe.conn));
	say("chain", verdict(conn_peer_chain(probe.conn, &err), &err));
	say("names", verdict(conn_peer_matches(probe.conn, domain, &err), &err));
	if (count)
		say("dane", verdict(conn_peer_dane(probe.conn, records, count, host, domain, &err), &err));
	else
		say("dane", "none");
	outgoing_close(&probe.outgoing);
	conn_close(probe.conn, 1000);
}

static const struct conn_ops conn_ops = {.received = on_received, .secured = on_secured, .gone = on_gone};
static const struct conn_ops rejected_ops = {.received = on_received, .gone = on_rejected_gone};

static void start_tls(struct conn *conn)
{
	struct err err;
	struct tls_context *context = tls_outgoing_context_get(conf_current(), STR("probe.example"), &err);
	if (!context) {
		say("failed", err.text);
		exit(1);
	}
	conn_set_tls_name(conn, STR("probe.example"));
	conn_start_tls_client(
	    conn, context, str_of(probe.domain), probe.target.direct_tls ? "xmpp-server" : NULL);
}

static void on_connected(void *owner, struct conn *conn, const struct dns_target *target)
{
	probe.target = *target;
	probe.conn = conn;
	printf("connected %s %u %s %.*s\n", target->host, target->port,
	    target->direct_tls ? "direct" : "starttls", STR_FMT(conn_peer_text(conn)));
	if (probe.reject) {
		conn_set_owner(conn, &rejected_ops, NULL);
		conn_abort(conn, "rejected");
		outgoing_next(probe.outgoing, "rejected");
		probe.reject--;
		return;
	}
	conn_set_owner(conn, &conn_ops, NULL);
	if (probe.tls) {
		start_tls(conn);
		return;
	}
	outgoing_close(&probe.outgoing);
	conn_close(conn, 0);
}

static void on_failed(void *owner, enum outgoing_failure failure, const char *reason)
{
	static const char *const kinds[] = {"not-found", "refused", "dns", "unreachable"};
	probe.outgoing = NULL;
	printf("failed %s %s\n", kinds[failure], reason);
	workers_stop();
}

static void on_step(void *owner, const char *text)
{
	say("step", text);
}

static const struct outgoing_ops outgoing_ops = {on_connected, on_failed, on_step};

static void on_start(struct mail *mail)
{
	probe.outgoing = outgoing_open(STR("probe.example"), str_of(probe.domain), &outgoing_ops, NULL);
}

static struct conf *load(const char *path)
{
	struct conf_report report;
	struct conf *conf = NULL;
	if (conf_load(path, &conf, &report) < 0) {
		for (size_t i = 0; i < report.count; i++)
			say("configuration", report.problems[i].text);
		exit(2);
	}
	conf_report_fini(&report);
	return conf;
}

static void apply(struct conf *conf, const char *data_dir)
{
	struct err err;
	if (workers_init(2, &err) < 0 || tls_apply(conf, data_dir, &err) < 0 || dns_apply(conf, &err) < 0) {
		say("configuration", err.text);
		exit(2);
	}
	conf_install(conf);
}

int main(int argc, char **argv)
{
	static struct mail start = {.receive = on_start};
	int at = 1;
	for (; at < argc && argv[at][0] == '-'; at++) {
		if (str_is(str_of(argv[at]), "--tls"))
			probe.tls = true;
		else if (str_is(str_of(argv[at]), "--reject") && at + 1 < argc)
			probe.reject = (unsigned)atoi(argv[++at]);
	}
	if (argc - at != 3) {
		fprintf(stderr, "usage: outgoing_probe [--tls] [--reject N] CONFIGURATION DATA_DIR DOMAIN\n");
		return 2;
	}
	apply(load(argv[at]), argv[at + 1]);
	probe.domain = argv[at + 2];
	/* Not where the answers come from: they have to find their way. */
	worker_post(worker_at(1), &start);
	workers_run();
	dns_fini();
	workers_fini();
	tls_fini();
	conn_pools_fini();
	struct conf *conf = conf_install(NULL);
	conf_unref(&conf);
	return 0;
}
