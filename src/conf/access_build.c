/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/acl.h"

#include "conf/nearest.h"
#include "conf/scalar.h"
#include "conf/snapshot.h"

/* Tests are joined in the order of the file. */
struct tests {
	struct acl_test *first, *last;
};

static void tests_add(struct tests *tests, const struct acl_test *test)
{
	struct acl_test *added = (struct acl_test *)test;

	if (!test)
		return;
	if (tests->last)
		tests->last->next = added;
	else
		tests->first = added;
	tests->last = added;
}

/* What a rule asks for: an acl's name, a mapping of tests, or a list of those; all of them must match. */
static void build_tests(struct loader *loader, const struct option_node *value, struct tests *tests)
{
	switch (value->kind) {
	case OPTION_NODE_SCALAR:
		if (value->scalar.len > 0)
			tests_add(tests, acl_build_reference(loader, value));
		else
			problem_error(loader, value, "expected the name of an acl, got nothing");
		break;
	case OPTION_NODE_MAP:
		for (const struct option_node *item = value->items; item; item = item->next)
			tests_add(tests, acl_build_test(loader, item));
		break;
	case OPTION_NODE_LIST:
		for (const struct option_node *item = value->items; item; item = item->next)
			build_tests(loader, item, tests);
		break;
	}
}

static bool read_answer(struct loader *loader, const struct option_node *answer,
    enum access_language language, struct access_rule *rule)
{
	struct nearest nearest = {.word = answer->scalar};

	rule->at = answer;
	rule->word = answer->scalar;
	if (answer->kind != OPTION_NODE_SCALAR || answer->scalar.len == 0) {
		problem_error(loader, answer, "expected %s, got %s",
		    language == ACCESS_SHAPERS ? "the name of a shaper or a number" : "allow or deny",
		    problem_got(loader, answer));
		return false;
	}
	if (language == ACCESS_SHAPERS) {
		rule->is_number =
		    scalar_is_infinity(answer->scalar) || str_to_i64(answer->scalar, &rule->number);
		if (scalar_is_infinity(answer->scalar))
			rule->number = OPTION_INFINITE;
		if (!rule->is_number || rule->number >= 0)
			return true;
		problem_error(loader, answer, "expected the name of a shaper or a number from 0, got %s",
		    problem_got(loader, answer));
		return false;
	}
	if (str_is(answer->scalar, "allow") || str_is(answer->scalar, "deny"))
		return true;
	nearest_try_words(&nearest, "allow|deny");
	problem_error(loader, answer, "expected allow or deny, got %s%s", problem_got(loader, answer),
	    nearest_hint(loader, &nearest));
	return false;
}

/* conditions NULL: for all. */
static void add_rule(struct loader *loader, struct access_rule ***end, enum access_language language,
    const struct option_node *answer, const struct option_node *conditions)
{
	struct access_rule *rule = arena_zalloc(loader->arena, sizeof(*rule));
	struct tests tests = {0};

	if (!read_answer(loader, answer, language, rule))
		return;
	if (conditions)
		build_tests(loader, conditions, &tests);
	rule->all = tests.first;
	/* An empty list of conditions is no condition; a broken one was reported. */
	**end = rule;
	*end = (struct access_rule **)&rule->next;
}

static void add_rules(struct loader *loader, struct access_rule ***end, enum access_language language,
    const struct option_node *value)
{
	switch (value->kind) {
	case OPTION_NODE_SCALAR:
		add_rule(loader, end, language, value, NULL);
		break;
	case OPTION_NODE_MAP:
		for (const struct option_node *item = value->items; item; item = item->next)
			add_rule(loader, end, language, item->key, item);
		break;
	case OPTION_NODE_LIST:
		for (const struct option_node *item = value->items; item; item = item->next)
			add_rules(loader, end, language, item);
		break;
	}
}

static struct access *build_rules(
    struct loader *loader, const struct option_node *value, enum access_language language)
{
	struct access *access = arena_zalloc(loader->arena, sizeof(*access));
	struct access_rule *first = NULL, **end = &first;

	add_rules(loader, &end, language, value);
	access->rules = first;
	access->at = value;
	return access;
}

const struct access *access_build(
    struct loader *loader, const struct option_node *value, enum access_language language)
{
	struct access *access;

	if (value->kind != OPTION_NODE_SCALAR)
		return build_rules(loader, value, language);
	if (value->scalar.len == 0) {
		problem_error(loader, value, "expected the name of a rule, got nothing");
		return NULL;
	}
	access = arena_zalloc(loader->arena, sizeof(*access));
	access->name = value->scalar;
	access->at = value;
	return access;
}

struct map *access_build_all(
    struct loader *loader, const struct option_node *value, enum access_language language)
{
	struct map *rules = conf_new_map(loader->conf);

	node_check_unique(loader, value, "rule");
	for (const struct option_node *item = value->items; item; item = item->next) {
		const struct option_node *key = item->key;

		if (key->kind != OPTION_NODE_SCALAR || key->scalar.len == 0)
			problem_error(
			    loader, key, "expected the name of a rule, got %s", problem_got(loader, key));
		else if (language == ACCESS_ALLOW_DENY &&
			 (str_is(key->scalar, "all") || str_is(key->scalar, "none")))
			problem_error(loader, key, "the rules 'all' and 'none' exist already");
		else
			map_put(rules, key->scalar, build_rules(loader, item, language));
	}
	return rules;
}

