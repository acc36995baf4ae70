/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf.h"

#include "conf/default.h"
#include "conf/registry.h"
#include "conf_load.h"

static struct str str_option(const struct conf *conf, const char *host, const char *name)
{
	return conf_str(conf, str_of(host), name);
}

static void test_default(void)
{
	struct conf_report report;
	struct conf *conf = NULL;

	if (!ok(conf_load(NULL, &conf, &report) == 0))
		return;
	is_int(report.errors, 0);
	is_int(conf_host_count(conf), 1);
	ok(conf_is_host(conf, STR("localhost")) && !conf_is_host(conf, STR("example.org")));
	is_int(conf_listener_count(conf), 2);
	is_cstr(conf_listener_label(conf_listener_at(conf, 0)), "5222 on ::");
	is_cstr(conf_listener_module(conf_listener_at(conf, 0)), "ejabberd_c2s");
	ok(conf_listener_availability(conf_listener_at(conf, 0)) == CONF_AVAILABLE);
	ok(conf_listener_get(conf_listener_at(conf, 0), "starttls_required")->boolean);
	ok(conf_listener_get(conf_listener_at(conf, 0), "starttls")->boolean);
	ok(!conf_listener_get(conf_listener_at(conf, 1), "starttls")->boolean);
	ok(conf_listener_get(conf_listener_at(conf, 1), "tls")->boolean);
	is_text(str_option(conf, "localhost", "auth_password_format"), "scram");
	is_text(
	    conf_module_get(conf_module_find(conf, STR("localhost"), "mod_register"), "ip_access")->string,
	    "trusted_network");
	conf_report_fini(&report);
	conf_unref(&conf);
	ok(!conf);
}

/* Every default of every table is a value of its type. */
static void test_all_defaults(void)
{
	struct strbuf text = {0};
	struct conf *conf;
	int port = 1000, modules = 0;

	strbuf_cstr(&text, "hosts: [localhost]\nmodules:\n");
	for (const struct registered *module = known_modules; module->name; module++, modules++)
		strbuf_printf(&text, "  %s: {}\n", module->name);
	strbuf_cstr(&text, "listen:\n");
	for (const struct registered *listener = known_listeners; listener->name; listener++)
		strbuf_printf(&text, "  - {port: %d, module: %s}\n", port++, listener->name);
	conf = must_load(text.ptr);
	if (conf) {
		is_int(conf_module_count(conf, STR("localhost")), modules);
		is_int(conf_listener_count(conf), 8);
	}
	conf_unref(&conf);
	strbuf_fini(&text);
}

static void test_values(void)
{
	struct conf *conf = must_load("hosts: [localhost]\n"
				      "loglevel: 5\n"
				      "negotiation_timeout: 10 minutes\n"
				      "registration_timeout: infinity\n"
				      "auth_method: [mnesia, sql]\n"
				      "disable_sasl_mechanisms: digest-md5\n"
				      "hide_sensitive_log_data: on\n"
				      "s2s_use_starttls: yes\n"
				      "workers: 4\n");
	const struct option_value *value;

	if (!conf)
		return;
	is_text(str_option(conf, NULL, "loglevel"), "debug");
	is_int(conf_int(conf, STR_NULL, "negotiation_timeout"), 600000);
	is_int(conf_int(conf, STR_NULL, "registration_timeout"), OPTION_INFINITE);
	value = conf_get(conf, STR_NULL, "auth_method");
	is_int(value->string_count, 2);
	is_text(value->strings[0], "internal");
	is_text(value->strings[1], "sql");
	ok(value->given);
	value = conf_get(conf, STR_NULL, "disable_sasl_mechanisms");
	is_int(value->string_count, 1);
	ok(conf_bool(conf, STR_NULL, "hide_sensitive_log_data"));
	is_text(str_option(conf, NULL, "s2s_use_starttls"), "optional");
	is_int(conf_int(conf, STR_NULL, "workers"), 4);
	value = conf_get(conf, STR_NULL, "resource_conflict");
	ok(value->present && !value->given);
	is_int(value->integer, 0);
	ok(!conf_get(conf, STR_NULL, "sql_database")->present);
	conf_unref(&conf);
}

