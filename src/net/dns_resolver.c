/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unbound.h>
#include <unistd.h>

#include "base/mem.h"
#include "conf/conf.h"
#include "loop/io.h"
#include "loop/worker.h"
#include "net/dns_internal.h"
#include "stanzad/log.h"

#define SYSTEM_ANCHOR "/usr/share/dns/root.key"

enum { RESOLVER_MAGIC = 0x7265736f, CLASS_IN = 1, SERVERS_MAX = 8 };

/* What a context is made from. */
struct setup {
	char *servers[SERVERS_MAX];
	unsigned server_count;
	char *hosts_file;
	char *anchor; /* NULL: the system's, if it has one */
	bool validate;
	bool required; /* a zone whose signatures are stripped is bogus */
};

/* A libunbound context: its settings cannot be changed once it is in use. Answers are fetched by worker 0. */
struct resolver {
	uint32_t magic;
	unsigned refs; /* atomic: one of the table below, one of each question */
	struct ub_ctx *ctx;
	struct io *io;
	struct mail mail;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static struct resolver *current;
static struct setup setup = {.validate = true};

/* libunbound's own words for what suits a server that asks about a few thousand domains at most. */
static const struct {
	const char *option, *value;
} settings[] = {
    {"do-not-query-localhost:", "no"}, /* 127.0.0.53 is usual in resolv.conf */
    {"msg-cache-size:", "1m"},
    {"rrset-cache-size:", "2m"},
    {"key-cache-size:", "512k"},
    {"neg-cache-size:", "256k"},
    {"infra-cache-numhosts:", "1000"},
    {"infra-host-ttl:", "60"}, /* seconds that a silent DNS server counts as dead */
    {"infra-keep-probing:", "yes"},
    {"cache-max-ttl:", "86400"},
    {"cache-max-negative-ttl:", "300"}, /* a record that has just been made is seen soon */
    {"num-queries-per-thread:", "512"},
    {"outgoing-range:", "512"},
    {"val-log-level:", "0"},
};

static void setup_fini(struct setup *gone)
{
	for (unsigned i = 0; i < gone->server_count; i++)
		free(gone->servers[i]);
	free(gone->hosts_file);
	free(gone->anchor);
	*gone = (struct setup){0};
}

static bool same_text(const char *a, const char *b)
{
	return str_eq(str_of(a), str_of(b));
}

static bool setup_same(const struct setup *a, const struct setup *b)
{
	bool same = a->server_count == b->server_count && a->validate == b->validate &&
		    a->required == b->required && same_text(a->hosts_file, b->hosts_file) &&
		    same_text(a->anchor, b->anchor);
	for (unsigned i = 0; same && i < a->server_count; i++)
		same = same_text(a->servers[i], b->servers[i]);
	return same;
}

/* "ADDRESS" or "ADDRESS@PORT" */
static int setup_add_server(struct setup *new, struct str text, struct err *err)
{
	struct str port_text, address = str_cut(text, '@', &port_text);
	union dns_address ignored;
	uint64_t port = 53;
	if (address.len < text.len && (!str_to_u64(port_text, &port) || port == 0 || port > 65535))
		return err_set(err, "s2s_dns_servers: '%.*s' has no port behind '@'", STR_FMT(text));
	if (!dns_literal_read(address, 53, &ignored) || address.ptr[0] == '[')
		return err_set(err, "s2s_dns_servers: '%.*s' is no address", STR_FMT(address));
	if (new->server_count == SERVERS_MAX)
		return err_set(err, "s2s_dns_servers: more than %d", SERVERS_MAX);
	new->servers[new->server_count++] = str_dup(text);
	return 0;
}

static int setup_read(struct setup *new, const struct conf *conf, struct err *err)
{
	const struct option_value *servers = conf_get(conf, STR_NULL, "s2s_dns_servers");
	const struct option_value *anchor = conf_get(conf, STR_NULL, "s2s_dns_trust_anchor");
	struct str dnssec = conf_str(conf, STR_NULL, "s2s_dnssec");
	for (size_t i = 0; i < servers->string_count; i++)
		if (setup_add_server(new, servers->strings[i], err) < 0)
			return -1;
	new->hosts_file = str_dup(conf_str(conf, STR_NULL, "s2s_dns_hosts_file"));
	new->validate = !str_is(dnssec, "false");
	new->required = str_is(dnssec, "required");
	if (anchor->string.len)
		new->anchor = str_dup(anchor->string);
	if (new->anchor && access(new->anchor, R_OK) < 0)
		return err_set(err, "s2s_dns_trust_anchor: %s cannot be read", new->anchor);
	if (new->required && !new->anchor && access(SYSTEM_ANCHOR, R_OK) < 0)
		return err_set(err, "s2s_dnssec: required needs s2s_dns_trust_anchor, or %s (dns-root-data)",
		    SYSTEM_ANCHOR);
	return 0;
}

int dns_apply(const struct conf *conf, struct err *err)
{
	struct setup new = {0};
	struct resolver *old = NULL;
	if (setup_read(&new, conf, err) < 0) {
		setup_fini(&new);
		return -1;
	}
	pthread_mutex_lock(&lock);
	if (!setup_same(&new, &setup)) {
		struct setup swap = setup;
		setup = new;
		new = swap;
		old = current;
		current = NULL;
	}
	pthread_mutex_unlock(&lock);
	setup_fini(&new);
	resolver_unref(&old);
	return 0;
}

void dns_fini(void)
{
	resolver_unref(&current);
	setup_fini(&setup);
	setup.validate = true;
}

static int set(struct ub_ctx *ctx, const char *option, const char *value, struct err *err)
{
	int rc = ub_ctx_set_option(ctx, option, value);
	return rc ? err_set(err, "libunbound: %s %s: %s", option, value, ub_strerror(rc)) : 0;
}

static int configure_anchor(struct ub_ctx *ctx, struct err *err)
{
	const char *anchor = setup.anchor ? setup.anchor : SYSTEM_ANCHOR;
	if (!setup.validate || (!setup.anchor && access(anchor, R_OK) < 0))
		return set(ctx, "module-config:", "iterator", err);
	int rc = ub_ctx_add_ta_file(ctx, anchor);
	if (rc)
		return err_set(err, "%s: %s", anchor, ub_strerror(rc));
	/*
	 * Where a DNS server on the way strips signatures, a zone is as if unsigned: no DANE, but not cut
	 * off.
	 */
	return set(ctx, "harden-dnssec-stripped:", setup.required ? "yes" : "no", err);
}

static int configure_servers(struct ub_ctx *ctx, struct err *err)
{
	int rc = 0;
	for (unsigned i = 0; i < setup.server_count && !rc; i++)
		rc = ub_ctx_set_fwd(ctx, setup.servers[i]);
	if (rc)
		return err_set(err, "s2s_dns_servers: %s", ub_strerror(rc));
	/* Without the file libunbound asks the root servers. */
	if (setup.server_count == 0 && ub_ctx_resolvconf(ctx, NULL) != 0)
		LOG_INFO("dns.no_resolv_conf");
	return 0;
}

static int configure(struct ub_ctx *ctx, struct err *err)
{
	ub_ctx_debugout(ctx, NULL);
	ub_ctx_debuglevel(ctx, 0);
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		if (set(ctx, settings[i].option, settings[i].value, err) < 0)
			return -1;
	if (configure_anchor(ctx, err) < 0 || configure_servers(ctx, err) < 0)
		return -1;
	const char *hosts = setup.hosts_file ? setup.hosts_file : "/etc/hosts";
	if (*hosts && ub_ctx_hosts(ctx, hosts) != 0)
		LOG_INFO("dns.no_hosts_file", LOG_CSTR("file", hosts));
	int rc = ub_ctx_async(ctx, 1);
	/* libunbound takes these for reserved; where people use them, their own DNS server knows. */
	if (rc == 0)
		rc = ub_ctx_zone_remove(ctx, "test.");
	if (rc == 0)
		rc = ub_ctx_zone_remove(ctx, "home.arpa.");
	return rc ? err_set(err, "libunbound: %s", ub_strerror(rc)) : 0;
}

static void on_readable(void *arg, unsigned events)
{
	struct resolver *resolver = arg;
	int rc = ub_process(resolver->ctx);
	if (rc)
		LOG_ERROR("dns.broken", LOG_CSTR("reason", ub_strerror(rc)));
}

static void on_watch(struct mail *mail)
{
	struct resolver *resolver = (struct resolver *)((char *)mail - offsetof(struct resolver, mail));
	resolver->io = io_new(ub_fd(resolver->ctx), on_readable, resolver);
	io_want(resolver->io, IO_READ);
	resolver_unref(&resolver);
}

static void on_destroy(struct mail *mail)
{
	struct resolver *resolver = (struct resolver *)((char *)mail - offsetof(struct resolver, mail));
	io_free(&resolver->io);
	ub_ctx_delete(resolver->ctx);
	resolver->magic = 0;
	free(resolver);
}

static struct resolver *resolver_new(struct err *err)
{
	struct ub_ctx *ctx = ub_ctx_create();
	if (!ctx) {
		err_set(err, "libunbound does not start");
		return NULL;
	}
	if (configure(ctx, err) < 0) {
		ub_ctx_delete(ctx);
		return NULL;
	}
	struct resolver *resolver = mem_zalloc(sizeof(*resolver));
	resolver->magic = RESOLVER_MAGIC;
	resolver->refs = 2; /* the table's, and the mail's */
	resolver->ctx = ctx;
	resolver->mail.receive = on_watch;
	worker_post(worker_at(0), &resolver->mail);
	return resolver;
}

struct resolver *resolver_get(struct err *err)
{
	pthread_mutex_lock(&lock);
	if (!current) {
		current = resolver_new(err);
		if (!current)
			LOG_ERROR("dns.not_started", LOG_CSTR("reason", err->text));
	}
	struct resolver *resolver = current;
	if (resolver)
		__atomic_add_fetch(&resolver->refs, 1, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&lock);
	return resolver;
}

void resolver_unref(struct resolver **resolver)
{
	struct resolver *gone = *resolver;
	*resolver = NULL;
	if (!gone || __atomic_sub_fetch(&gone->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	gone->mail.receive = on_destroy;
	worker_post(worker_at(0), &gone->mail);
}

int resolver_ask(
    struct resolver *resolver, const char *name, int type, struct ask *ask, int *id_r, struct err *err)
{
	int rc = ub_resolve_async(resolver->ctx, name, type, CLASS_IN, ask, ask_answered, id_r);
	return rc ? err_set(err, "%s", ub_strerror(rc)) : 0;
}

bool resolver_cancel(struct resolver *resolver, int id)
{
	return ub_cancel(resolver->ctx, id) != UB_NOID;
}
