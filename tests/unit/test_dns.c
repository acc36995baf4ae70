/* SPDX-License-Identifier: Apache-2.0 */
/* Where a domain's server is, as a DNS server on loopback says; timeouts by a clock that the test moves. */
#include "test_dns.h"

static struct dns_service *service;
static struct dns_host *host;
static unsigned answers;
static struct strbuf steps;

static void on_step(void *arg, const char *text)
{
	strbuf_printf(&steps, "%s\n", text);
}

static struct dns_options options(void)
{
	struct dns_options made;

	dns_options_read(dns_conf, STR("probe.example"), &made);
	made.step = on_step;
	return made;
}

static void on_service(void *arg, struct dns_service *answer)
{
	answers++;
	*(void **)arg = NULL;
	service = answer;
}

static void on_host(void *arg, struct dns_host *answer)
{
	answers++;
	*(void **)arg = NULL;
	host = answer;
}

/* "host:port ..." with ! for direct TLS, or the outcome in words. Valid until the next call. */
static const char *service_text(void)
{
	static char text[1024];
	size_t used = 0;

	text[0] = 0;
	if (service->outcome != DNS_FOUND)
		snprintf(text, sizeof(text), "%s", service->reason);
	for (unsigned i = 0; i < service->count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s:%u%s", used ? " " : "",
		    service->targets[i].host, service->targets[i].port,
		    service->targets[i].direct_tls ? "!" : "");
	dns_service_free(&service);
	return text;
}

static const char *ask_with(const char *domain, const struct dns_options *how)
{
	struct dns_service_query *query;

	strbuf_reset(&steps);
	answers = 0;
	query = dns_service(str_of(domain), how, on_service, &query);
	is_int(answers, 0);
	ok(turn_until(answers));
	return service_text();
}

static const char *ask(const char *domain)
{
	struct dns_options how = options();

	return ask_with(domain, &how);
}

static void test_srv(void)
{
	dns_row("_xmpp-server._tcp.merged.example", DNS_SRV, "20 0 5269 c.merged.example");
	dns_row("_xmpp-server._tcp.merged.example", DNS_SRV, "5 0 5299 A.merged.example");
	dns_row("_xmpps-server._tcp.merged.example", DNS_SRV, "10 0 5270 b.merged.example");
	dns_row("_xmpp-server._tcp.plain.example", DNS_SRV, "0 0 5269 xmpp.hoster.example");
	dns_row("_xmpps-server._tcp.direct.example", DNS_SRV, "0 0 443 xmpp.hoster.example");
	dns_row("_xmpp-server._tcp.alias.example", DNS_CNAME, "_xmpp-server._tcp.plain.example");
	is_cstr(ask("merged.example"), "a.merged.example:5299 b.merged.example:5270! c.merged.example:5269");
	is_cstr(ask("Merged.Example"), "a.merged.example:5299 b.merged.example:5270! c.merged.example:5269");
	is_cstr(ask("plain.example"), "xmpp.hoster.example:5269");
	ok(strstr(steps.ptr, "_xmpp-server._tcp.plain.example SRV: 0 0 5269 xmpp.hoster.example\n") != NULL);
	ok(strstr(steps.ptr, "_xmpps-server._tcp.plain.example SRV: no such name\n") != NULL);
	is_cstr(ask("direct.example"), "xmpp.hoster.example:443!");
	is_cstr(ask("alias.example"), "xmpp.hoster.example:5269");
	is_int(dns_asked("_xmpp-server._tcp.merged.example 33\n"), 1); /* then it was cached */
}

