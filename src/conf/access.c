/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/access.h"

#include "conf/acl.h"
#include "conf/snapshot.h"

static bool test_match(const struct conf *conf, const struct conf_scope *scope, const struct acl_test *test,
    const struct access_subject *subject);

static bool any_match(const struct conf *conf, const struct conf_scope *scope, const struct acl_test *test,
    const struct access_subject *subject)
{
	for (; test; test = test->next) {
		if (test_match(conf, scope, test, subject))
			return true;
	}
	return false;
}

/* References never form a circle: the loader refuses that. */
static bool named_match(const struct conf *conf, const struct conf_scope *scope, struct str name,
    const struct access_subject *subject)
{
	const struct acl *acl = map_get(scope->acls, name);

	return acl && any_match(conf, scope, acl->any, subject);
}

/* The server that the file names; without one, any host that is served here. */
static bool server_match(const struct conf *conf, const struct acl_test *test, const struct jid *jid)
{
	struct str domain = jid_domain(jid);

	return test->server.len ? str_eq(test->server, domain) : conf_is_host(conf, domain);
}

static bool jid_match(const struct conf *conf, const struct acl_test *test, const struct jid *jid)
{
	struct str resource = jid->resource_len ? jid_resource(jid) : STR_NULL;

	switch (test->kind) {
	case ACL_USER:
		return str_eq(test->name, jid_local(jid)) && server_match(conf, test, jid);
	case ACL_SERVER:
		return str_eq(test->server, jid_domain(jid));
	case ACL_RESOURCE:
		return str_eq(test->name, resource);
	case ACL_USER_PATTERN:
		return server_match(conf, test, jid) && pattern_match(test->name_pattern, jid_local(jid));
	case ACL_SERVER_PATTERN:
		return pattern_match(test->server_pattern, jid_domain(jid));
	case ACL_RESOURCE_PATTERN:
		return pattern_match(test->name_pattern, resource);
	case ACL_NODE_PATTERN:
		return pattern_match(test->server_pattern, jid_domain(jid)) &&
		       pattern_match(test->name_pattern, jid_local(jid));
	default:
		return false;
	}
}

static bool test_match(const struct conf *conf, const struct conf_scope *scope, const struct acl_test *test,
    const struct access_subject *subject)
{
	switch (test->kind) {
	case ACL_ALL:
		return true;
	case ACL_NONE:
		return false;
	case ACL_IP:
		return ip_network_has(&test->network, subject->address);
	case ACL_REFERENCE:
		return named_match(conf, scope, test->name, subject);
	case ACL_ANY:
		return any_match(conf, scope, test->any, subject);
	default:
		return subject->jid && jid_match(conf, test, subject->jid);
	}
}

/* The first rule all of whose tests match; NULL. */
static const struct access_rule *first_match(const struct conf *conf, const struct conf_scope *scope,
    const struct access *access, const struct access_subject *subject)
{
	for (const struct access_rule *rule = access->rules; rule; rule = rule->next) {
		const struct acl_test *test = rule->all;

		while (test && test_match(conf, scope, test, subject))
			test = test->next;
		if (!test)
			return rule;
	}
	return NULL;
}

static bool named_allowed(const struct conf *conf, const struct conf_scope *scope, struct str name,
    const struct access_subject *subject)
{
	const struct access *access;
	const struct access_rule *rule;

	if (str_is(name, "all"))
		return true;
	access = map_get(scope->access_rules, name);
	rule = access ? first_match(conf, scope, access, subject) : NULL;
	return rule && str_is(rule->word, "allow");
}

bool access_allowed(const struct conf *conf, struct str host, const struct access *access,
    const struct access_subject *subject)
{
	const struct conf_scope *scope = conf_scope(conf, host);
	const struct access_rule *rule;

	if (!access)
		return false;
	if (access->name.len)
		return named_allowed(conf, scope, access->name, subject);
	rule = first_match(conf, scope, access, subject);
	return rule && str_is(rule->word, "allow");
}

bool access_rule_allowed(
    const struct conf *conf, struct str host, struct str rule, const struct access_subject *subject)
{
	return named_allowed(conf, conf_scope(conf, host), rule, subject);
}

bool access_rule_exists(const struct conf *conf, struct str host, struct str rule)
{
	return str_is(rule, "all") || str_is(rule, "none") ||
	       map_get(conf_scope(conf, host)->access_rules, rule);
}

bool access_acl_match(
    const struct conf *conf, struct str host, const char *acl, const struct access_subject *subject)
{
	if (strcmp(acl, "all") == 0)
		return true;
	return named_match(conf, conf_scope(conf, host), str_of(acl), subject);
}

int64_t access_rule_number(const struct conf *conf, struct str host, const char *rule,
    const struct access_subject *subject, int64_t fallback)
{
	const struct conf_scope *scope = conf_scope(conf, host);
	const struct access *access = map_get(scope->shaper_rules, str_of(rule));
	const struct access_rule *match = access ? first_match(conf, scope, access, subject) : NULL;

	return match && match->is_number ? match->number : fallback;
}

int64_t access_number(const struct conf *conf, struct str host, const struct option_value *value,
    const struct access_subject *subject, int64_t fallback)
{
	const struct conf_scope *scope = conf_scope(conf, host);
	const struct access *access = value->access;
	const struct access_rule *match;

	if (value->present && !access)
		return value->integer >= 0 ? value->integer : fallback;
	if (access && access->name.len)
		access = map_get(scope->shaper_rules, access->name);
	match = access ? first_match(conf, scope, access, subject) : NULL;
	return match && match->is_number ? match->number : fallback;
}

static struct shaper_rate named_rate(const struct conf *conf, struct str name)
{
	const struct shaper *shaper = map_get(conf->shapers, name);

	return shaper ? (struct shaper_rate){shaper->rate, shaper->burst} : (struct shaper_rate){0};
}

static struct shaper_rate number_rate(int64_t rate)
{
	return rate > 0 && rate != OPTION_INFINITE ? (struct shaper_rate){rate, rate}
						   : (struct shaper_rate){0};
}

struct shaper_rate access_shaper(const struct conf *conf, struct str host, const struct option_value *shaper,
    const struct access_subject *subject)
{
	const struct conf_scope *scope = conf_scope(conf, host);
	const struct access *access = shaper->access;
	const struct access_rule *match;

	if (!shaper->present)
		return (struct shaper_rate){0};
	if (!access)
		return number_rate(shaper->integer);
	if (access->name.len) {
		const struct access *rules = map_get(scope->shaper_rules, access->name);

		if (!rules)
			return named_rate(conf, access->name);
		access = rules;
	}
	match = first_match(conf, scope, access, subject);
	if (!match)
		return (struct shaper_rate){0};
	return match->is_number ? number_rate(match->number) : named_rate(conf, match->word);
}
