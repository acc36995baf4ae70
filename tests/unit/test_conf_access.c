/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/access.h"

#include "conf_load.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static struct conf *conf;
static struct arena arena;

static bool allowed_at(const char *host, const char *rule, const char *jid, const char *address)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct access_subject subject = {0};
	struct jid parsed;

	if (jid && jid_parse(str_of(jid), &arena, &parsed, NULL) == 0)
		subject.jid = &parsed;
	if (address && inet_pton(AF_INET, address, &v4.sin_addr) == 1)
		subject.address = (struct sockaddr *)&v4;
	return access_rule_allowed(conf, str_of(host), str_of(rule), &subject);
}

static bool allowed(const char *rule, const char *jid)
{
	return allowed_at(NULL, rule, jid, NULL);
}

static bool in_acl(const char *acl, const char *jid)
{
	struct access_subject subject = {0};
	struct jid parsed;

	if (jid_parse(str_of(jid), &arena, &parsed, NULL) < 0)
		return false;
	subject.jid = &parsed;
	return access_acl_match(conf, STR_NULL, acl, &subject);
}

static int64_t number(const char *rule, const char *jid)
{
	struct access_subject subject = {0};
	struct jid parsed;

	if (jid && jid_parse(str_of(jid), &arena, &parsed, NULL) == 0)
		subject.jid = &parsed;
	return access_rule_number(conf, STR_NULL, rule, &subject, -1);
}

static void finish(void)
{
	conf_unref(&conf);
	arena_fini(&arena);
}

static void test_acl_types(void)
{
	conf = must_load("hosts: [here.example, there.example]\n"
			 "acl:\n"
			 "  plain: {user: peter}\n"
			 "  full: {user: peter@other.example}\n"
			 "  pair: {user: {susan: other.example}}\n"
			 "  many: {user: [a, b@x.example, {c: y.example}]}\n"
			 "  listed: [{user: a}, {user: b}]\n"
			 "  folded: {user: PeteR}\n"
			 "  nobody: {user: ['']}\n"
			 "  server: {server: other.example}\n"
			 "  resource: {resource: muckl}\n"
			 "  local: {user_regexp: ''}\n"
			 "  tests: {user_regexp: '^test[0-9]*$'}\n"
			 "  testsat: {user_regexp: ['^test1': x.example, '^test2@y.example']}\n"
			 "  icq: {server_regexp: '^icq\\.'}\n"
			 "  laptop: {resource_regexp: '^laptop'}\n"
			 "  node: {node_regexp: {'^y$': '^example\\.(com|org)$'}}\n"
			 "  nodeat: {node_regexp: '^y$@^example'}\n"
			 "  ug: {user_glob: 'bot-*'}\n"
			 "  sg: {server_glob: '*.example'}\n"
			 "  rg: {resource_glob: 'r?'}\n"
			 "  ng: {node_glob: {'a*': '*.org'}}\n"
			 "  outer: {acl: [plain, server]}\n"
			 "  world: all\n"
			 "  empty: none\n");
	if (!conf)
		return;
	ok(in_acl("plain", "peter@here.example/x"));
	ok(in_acl("plain", "peter@there.example"));
	ok(!in_acl("plain", "peter@other.example"));
	ok(in_acl("full", "peter@other.example/r"));
	ok(!in_acl("full", "peter@here.example"));
	ok(in_acl("pair", "susan@other.example"));
	ok(in_acl("many", "a@here.example") && in_acl("many", "b@x.example") &&
	    in_acl("many", "c@y.example"));
	ok(!in_acl("many", "b@here.example"));
	ok(in_acl("listed", "b@here.example"));
	ok(in_acl("folded", "peter@here.example"));
	ok(!in_acl("nobody", "here.example"));
	ok(!in_acl("nobody", "a@here.example"));
	ok(in_acl("server", "x@other.example") && in_acl("server", "other.example"));
	ok(in_acl("resource", "a@b/muckl") && !in_acl("resource", "a@b") && !in_acl("resource", "a@b/muck"));
	ok(in_acl("local", "anybody@here.example") && !in_acl("local", "anybody@other.example"));
	ok(in_acl("tests", "test12@here.example") && !in_acl("tests", "test12@x.example"));
	ok(in_acl("testsat", "test1@x.example") && in_acl("testsat", "test2@y.example"));
	ok(!in_acl("testsat", "test1@y.example"));
	ok(in_acl("icq", "1@icq.example") && !in_acl("icq", "1@aicq.example"));
	ok(in_acl("laptop", "a@b/laptop1") && !in_acl("laptop", "a@b/phone"));
	ok(in_acl("node", "y@example.org") && !in_acl("node", "y@example.net") &&
	    !in_acl("node", "yy@example.org"));
	ok(in_acl("nodeat", "y@example.net"));
	ok(in_acl("ug", "bot-1@here.example") && !in_acl("ug", "bot-1@x.example"));
	ok(in_acl("sg", "a@z.example") && !in_acl("sg", "a@example"));
	ok(in_acl("rg", "a@b/r1") && !in_acl("rg", "a@b/r12"));
	ok(in_acl("ng", "ab@x.org") && !in_acl("ng", "b@x.org"));
	ok(in_acl("outer", "peter@here.example") && in_acl("outer", "q@other.example"));
	ok(in_acl("world", "a@b") && in_acl("all", "a@b"));
	ok(!in_acl("empty", "a@b") && !in_acl("none", "a@b") && !in_acl("missing", "a@b"));
	finish();
}

