/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/renames.h"

static const struct rename toplevel[] = {
    {"access", RENAME_DROP, "use 'access_rules'"},
    {"c2s_certfile", RENAME_JOIN, "certfiles"},
    {"ca_path", RENAME_DROP, "use 'ca_file'"},
    {"commands", RENAME_DROP, "use 'api_permissions'"},
    {"commands_admin_access", RENAME_DROP, "use 'api_permissions'"},
    {"deref_aliases", RENAME_TO, "ldap_deref_aliases"},
    {"domain_certfile", RENAME_JOIN, "certfiles"},
    {"ejabberdctl_access_commands", RENAME_DROP, "use 'api_permissions'"},
    {"extauth_cache", RENAME_DROP, "use 'auth_use_cache' and 'auth_cache_life_time'"},
    {"extauth_instances", RENAME_TO, "extauth_pool_size"},
    {"iqdisc", RENAME_DROP, ""},
    {"ldap_group_cache_size", RENAME_DROP, ""},
    {"ldap_group_cache_validity", RENAME_DROP, ""},
    {"ldap_local_filter", RENAME_DROP, ""},
    {"ldap_user_cache_size", RENAME_DROP, ""},
    {"ldap_user_cache_validity", RENAME_DROP, ""},
    {"log_rate_limit", RENAME_DROP, "use 'log_burst_limit_count'"},
    {"log_rotate_date", RENAME_DROP, "use 'log_rotate_size'"},
    {"new_sql_schema", RENAME_TO, "sql_schema_multihost"},
    {"outgoing_s2s_options", RENAME_DROP, "use 'outgoing_s2s_families' and 'outgoing_s2s_timeout'"},
    {"route_subdomains", RENAME_DROP, ""},
    {"s2s_certfile", RENAME_JOIN, "certfiles"},
    {"s2s_default_policy", RENAME_REFUSE,
	"write 's2s_access: all' for 'allow', 's2s_access: none' for 'deny', or the name of an access rule"},
    {"s2s_host", RENAME_REFUSE,
	"put the servers into an ACL ('acl: {partners: {server: [example.org]}}'), allow or deny that in a rule "
	"of 'access_rules', and name the rule in 's2s_access'"},
    {"s2s_policy", RENAME_TO, "s2s_access"},
    {0},
};

static const struct rename listener_options[] = {
    {"certfile", RENAME_JOIN, "certfiles"},
    {"http_poll", RENAME_DROP, ""},
    {"inet", RENAME_DROP, "use 'ip'"},
    {"inet6", RENAME_DROP, "use 'ip'"},
    {"turn_ip", RENAME_TO, "turn_ipv4_address"},
    {0},
};

static const struct rename modules[] = {
    {"mod_echo", RENAME_DROP, ""},
    {"mod_http_bind", RENAME_TO, "mod_bosh"},
    {"mod_muc_occupantid", RENAME_DROP, "rooms do this by themselves"},
    {"mod_vcard_ldap", RENAME_TO, "mod_vcard"},
    {0},
};

static const struct rename module_options[] = {
    {"iqdisc", RENAME_DROP, ""},
    {"ldap_group_cache_size", RENAME_DROP, ""},
    {"ldap_group_cache_validity", RENAME_DROP, ""},
    {"ldap_local_filter", RENAME_DROP, ""},
    {"ldap_user_cache_size", RENAME_DROP, ""},
    {"ldap_user_cache_validity", RENAME_DROP, ""},
    {0},
};

/* Words that mean another word; the ones that are not old are other ways to write the same. */
static const struct {
	const char *option, *from, *to;
	bool old;
} words[] = {
    {"loglevel", "0", "none", false},
    {"loglevel", "1", "critical", false},
    {"loglevel", "2", "error", false},
    {"loglevel", "3", "warning", false},
    {"loglevel", "4", "info", false},
    {"loglevel", "5", "debug", false},
    {"auth_method", "mnesia", "internal", false},
    {"auth_method", "odbc", "sql", true},
    {"default_db", "mnesia", "internal", false},
    {"default_db", "odbc", "sql", true},
    {"db_type", "mnesia", "internal", false},
    {"db_type", "odbc", "sql", true},
    {"oauth_db_type", "mnesia", "internal", false},
    {"oauth_db_type", "odbc", "sql", true},
    {"default_ram_db", "mnesia", "internal", false},
    {"ram_db_type", "mnesia", "internal", false},
    {"router_db_type", "mnesia", "internal", false},
    {"sm_db_type", "mnesia", "internal", false},
    {"s2s_use_starttls", "true", "optional", false},
};

static const struct rename *rename_find(const struct rename *table, struct str name)
{
	for (; table->from; table++) {
		if (str_is(name, table->from))
			return table;
	}
	return NULL;
}

const struct rename *rename_toplevel(struct str name)
{
	return rename_find(toplevel, name);
}

const struct rename *rename_listener_option(struct str name)
{
	return rename_find(listener_options, name);
}

const struct rename *rename_module(struct str name)
{
	return rename_find(modules, name);
}

const struct rename *rename_module_option(struct str name)
{
	return rename_find(module_options, name);
}

const char *rename_word(const char *option, struct str word, bool *old_r)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcmp(words[i].option, option) == 0 && str_is(word, words[i].from)) {
			*old_r = words[i].old;
			return words[i].to;
		}
	}
	return NULL;
}

void rename_warn(
    struct loader *loader, const char *what, const struct option_node *key, const struct rename *rename)
{
	const char *name = problem_quote(loader, key->scalar);

	switch (rename->kind) {
	case RENAME_TO:
		problem_warning(loader, key, "%s %s is called '%s' now", what, name, rename->to);
		break;
	case RENAME_JOIN:
		problem_warning(loader, key, "%s %s is old: put the file into '%s'", what, name, rename->to);
		break;
	case RENAME_REFUSE:
		problem_error(loader, key, "%s %s is old and not read any more: %s", what, name, rename->to);
		break;
	case RENAME_DROP:
		problem_warning(loader, key, "%s %s is old and is left out%s%s", what, name,
		    *rename->to ? ": " : "", rename->to);
		break;
	}
}

const struct option_node *rename_key(struct loader *loader, const struct option_node *key, const char *to)
{
	struct option_node *renamed = node_scalar(loader, key, str_of(to));

	return renamed ? renamed : key;
}

static const struct rename *old_name(const struct option_node *key, const struct option *const *tables,
    const struct rename *(*find)(struct str))
{
	if (key->kind != OPTION_NODE_SCALAR)
		return NULL;
	for (size_t i = 0; tables[i]; i++) {
		if (option_find(tables[i], key->scalar))
			return NULL;
	}
	return find(key->scalar);
}

const struct option_node *rename_options(struct loader *loader, const char *owner,
    const struct option_node *map, const struct option *const *tables,
    const struct rename *(*find)(struct str))
{
	struct option_node *result = node_copy(loader, map);
	struct node_list items = {0};
	bool changed = false;

	for (const struct option_node *value = map->items; result && value; value = value->next) {
		const struct rename *rename = old_name(value->key, tables, find);
		struct option_node *copy;

		if (rename) {
			rename_warn(
			    loader, arena_printf(loader->arena, "%s: option", owner), value->key, rename);
			changed = true;
		}
		if (rename && rename->kind != RENAME_TO)
			continue;
		copy = node_copy(loader, value);
		if (!copy)
			return map;
		copy->key = rename ? rename_key(loader, value->key, rename->to) : value->key;
		node_list_add(&items, copy);
	}
	if (!changed || !result)
		return map;
	result->items = items.first;
	return result;
}
