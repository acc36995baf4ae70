/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/auth_methods.h"

#include "base/program.h"
#include "conf/node.h"

static const struct option_value *value_of(const struct conf_scope *scope, const char *name)
{
	return scope->values[toplevel_index(str_of(name))];
}

/* A word of auth_method where it stands in the file; NULL. */
static const struct option_node *find_word(const struct conf_scope *scope, const char *word)
{
	const struct option_value *method = value_of(scope, "auth_method");
	const struct option_node *node = method->node;

	if (!method->present || !node)
		return NULL;
	if (node->kind != OPTION_NODE_LIST)
		return str_is(node->scalar, word) ? node : NULL;
	for (node = node->items; node; node = node->next)
		if (node->kind == OPTION_NODE_SCALAR && str_is(node->scalar, word))
			return node;
	return NULL;
}

static void report_later(struct loader *loader, const struct conf_scope *scope)
{
	static const char *const later[] = {"jwt", "ldap", "pam"};

	for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
		const struct option_node *word = find_word(scope, later[i]);

		if (word)
			problem_later(loader, word, "authentication method '%s'", later[i]);
	}
}

static void check_program(
    struct loader *loader, const struct conf_scope *scope, const struct option_node *external)
{
	const struct option_value *value = value_of(scope, "extauth_program");
	struct program program;
	struct err err = {""};

	if (!value->present) {
		problem_error(loader, external,
		    "authentication method 'external' needs option 'extauth_program': the program to ask");
		return;
	}
	if (program_parse(value->string, &program, &err) < 0)
		problem_error(loader, value->node, "option 'extauth_program': %s",
		    problem_quote(loader, str_of(err.text)));
	program_fini(&program);
}

static bool same_number(const struct option_value *a, const struct option_value *b)
{
	return a->present == b->present && a->integer == b->integer;
}

static void check_shared(struct loader *loader, const struct conf_scope *scope, const struct conf_scope *other)
{
	const struct option_value *name = value_of(scope, "extauth_pool_name");
	const struct option_value *others = value_of(other, "extauth_pool_name");

	if (!find_word(other, "external") ||
	    !str_eq(name->string, others->present ? others->string : other->host))
		return;
	if (!str_eq(value_of(scope, "extauth_program")->string, value_of(other, "extauth_program")->string) ||
	    !same_number(value_of(scope, "extauth_pool_size"), value_of(other, "extauth_pool_size")) ||
	    !same_number(value_of(scope, "extauth_timeout"), value_of(other, "extauth_timeout")))
		problem_error(loader, name->node,
		    "option 'extauth_pool_name': host %s has a pool of this name with another program, size or "
		    "timeout",
		    problem_quote(loader, other->host));
}

void auth_methods_check(struct loader *loader)
{
	const struct conf *conf = loader->conf;

	report_later(loader, &conf->global);
	for (size_t i = 0; i < conf->host_count; i++) {
		const struct conf_scope *scope = &conf->hosts[i];
		const struct option_node *external = find_word(scope, "external");

		report_later(loader, scope);
		if (!external)
			continue;
		check_program(loader, scope, external);
		for (size_t j = 0; j < conf->host_count && value_of(scope, "extauth_pool_name")->present; j++)
			if (i != j)
				check_shared(loader, scope, &conf->hosts[j]);
	}
}