static void test_host_config(void)
{
	struct conf *conf = must_load("hosts: [One.example, two.example, three.example]\n"
				      "language: en\n"
				      "modules: {mod_ping: {}, mod_disco: {name: all}}\n"
				      "host_config:\n"
				      "  one.example: {language: de, auth_method: anonymous}\n"
				      "  two.example: {modules: {mod_last: {}}}\n"
				      "append_host_config:\n"
				      "  three.example:\n"
				      "    modules: {mod_disco: {extra_domains: [x]}, mod_time: {}}\n");
	const struct conf_module *disco;

	if (!conf)
		return;
	is_text(conf_host_at(conf, 0), "one.example");
	is_text(str_option(conf, NULL, "language"), "en");
	is_text(str_option(conf, "one.example", "language"), "de");
	is_text(str_option(conf, "two.example", "language"), "en");
	is_text(conf_get(conf, STR("one.example"), "auth_method")->strings[0], "anonymous");
	is_int(conf_module_count(conf, STR("one.example")), 2);
	is_int(conf_module_count(conf, STR("two.example")), 1);
	is_cstr(conf_module_name(conf_module_at(conf, STR("two.example"), 0)), "mod_last");
	is_int(conf_module_count(conf, STR("three.example")), 3);
	disco = conf_module_find(conf, STR("three.example"), "mod_disco");
	is_text(conf_module_get(disco, "name")->string, "all");
	is_int(conf_module_get(disco, "extra_domains")->string_count, 1);
	ok(!conf_module_find(conf, STR("two.example"), "mod_ping"));
	is_int(conf_module_count(conf, STR_NULL), 0);
	conf_unref(&conf);
}

static void test_macros(void)
{
	struct conf *conf = must_load("define_macro:\n"
				      "  PORT: 5299\n"
				      "  CIPHERS: 'HIGH:!aNULL:@STRENGTH'\n"
				      "  LIST: [PORT, b]\n"
				      "  ALIAS: LEVEL\n"
				      "  LEVEL: warning\n"
				      "  BOB: {user: [bob@a.example]}\n"
				      "define_keyword:\n"
				      "  NAME: word\n"
				      "  MIXED: '@NAME@-@PORT@'\n"
				      "hosts: [a.example, b.example]\n"
				      "loglevel: ALIAS\n"
				      "c2s_ciphers: 'CIPHERS'\n"
				      "trusted_proxies: []\n"
				      "disable_sasl_mechanisms: LIST\n"
				      "sql_username: 'pre.@NAME@.@UNKNOWN@'\n"
				      "sql_database: '@HOST@ @MIXED@'\n"
				      "version: NAME\n"
				      "acl: {admin: BOB}\n"
				      "listen: [{port: PORT, module: ejabberd_c2s}]\n"
				      "modules:\n"
				      "  mod_disco: {name: 'Hi @HOST@ @NAME@', extra_domains: ['x.@HOST@']}\n"
				      "  mod_http_upload: {put_url: 'https://@HOST_URL_ENCODE@/u'}\n"
				      "host_config:\n"
				      "  b.example:\n"
				      "    define_keyword: {NAME: other}\n"
				      "    sql_username: '@NAME@'\n");
	const struct conf_module *a, *b;

	if (!conf)
		return;
	is_text(str_option(conf, NULL, "loglevel"), "warning");
	is_text(conf_get(conf, STR_NULL, "c2s_ciphers")->strings[0], "HIGH:!aNULL:@STRENGTH");
	is_text(conf_get(conf, STR_NULL, "disable_sasl_mechanisms")->strings[0], "5299");
	is_text(str_option(conf, NULL, "sql_username"), "pre.word.@UNKNOWN@");
	is_text(str_option(conf, "b.example", "sql_username"), "other");
	is_text(str_option(conf, NULL, "sql_database"), "@HOST@ word-5299");
	is_text(str_option(conf, NULL, "version"), "NAME");
	is_int(conf_listener_get(conf_listener_at(conf, 0), "port")->integer, 5299);
	a = conf_module_find(conf, STR("a.example"), "mod_disco");
	b = conf_module_find(conf, STR("b.example"), "mod_disco");
	is_text(conf_module_get(a, "name")->string, "Hi a.example word");
	is_text(conf_module_get(b, "name")->string, "Hi b.example other");
	is_text(conf_module_get(b, "extra_domains")->strings[0], "x.b.example");
	is_text(
	    conf_module_get(conf_module_find(conf, STR("a.example"), "mod_http_upload"), "put_url")->string,
	    "https://a.example/u");
	conf_unref(&conf);
}