static void test_fallback(void)
{
	dns_row("_xmpp-server._tcp.broken.example", DNS_SERVFAIL, "");
	dns_row("_xmpp-server._tcp.off.example", DNS_SRV, "0 0 0 .");
	dns_row("_xmpp-server._tcp.half.example", DNS_SRV, "0 0 5269 xmpp.half.example");
	dns_row("_xmpps-server._tcp.half.example", DNS_SRV, "0 0 0 .");
	dns_row("_xmpp-server._tcp.secret.example", DNS_SRV, "0 0 0 .");
	dns_row("_xmpps-server._tcp.secret.example", DNS_SRV, "0 0 5270 xmpp.secret.example");
	dns_row("_xmpps-server._tcp.nodirect.example", DNS_SRV, "0 0 0 .");
	is_cstr(ask("nothing.example"), "nothing.example:5269");
	is_cstr(ask("broken.example"), "broken.example:5269");
	is_cstr(ask("off.example"), "off.example: the domain says that it has no XMPP server");
	is_cstr(ask("half.example"), "xmpp.half.example:5269");
	is_cstr(ask("secret.example"), "xmpp.secret.example:5270!");
	is_cstr(ask("nodirect.example"), "nodirect.example:5269");
}

static void test_international(void)
{
	char longest[300];

	dns_row("_xmpp-server._tcp.xn--bcher-kva.example", DNS_SRV, "0 0 5269 xmpp.xn--bcher-kva.example");
	is_cstr(ask("b\u00fccher.example"), "xmpp.xn--bcher-kva.example:5269");
	is_cstr(ask("xn--bcher-kva.example"), "xmpp.xn--bcher-kva.example:5269");
	memset(longest, 'a', sizeof(longest));
	longest[299] = 0;
	ok(strstr(ask(longest), "not found") != NULL);
	is_cstr(ask(""), ": not found");
	/* It cannot even be asked for. */
	longest[70] = 0;
	ok(str_starts(str_of(ask(longest)), "aaaaaaaa"));
}

static void test_literals(void)
{
	struct dns_options how = options();

	is_cstr(ask("192.0.2.1"), "192.0.2.1: an address is no domain");
	is_cstr(ask("[2001:db8::1]"), "[2001:db8::1]: an address is no domain");
	how.allow_literal = true;
	is_cstr(ask_with("192.0.2.1", &how), "192.0.2.1:5269");
	is_cstr(ask_with("[2001:db8::1]", &how), "[2001:db8::1]:5269");
}

static void test_many_records(void)
{
	static char names[20][32];
	unsigned targets = 1;

	for (int i = 0; i < 20; i++) {
		snprintf(names[i], sizeof(names[i]), "%d 0 5269 h%d.example", i, i);
		dns_row("_xmpp-server._tcp.many.example", DNS_SRV, names[i]);
	}
	const char *text = ask("many.example");
	for (const char *at = text; (at = strchr(at, ' ')); at++)
		targets++;
	is_int(targets, DNS_TARGETS_MAX);
	ok(str_starts(str_of(text), "h0.example:5269 h1.example:5269 "));
}

static void test_silence(void)
{
	struct dns_options how = options();
	struct dns_service_query *query;

	dns_row("_xmpp-server._tcp.silent.example", DNS_SILENT, "");
	strbuf_reset(&steps);
	answers = 0;
	query = dns_service(STR("silent.example"), &how, on_service, &query);
	ok(turn_until(steps.len)); /* the other set's answer */
	for (int i = 0; i < 2; i++) {
		is_int(answers, 0);
		clock_fake_advance(9999);
		turn_idle();
		is_int(answers, 0);
		clock_fake_advance(1);
		turn_idle();
	}
	is_int(answers, 1);
	is_cstr(service_text(), "silent.example:5269");
	ok(strstr(steps.ptr, "_xmpp-server._tcp.silent.example SRV: no answer in time\n") != NULL);
}

static const char *host_text(void)
{
	static char text[1024];
	size_t used = 0;

	text[0] = 0;
	if (host->outcome != DNS_FOUND)
		snprintf(text, sizeof(text), "%s", host->reason);
	for (unsigned i = 0; i < host->count; i++) {
		char address[80];
		dns_address_text(&host->addresses[i], address);
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%.*s", used ? " " : "",
		    (int)strcspn(address, " "), address);
	}
	dns_host_free(&host);
	return text;
}

static struct dns_host_query *ask_host_begin(const char *name, struct dns_options *how)
{
	static struct dns_host_query *query;
	struct dns_target target = {.port = 5269};

	snprintf(target.host, sizeof(target.host), "%s", name);
	strbuf_reset(&steps);
	answers = 0;
	query = dns_host(&target, how, on_host, &query);
	is_int(answers, 0);
	return query;
}