static void test_rules(void)
{
	conf = must_load("hosts: [here.example]\n"
			 "acl:\n"
			 "  admin: {user: root}\n"
			 "  banned: {user: [eve, mallory]}\n"
			 "  loopback: {ip: [127.0.0.1/8, '::1']}\n"
			 "access_rules:\n"
			 "  map: {deny: banned, allow: all}\n"
			 "  list:\n"
			 "    - deny: banned\n"
			 "    - allow\n"
			 "  twice: {deny: {user: eve}, deny: {user: bob}, allow: all}\n"
			 "  both: {allow: [acl: loopback, acl: admin]}\n"
			 "  names: {allow: [loopback, admin]}\n"
			 "  place: {allow: {user: bot@other.example, ip: 10.0.0.0/24}}\n"
			 "  oneof: {allow: {ip: [10.0.0.0/24, 192.0.2.1]}}\n"
			 "  bare: allow\n"
			 "  order: [allow: admin, deny: all, allow: all]\n"
			 "  unknown: {allow: ghosts}\n"
			 "  denyunknown: {deny: ghosts, allow: all}\n");
	if (!conf)
		return;
	ok(allowed("map", "a@here.example") && !allowed("map", "eve@here.example"));
	ok(!allowed("map", "mallory@here.example"));
	ok(allowed("list", "a@here.example") && !allowed("list", "eve@here.example"));
	ok(!allowed("twice", "eve@here.example") && !allowed("twice", "bob@here.example"));
	ok(allowed("twice", "a@here.example"));
	ok(allowed_at(NULL, "both", "root@here.example", "127.0.0.1"));
	ok(!allowed_at(NULL, "both", "root@here.example", "10.0.0.1"));
	ok(!allowed_at(NULL, "both", "a@here.example", "127.0.0.1"));
	ok(!allowed_at(NULL, "both", "root@here.example", NULL));
	ok(allowed_at(NULL, "names", "root@here.example", "127.0.0.1"));
	ok(!allowed_at(NULL, "names", "a@here.example", "127.0.0.1"));
	ok(allowed_at(NULL, "place", "bot@other.example", "10.0.0.7"));
	ok(!allowed_at(NULL, "place", "bot@other.example", "10.0.1.7"));
	ok(allowed_at(NULL, "oneof", NULL, "192.0.2.1") && !allowed_at(NULL, "oneof", NULL, "192.0.2.2"));
	ok(allowed("bare", NULL));
	ok(allowed("order", "root@here.example") && !allowed("order", "a@here.example"));
	ok(!allowed("unknown", "a@here.example") && allowed("denyunknown", "a@here.example"));
	ok(allowed("all", NULL) && !allowed("none", NULL) && !allowed("missing", "root@here.example"));
	finish();
}

static void test_hosts(void)
{
	conf = must_load("hosts: [a.example, b.example, c.example]\n"
			 "acl: {admin: {user: root@a.example}, friends: {server: f.example}}\n"
			 "access_rules: {configure: {allow: admin}, talk: {allow: friends}}\n"
			 "host_config:\n"
			 "  b.example:\n"
			 "    acl: {admin: {user: bob@b.example}}\n"
			 "append_host_config:\n"
			 "  c.example:\n"
			 "    acl: {admin: {user: [carl@c.example]}}\n"
			 "    access_rules: {configure: {allow: friends}}\n");
	if (!conf)
		return;
	ok(allowed_at("a.example", "configure", "root@a.example", NULL));
	ok(!allowed_at("a.example", "configure", "bob@b.example", NULL));
	ok(allowed_at("b.example", "configure", "bob@b.example", NULL));
	ok(!allowed_at("b.example", "configure", "root@a.example", NULL));
	ok(!allowed_at("b.example", "talk", "x@f.example", NULL));
	ok(allowed_at("c.example", "configure", "root@a.example", NULL));
	ok(allowed_at("c.example", "configure", "carl@c.example", NULL));
	ok(allowed_at("c.example", "configure", "x@f.example", NULL));
	ok(!allowed_at("c.example", "configure", "x@g.example", NULL));
	ok(!allowed_at("a.example", "configure", "carl@c.example", NULL));
	ok(allowed_at("unserved.example", "configure", "root@a.example", NULL));
	finish();
}