static void test_listeners(void)
{
	struct conf *conf =
	    must_load("hosts: [localhost]\n"
		      "listen:\n"
		      "  - {port: 'unix:/run/c2s', module: ejabberd_c2s, unix_socket: {mode: '0600'}}\n"
		      "  - {port: 3478, transport: udp, module: ejabberd_stun, ip: '::'}\n"
		      "  - {port: 5222, module: ejabberd_c2s, ip: 127.0.0.1, tls_verify: true,\n"
		      "     use_proxy_protocol: true, access: [allow], send_timeout: 20}\n");
	const struct conf_listener *listener;

	if (!conf)
		return;
	listener = conf_listener_at(conf, 0);
	is_cstr(conf_listener_label(listener), "unix:/run/c2s");
	is_int(conf_listener_get(listener, "port")->integer, 0);
	is_text(option_node_get(conf_listener_get(listener, "unix_socket")->node, "mode")->scalar, "0600");
	listener = conf_listener_at(conf, 1);
	is_cstr(conf_listener_label(listener), "3478 on :: (udp)");
	ok(conf_listener_availability(listener) == CONF_NOT_YET);
	listener = conf_listener_at(conf, 2);
	ok(conf_listener_get(listener, "starttls")->boolean);
	ok(!conf_listener_get(listener, "starttls_required")->boolean);
	ok(conf_listener_get(listener, "use_proxy_protocol")->boolean);
	is_int(conf_listener_get(listener, "send_timeout")->integer, 20000);
	is_int(conf_listener_get(listener, "backlog")->integer, 128);
	is_int(conf_listener_get(listener, "pre_auth_max_stanza_size")->integer, 16384);
	conf_unref(&conf);
}

static void test_same(void)
{
	const char *first =
	    "hosts: [a.example]\nlisten: [{port: 1, module: ejabberd_c2s}]\n"
	    "modules: {mod_ping: {ping_interval: 60}, mod_muc: {default_room_options: {mam: true}}}\n";
	const char *second =
	    "hosts: [a.example]\nlisten: [{port: 1, module: ejabberd_c2s, access: none}]\n"
	    "modules: {mod_ping: {ping_interval: 1 min}, mod_muc: {default_room_options: {mam: no}}}\n";
	struct conf *a = must_load(first), *b = must_load(first), *c = must_load(second);
	struct str host = STR("a.example");

	if (!a || !b || !c)
		return;
	ok(conf_module_same(conf_module_at(a, host, 1), conf_module_at(b, host, 1)));
	ok(!conf_module_same(conf_module_at(a, host, 1), conf_module_at(c, host, 1)));
	ok(conf_module_same(conf_module_at(a, host, 0), conf_module_at(c, host, 0)));
	ok(!conf_module_same(conf_module_at(a, host, 0), conf_module_at(a, host, 1)));
	ok(conf_listener_same(conf_listener_at(a, 0), conf_listener_at(b, 0)));
	ok(!conf_listener_same(conf_listener_at(a, 0), conf_listener_at(c, 0)));
	conf_unref(&a);
	conf_unref(&b);
	conf_unref(&c);
}

