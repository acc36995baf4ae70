/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/acl.h"

#include "conf/nearest.h"
#include "conf/scalar.h"
#include "conf/snapshot.h"

#define ACL_TYPES                                                                                            \
	"user|server|resource|user_regexp|server_regexp|resource_regexp|node_regexp|user_glob|server_glob|"  \
	"resource_glob|"                                                                                     \
	"node_glob|shared_group|ip|acl"

/* How one type of test is written. */
struct acl_type {
	const char *name;
	enum acl_kind kind;
	bool glob;
};

static const struct acl_type types[] = {
    {"user", ACL_USER},
    {"server", ACL_SERVER},
    {"resource", ACL_RESOURCE},
    {"user_regexp", ACL_USER_PATTERN},
    {"server_regexp", ACL_SERVER_PATTERN},
    {"resource_regexp", ACL_RESOURCE_PATTERN},
    {"node_regexp", ACL_NODE_PATTERN},
    {"user_glob", ACL_USER_PATTERN, true},
    {"server_glob", ACL_SERVER_PATTERN, true},
    {"resource_glob", ACL_RESOURCE_PATTERN, true},
    {"node_glob", ACL_NODE_PATTERN, true},
    {"shared_group", ACL_NONE},
    {"ip", ACL_IP},
    {"acl", ACL_REFERENCE},
    {0},
};

static const struct acl_type *type_find(struct str name)
{
	const struct acl_type *type = types;

	while (type->name && !str_is(name, type->name))
		type++;
	return type->name ? type : NULL;
}

static struct acl_test *test_new(struct loader *loader, enum acl_kind kind, const struct option_node *at)
{
	struct acl_test *test = arena_zalloc(loader->arena, sizeof(*test));

	test->kind = kind;
	test->at = at;
	return test;
}

static bool prepare(struct loader *loader, const struct option_node *at, const char *what, struct str text,
    int (*prep)(struct str, struct arena *, struct str *, struct err *), struct str *part_r)
{
	struct err err;

	if (prep(text, loader->arena, part_r, &err) == 0)
		return true;
	problem_error(loader, at, "%s is not a %s: %s", problem_quote(loader, text), what, err.text);
	return false;
}

static const struct pattern *make_pattern(
    struct loader *loader, const struct option_node *at, struct str text, bool glob)
{
	struct err err;
	const struct pattern *pattern = pattern_new(text, glob, loader->arena, &loader->conf->patterns, &err);

	if (!pattern)
		problem_error(loader, at, "%s %s %s", glob ? "the pattern" : "the regular expression",
		    problem_quote(loader, text), err.text);
	return pattern;
}

/* Splits at the last '@'; false when there is none. */
static bool split_at(struct str text, struct str *before_r, struct str *after_r)
{
	for (size_t i = text.len; i > 0; i--) {
		if (text.ptr[i - 1] == '@') {
			*before_r = (struct str){text.ptr, i - 1};
			*after_r = (struct str){text.ptr + i, text.len - i};
			return true;
		}
	}
	return false;
}

/* Fills a test from the text before and behind the '@', or from the key and value of a mapping. */
static bool fill(struct loader *loader, struct acl_test *test, const struct acl_type *type, struct str name,
    const struct str *server)
{
	const struct option_node *at = test->at;

	switch (type->kind) {
	case ACL_USER:
		/* ejabberd's packages write an empty name: it is nobody's. */
		if (name.len == 0)
			test->kind = ACL_NONE;
		else if (!prepare(loader, at, "user name", name, jid_prep_local, &test->name))
			return false;
		break;
	case ACL_USER_PATTERN:
		test->name_pattern = make_pattern(loader, at, name, type->glob);
		if (!test->name_pattern)
			return false;
		break;
	case ACL_NODE_PATTERN:
		test->name_pattern = make_pattern(loader, at, name, type->glob);
		test->server_pattern = make_pattern(loader, at, *server, type->glob);
		return test->name_pattern && test->server_pattern;
	default:
		break;
	}
	return !server || prepare(loader, at, "domain", *server, jid_prep_domain, &test->server);
}

static bool fill_scalar(struct loader *loader, struct acl_test *test, const struct acl_type *type,
    const struct option_node *value)
{
	struct str name = value->scalar, server;

	switch (type->kind) {
	case ACL_SERVER:
		return prepare(loader, value, "domain", value->scalar, jid_prep_domain, &test->server);
	case ACL_RESOURCE:
		return prepare(loader, value, "resource", value->scalar, jid_prep_resource, &test->name);
	case ACL_SERVER_PATTERN:
		test->server_pattern = make_pattern(loader, value, value->scalar, type->glob);
		return test->server_pattern;
	case ACL_RESOURCE_PATTERN:
		test->name_pattern = make_pattern(loader, value, value->scalar, type->glob);
		return test->name_pattern;
	case ACL_IP:
		if (ip_network_parse(value->scalar, &test->network))
			return true;
		problem_error(loader, value, "expected an IP address or network such as 10.0.0.0/8, got %s",
		    problem_got(loader, value));
		return false;
	case ACL_NODE_PATTERN:
		if (split_at(value->scalar, &name, &server))
			return fill(loader, test, type, name, &server);
		problem_error(loader, value, "expected 'USER@SERVER' or {USER: SERVER}, got %s",
		    problem_got(loader, value));
		return false;
	default:
		if (split_at(value->scalar, &name, &server))
			return fill(loader, test, type, name, &server);
		return fill(loader, test, type, value->scalar, NULL);
	}
}