static const char *ask_host(const char *name, struct dns_options *how)
{
	ask_host_begin(name, how);
	ok(turn_until(answers));
	return host_text();
}

static void test_addresses(void)
{
	struct dns_options how = options();
	struct dns_options four = how, six = how, swapped = how;

	dns_row("both.example", DNS_A, "192.0.2.1");
	dns_row("both.example", DNS_AAAA, "2001:db8::1");
	dns_row("four.example", DNS_A, "192.0.2.4");
	dns_row("www.example", DNS_CNAME, "both.example");
	dns_row("unfit.example", DNS_SERVFAIL, "");
	four.families[0] = AF_INET;
	four.families[1] = AF_UNSPEC;
	six.families[1] = AF_UNSPEC;
	swapped.families[0] = AF_INET;
	swapped.families[1] = AF_INET6;
	is_cstr(ask_host("both.example", &how), "2001:db8::1 192.0.2.1");
	is_cstr(ask_host("both.example", &swapped), "192.0.2.1 2001:db8::1");
	is_cstr(ask_host("both.example", &four), "192.0.2.1");
	is_cstr(ask_host("both.example", &six), "2001:db8::1");
	is_cstr(ask_host("four.example", &how), "192.0.2.4");
	is_cstr(ask_host("four.example", &six), "four.example: no address");
	is_cstr(ask_host("www.example", &how), "2001:db8::1 192.0.2.1");
	is_cstr(ask_host("none.example", &how), "none.example: no address");
	is_cstr(ask_host("unfit.example", &how), "unfit.example: the DNS server cannot answer");
	is_cstr(ask_host("192.0.2.9", &how), "192.0.2.9");
	six.families[0] = AF_UNSPEC;
	is_cstr(ask_host("both.example", &six), "both.example: no address");
}

static void test_many_addresses(void)
{
	static char addresses[20][32];
	struct dns_options how = options();
	unsigned count = 1;

	for (int i = 0; i < 20; i++) {
		snprintf(addresses[i], sizeof(addresses[i]), "192.0.2.%d", i + 1);
		dns_row("crowd.example", DNS_A, addresses[i]);
	}
	dns_row("crowd.example", DNS_AAAA, "2001:db8::1");
	const char *text = ask_host("crowd.example", &how);
	ok(str_starts(str_of(text), "2001:db8::1 192.0.2."));
	for (; (text = strchr(text, ' ')); text++)
		count++;
	is_int(count, DNS_ADDRESSES_MAX / 2 + 1);
}

/* One family answers, the other does not: it is waited for, but not for long. */
static void test_late_family(void)
{
	struct dns_options how = options();

	dns_row("late.example", DNS_A, "192.0.2.7");
	dns_row("late.example", DNS_SILENT + DNS_AAAA, "");
	ask_host_begin("late.example", &how);
	ok(turn_until(strstr(steps.ptr ? steps.ptr : "", "A: 192.0.2.7")));
	clock_fake_advance(499);
	turn_idle();
	is_int(answers, 0);
	clock_fake_advance(1);
	turn_idle();
	is_int(answers, 1);
	is_cstr(host_text(), "192.0.2.7");
}

/* Given up after more and more turns of the loop: no call comes any more, and nothing is lost. */
static void test_cancel(void)
{
	static char names[200][64];
	struct dns_options how = options();
	struct dns_target target = {.port = 5269};
	unsigned early = 0;

	how.step = NULL;
	for (int i = 0; i < 200; i++) {
		struct dns_service_query *query;
		struct dns_host_query *host_query;

		answers = 0;
		snprintf(names[i], sizeof(names[i]), "cancel%d.example", i);
		snprintf(target.host, sizeof(target.host), "%.63s", names[i]);
		query = dns_service(str_of(names[i]), &how, on_service, &query);
		host_query = dns_host(&target, &how, on_host, &host_query);
		for (int turn = 0; turn < i * 4; turn++)
			worker_turn();
		unsigned before = answers;
		early += before == 0;
		dns_service_cancel(&query);
		dns_host_cancel(&host_query);
		ok(query == NULL && host_query == NULL);
		turn_idle();
		is_int(answers, before);
		dns_service_free(&service);
		dns_host_free(&host);
	}
	ok(early > 0);
	dns_service_cancel(&(struct dns_service_query *){NULL});
	dns_host_cancel(&(struct dns_host_query *){NULL});
}