static void test_restart(void)
{
	struct conf *a = must_load("hosts: [a.example]\nworkers: 2\nlanguage: de\n");
	struct conf *b = must_load("hosts: [a.example]\nworkers: 3\nlanguage: en\n");
	size_t position = 0;

	if (!a || !b)
		return;
	is_cstr(conf_next_restart_change(a, b, &position), "workers");
	ok(!conf_next_restart_change(a, b, &position));
	position = 0;
	ok(!conf_next_restart_change(a, a, &position));
	conf_unref(&a);
	conf_unref(&b);
}

static void test_register(void)
{
	static const struct option own[] = {{"greeting", OPTION_STRING, "'hello @HOST@'"}, {0}};
	static const char text[] = "hosts: [a.example, b.example]\nmodules: {mod_time: {greeting: x}}\n";
	char *problems = problems_of(text);
	struct conf *conf;

	ok(strstr(problems, "unknown option 'greeting' of module 'mod_time'"));
	free(problems);
	conf_register_module("mod_time", own, CONF_AVAILABLE);
	conf_register_module("mod_new", own, CONF_AVAILABLE);
	problems = problems_of(text);
	is_cstr(problems, "");
	free(problems);
	conf = must_load("hosts: [a.example, b.example]\nmodules: {mod_new: {}}\n");
	if (!conf)
		return;
	is_text(conf_module_get(conf_module_at(conf, STR("b.example"), 0), "greeting")->string,
	    "hello b.example");
	ok(conf_module_availability(conf_module_at(conf, STR("b.example"), 0)) == CONF_AVAILABLE);
	conf_unref(&conf);
}

static void test_install(void)
{
	struct conf *first = must_load("hosts: [a.example]\n"), *second = must_load("hosts: [b.example]\n"),
		    *old;

	ok(!conf_current());
	ok(!conf_install(first));
	ok(conf_current() == first);
	old = conf_install(conf_ref(second));
	ok(old == first);
	conf_unref(&old);
	old = conf_install(NULL);
	ok(old == second);
	conf_unref(&old);
	ok(conf_is_host(second, STR("b.example")));
	conf_unref(&second);
}

/* What costs nothing to write must not cost much to load. */
static void test_bombs(void)
{
	struct strbuf text = {0};
	char *problems;

	strbuf_cstr(&text, "hosts: [localhost]\ndefine_macro:\n  A0: [x]\n");
	for (int i = 1; i < 16; i++)
		strbuf_printf(&text, "  A%d: [A%d, A%d, A%d, A%d, A%d, A%d, A%d, A%d]\n", i, i - 1, i - 1,
		    i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
	strbuf_cstr(&text, "disable_sasl_mechanisms: A15\n");
	problems = problems_of(text.ptr);
	ok(strstr(problems, "too large"));
	free(problems);
	strbuf_reset(&text);
	for (int i = 0; i < 100; i++)
		strbuf_char(&text, '[');
	problems = problems_of(text.ptr);
	ok(strstr(problems, "nested too deep"));
	free(problems);
	problems = problems_of("a: &x [*x]\n");
	ok(strstr(problems, "an alias needs an anchor that ends before it"));
	free(problems);
	problems = problems_of("hosts: &x [localhost]\ndisable_sasl_mechanisms: *x\n");
	is_cstr(problems, "");
	free(problems);
	strbuf_fini(&text);
}

int main(void)
{
	run(test_default);
	run(test_all_defaults);
	run(test_values);
	run(test_host_config);
	run(test_macros);
	run(test_listeners);
	run(test_same);
	run(test_bombs);
	run(test_install);
	run(test_restart);
	run(test_register);
	return tap_done();
}