static const struct acl_test *build_value(
    struct loader *loader, const struct acl_type *type, const struct option_node *value)
{
	struct acl_test *test = test_new(loader, type->kind, value);

	if (type->kind == ACL_REFERENCE && value->kind == OPTION_NODE_SCALAR)
		return acl_build_reference(loader, value);
	if (type->kind == ACL_NONE) {
		problem_later(
		    loader, value, "acl type 'shared_group' is not available yet and matches nobody");
		return test;
	}
	if (value->kind == OPTION_NODE_SCALAR)
		return fill_scalar(loader, test, type, value) ? test : NULL;
	problem_error(
	    loader, value, "acl type '%s': expected a value, got %s", type->name, problem_got(loader, value));
	return NULL;
}

static bool takes_pairs(const struct acl_type *type)
{
	return type->kind == ACL_USER || type->kind == ACL_USER_PATTERN || type->kind == ACL_NODE_PATTERN;
}

/* "user: {susan: example.org}": each pair is a test. */
static const struct acl_test *build_pairs(struct loader *loader, const struct acl_type *type,
    const struct option_node *map, const struct acl_test *rest)
{
	for (const struct option_node *value = map->items; value; value = value->next) {
		struct acl_test *test = test_new(loader, type->kind, value);

		if (value->key->kind != OPTION_NODE_SCALAR || value->kind != OPTION_NODE_SCALAR) {
			problem_error(loader, value, "acl type '%s': expected NAME: SERVER", type->name);
			continue;
		}
		if (!fill(loader, test, type, value->key->scalar, &value->scalar))
			continue;
		test->next = rest;
		rest = test;
	}
	return rest;
}

const struct acl_test *acl_build_test(struct loader *loader, const struct option_node *value)
{
	const struct acl_type *type =
	    value->key->kind == OPTION_NODE_SCALAR ? type_find(value->key->scalar) : NULL;
	const struct acl_test *any = NULL, *test;
	const struct option_node *item = value->kind == OPTION_NODE_LIST ? value->items : value;
	struct nearest nearest = {.word = value->key->scalar};
	struct acl_test *group;

	if (!type) {
		nearest_try_words(&nearest, ACL_TYPES);
		problem_error(loader, value->key, "unknown acl type %s%s", problem_got(loader, value->key),
		    nearest_hint(loader, &nearest));
		return NULL;
	}
	for (; item; item = item == value ? NULL : item->next) {
		if (item->kind == OPTION_NODE_MAP && takes_pairs(type)) {
			any = build_pairs(loader, type, item, any);
			continue;
		}
		test = build_value(loader, type, item);
		if (test) {
			((struct acl_test *)test)->next = any;
			any = test;
		}
	}
	group = test_new(loader, any ? ACL_ANY : ACL_NONE, value->key);
	group->any = any;
	return group;
}

const struct acl_test *acl_build_reference(struct loader *loader, const struct option_node *name)
{
	struct acl_test *test = test_new(loader, ACL_REFERENCE, name);

	if (str_is(name->scalar, "all"))
		test->kind = ACL_ALL;
	else if (str_is(name->scalar, "none"))
		test->kind = ACL_NONE;
	else
		test->name = name->scalar;
	return test;
}

static const struct acl_test *build_item(
    struct loader *loader, const struct option_node *item, const struct acl_test *rest)
{
	const struct acl_test *test;

	if (item->kind == OPTION_NODE_MAP) {
		for (const struct option_node *value = item->items; value; value = value->next) {
			test = acl_build_test(loader, value);
			if (!test)
				continue;
			((struct acl_test *)test)->next = rest;
			rest = test;
		}
		return rest;
	}
	if (item->kind == OPTION_NODE_SCALAR &&
	    (str_is(item->scalar, "all") || str_is(item->scalar, "none"))) {
		test = acl_build_reference(loader, item);
		((struct acl_test *)test)->next = rest;
		return test;
	}
	problem_error(loader, item, "expected 'TYPE: VALUE', all or none, got %s", problem_got(loader, item));
	return rest;
}

static struct acl *build_acl(struct loader *loader, const struct option_node *value)
{
	struct acl *acl = arena_zalloc(loader->arena, sizeof(*acl));

	if (value->kind != OPTION_NODE_LIST) {
		acl->any = build_item(loader, value, NULL);
		return acl;
	}
	for (const struct option_node *item = value->items; item; item = item->next)
		acl->any = build_item(loader, item, acl->any);
	return acl;
}

struct map *acl_build_all(struct loader *loader, const struct option_node *value)
{
	struct map *acls = conf_new_map(loader->conf);

	node_check_unique(loader, value, "acl");
	for (const struct option_node *item = value->items; item; item = item->next) {
		const struct option_node *key = item->key;

		if (key->kind != OPTION_NODE_SCALAR || str_is(key->scalar, "all") ||
		    str_is(key->scalar, "none"))
			problem_error(loader, key,
			    "expected the name of an acl other than 'all' and 'none', got %s",
			    problem_got(loader, key));
		else
			map_put(acls, key->scalar, build_acl(loader, item));
	}
	return acls;
}