static void test_cancel_silent(void)
{
	struct dns_options how = options();
	struct dns_service_query *query;

	answers = 0;
	query = dns_service(STR("silent.example"), &how, on_service, &query);
	turn_idle();
	clock_fake_advance(10000);
	turn_idle();
	dns_service_cancel(&query);
	clock_fake_advance(100000);
	turn_idle();
	is_int(answers, 0);
}

static void test_hosts_file(void)
{
	char path[] = "/tmp/stanzad-hosts-XXXXXX", text[128];
	struct dns_options how = options();
	FILE *file = fdopen(mkstemp(path), "w");

	fprintf(file, "# local\n192.0.2.77 inhouse.example other\n2001:db8::77 inhouse.example\n");
	fclose(file);
	is_cstr(ask_host("inhouse.example", &how), "inhouse.example: no address");
	snprintf(text, sizeof(text), "s2s_dns_hosts_file: %s\n", path);
	dns_configure(text);
	is_cstr(ask_host("inhouse.example", &how), "2001:db8::77 192.0.2.77");
	is_cstr(ask_host("both.example", &how), "2001:db8::1 192.0.2.1");
	is_cstr(ask("inhouse.example"), "inhouse.example:5269");
	dns_configure("s2s_dns_hosts_file: /dev/null\n");
	is_cstr(ask_host("inhouse.example", &how), "inhouse.example: no address");
	unlink(path);
}

/* A reload while a question is being asked: it is answered all the same. */
static void test_reload(void)
{
	struct dns_options how = options();
	struct dns_service_query *query;

	answers = 0;
	query = dns_service(STR("reload.example"), &how, on_service, &query);
	dns_configure("");
	ok(turn_until(answers));
	is_cstr(service_text(), "reload.example:5269");
	is_cstr(ask("plain.example"), "xmpp.hoster.example:5269");
}

static void refuses(const char *text, const char *why)
{
	struct conf *conf = must_load(text);
	struct err err = {0};

	is_int(dns_apply(conf, &err), -1);
	is_cstr(err.text, why);
	conf_unref(&conf);
}

static void test_options(void)
{
	struct dns_options how;

	dns_configure("outgoing_s2s_port: 1234\noutgoing_s2s_families: ipv4\ns2s_dns_timeout: infinity\n"
		      "s2s_dns_retries: 0\ns2s_allow_literal_addresses: true\n");
	dns_options_read(dns_conf, STR("probe.example"), &how);
	is_int(how.port, 1234);
	is_int(how.families[0], AF_INET);
	is_int(how.families[1], AF_UNSPEC);
	is_int(how.timeout_ms, 0);
	is_int(how.tries, 1);
	ok(how.allow_literal);
	refuses("hosts: [a]\ns2s_dns_servers: [nowhere]\n", "s2s_dns_servers: 'nowhere' is no address");
	refuses("hosts: [a]\ns2s_dns_servers: 127.0.0.1@x\n",
	    "s2s_dns_servers: '127.0.0.1@x' has no port behind '@'");
	refuses("hosts: [a]\ns2s_dns_trust_anchor: /nonexistent\n",
	    "s2s_dns_trust_anchor: /nonexistent cannot be read");
	is_cstr(ask("plain.example"), "xmpp.hoster.example:5269");
}

int main(void)
{
	dns_start();
	run(test_srv);
	run(test_fallback);
	run(test_international);
	run(test_literals);
	run(test_many_records);
	run(test_silence);
	run(test_addresses);
	run(test_many_addresses);
	run(test_late_family);
	run(test_cancel);
	run(test_cancel_silent);
	run(test_hosts_file);
	run(test_reload);
	run(test_options);
	dns_stop();
	strbuf_fini(&steps);
	return tap_done();
}