/* Follows references depth first; a reference into the path that is being followed closes a circle. */
static bool circular(const struct map *acls, const struct acl_test *test, struct map *path, struct map *done)
{
	for (; test; test = test->next) {
		const struct acl *acl;

		if (test->kind == ACL_ANY && circular(acls, test->any, path, done))
			return true;
		if (test->kind != ACL_REFERENCE || map_get(done, test->name))
			continue;
		acl = map_get(acls, test->name);
		if (!acl)
			continue;
		if (map_put(path, test->name, (void *)acl))
			return true;
		if (circular(acls, acl->any, path, done))
			return true;
		map_remove(path, test->name);
		map_put(done, test->name, (void *)acl);
	}
	return false;
}

/* names: the option's node, for the order of the file. */
static void check_circles(struct loader *loader, const struct map *acls, const struct option_node *names)
{
	struct map path = {0}, done = {0};

	for (const struct option_node *item = names ? names->items : NULL; item; item = item->next) {
		struct str name = item->key->scalar;
		const struct acl *acl = item->key->kind == OPTION_NODE_SCALAR ? map_get(acls, name) : NULL;

		if (!acl || map_get(&done, name))
			continue;
		map_put(&path, name, (void *)acl);
		if (circular(acls, acl->any, &path, &done)) {
			problem_error(
			    loader, item->key, "acl %s refers to itself", problem_quote(loader, name));
			break;
		}
		map_remove(&path, name);
		map_put(&done, name, (void *)acl);
	}
	map_fini(&path);
	map_fini(&done);
}

/* An ACL that does not exist matches nobody, which is usual; a name that is nearly another is a mistake. */
static void check_references(struct loader *loader, const struct map *acls, const struct acl_test *test)
{
	for (; test; test = test->next) {
		struct nearest nearest = {.word = test->name};
		uint32_t position = 0;
		struct str name;

		check_references(loader, acls, test->any);
		if (test->kind != ACL_REFERENCE || map_get(acls, test->name))
			continue;
		while (map_next(acls, &position, &name))
			nearest_try(&nearest, name);
		if (nearest.best.ptr)
			problem_warning(loader, test->at, "acl %s is not defined and matches nobody%s",
			    problem_quote(loader, test->name), nearest_hint(loader, &nearest));
	}
}

static void check_shaper_name(struct loader *loader, const struct access_rule *rule)
{
	struct nearest nearest = {.word = rule->word};
	uint32_t position = 0;
	struct str name;

	if (rule->is_number || str_is(rule->word, "none") || map_get(loader->conf->shapers, rule->word))
		return;
	while (map_next(loader->conf->shapers, &position, &name))
		nearest_try(&nearest, name);
	problem_warning(loader, rule->at, "shaper %s is not defined and limits nothing%s",
	    problem_quote(loader, rule->word), nearest_hint(loader, &nearest));
}

void access_check_scope(struct loader *loader, const struct conf_scope *scope)
{
	const struct map *const rules[] = {scope->access_rules, scope->shaper_rules};
	const struct access *access;
	const struct acl *acl;
	uint32_t position = 0;
	struct str name;

	check_circles(loader, scope->acls, scope->values[toplevel_index(STR("acl"))]->node);
	while ((acl = map_next(scope->acls, &position, &name)))
		check_references(loader, scope->acls, acl->any);
	for (size_t i = 0; i < 2; i++) {
		for (position = 0; (access = map_next(rules[i], &position, &name));) {
			for (const struct access_rule *rule = access->rules; rule; rule = rule->next) {
				check_references(loader, scope->acls, rule->all);
				if (i == 1)
					check_shaper_name(loader, rule);
			}
		}
	}
}

static void nearest_names(const struct map *map, struct nearest *nearest)
{
	uint32_t position = 0;
	struct str name;

	while (map_next(map, &position, &name))
		nearest_try(nearest, name);
}

void access_check_value(
    struct loader *loader, const struct conf_scope *scope, const struct option_value *value)
{
	struct nearest nearest = {0};
	struct str name;

	if (!value->given || !value->access || !value->access->name.len)
		return;
	name = nearest.word = value->access->name;
	if (value->option->type == OPTION_ACCESS) {
		if (str_is(name, "all") || str_is(name, "none") || map_get(scope->access_rules, name))
			return;
		nearest_names(scope->access_rules, &nearest);
		problem_warning(loader, value->node, "access rule %s is not defined and denies everybody%s",
		    problem_quote(loader, name), nearest_hint(loader, &nearest));
	} else if (value->option->type == OPTION_SHAPER) {
		if (map_get(scope->shaper_rules, name) || map_get(loader->conf->shapers, name))
			return;
		nearest_names(scope->shaper_rules, &nearest);
		nearest_names(loader->conf->shapers, &nearest);
		problem_warning(loader, value->node, "shaper rule %s is not defined%s",
		    problem_quote(loader, name), nearest_hint(loader, &nearest));
	}
}