static struct shaper_rate rate_of(const struct conf_listener *listener, const char *jid)
{
	struct access_subject subject = {0};
	struct jid parsed;

	if (jid && jid_parse(str_of(jid), &arena, &parsed, NULL) == 0)
		subject.jid = &parsed;
	return access_shaper(conf, STR_NULL, conf_listener_get(listener, "shaper"), &subject);
}

static void test_shapers(void)
{
	conf = must_load("hosts: [here.example]\n"
			 "acl: {admin: {user: root}}\n"
			 "shaper: {normal: {rate: 3000, burst_size: 20000}, fast: 50 KiB, open: infinity}\n"
			 "shaper_rules:\n"
			 "  max_user_sessions: 10\n"
			 "  offline: {5000: admin, 100: all}\n"
			 "  endless: [infinity: admin, 5]\n"
			 "  never: {7: admin}\n"
			 "  c2s: {none: admin, normal: all}\n"
			 "  direct: fast\n"
			 "listen:\n"
			 "  - {port: 1, module: ejabberd_c2s, shaper: c2s}\n"
			 "  - {port: 2, module: ejabberd_c2s, shaper: normal}\n"
			 "  - {port: 3, module: ejabberd_c2s, shaper: 1234}\n"
			 "  - {port: 4, module: ejabberd_c2s}\n"
			 "  - {port: 5, module: ejabberd_c2s, shaper: [fast: admin, 99]}\n"
			 "  - {port: 6, module: ejabberd_c2s, shaper: direct}\n"
			 "  - {port: 7, module: ejabberd_c2s, shaper: open}\n");
	if (!conf)
		return;
	is_int(number("max_user_sessions", NULL), 10);
	is_int(number("offline", "root@here.example"), 5000);
	is_int(number("offline", "a@here.example"), 100);
	is_int(number("endless", "root@here.example"), OPTION_INFINITE);
	is_int(number("endless", "a@here.example"), 5);
	is_int(number("never", "a@here.example"), -1);
	is_int(number("missing", NULL), -1);
	is_int(number("c2s", NULL), -1);
	is_int(rate_of(conf_listener_at(conf, 0), "a@here.example").rate, 3000);
	is_int(rate_of(conf_listener_at(conf, 0), "a@here.example").burst, 20000);
	is_int(rate_of(conf_listener_at(conf, 0), "root@here.example").rate, 0);
	is_int(rate_of(conf_listener_at(conf, 1), NULL).rate, 3000);
	is_int(rate_of(conf_listener_at(conf, 2), NULL).rate, 1234);
	is_int(rate_of(conf_listener_at(conf, 3), NULL).rate, 0);
	is_int(rate_of(conf_listener_at(conf, 4), "root@here.example").rate, 51200);
	is_int(rate_of(conf_listener_at(conf, 4), NULL).rate, 99);
	is_int(rate_of(conf_listener_at(conf, 5), NULL).burst, 51200);
	is_int(rate_of(conf_listener_at(conf, 6), NULL).rate, 0);
	finish();
}

static void test_numbers_of_options(void)
{
	struct access_subject subject = {0};
	const struct conf_module *module;

	conf = must_load("hosts: [here.example]\n"
			 "shaper_rules: {quota: 7}\n"
			 "modules:\n"
			 "  mod_http_upload_quota: {access_soft_quota: quota, access_hard_quota: 9}\n");
	if (!conf)
		return;
	module = conf_module_at(conf, STR("here.example"), 0);
	is_int(access_number(
		   conf, STR("here.example"), conf_module_get(module, "access_soft_quota"), &subject, -1),
	    7);
	is_int(access_number(
		   conf, STR("here.example"), conf_module_get(module, "access_hard_quota"), &subject, -1),
	    9);
	finish();
}

int main(void)
{
	run(test_acl_types);
	run(test_rules);
	run(test_hosts);
	run(test_shapers);
	run(test_numbers_of_options);
	return tap_done();
}
