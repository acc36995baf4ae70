/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_privilege/permission.h"

#include "stanzad/access.h"

static const char *const types[] = {
    [MAY_NOTHING] = "none", [MAY_GET] = "get", [MAY_SET] = "set", [MAY_BOTH] = "both"};

/* --- the options ---------------------------------------------------------------------------------------- */

static int check_rule(const struct module_instance *instance, const struct option_node *rule, struct err *err)
{
	if (rule->kind != OPTION_NODE_SCALAR)
		return err_set(err, "%s:%u: expected the name of an access rule", rule->file, rule->line);
	if (!module_rule_exists(instance, rule->scalar))
		return err_set(err, "%s:%u: there is no access rule '%.*s'", rule->file, rule->line,
		    STR_FMT(rule->scalar));
	return 0;
}

/* words: "|get|set|". */
static int check_map(
    const struct module_instance *instance, const struct option_node *map, const char *words, struct err *err)
{
	if (map && map->kind != OPTION_NODE_MAP)
		return err_set(err, "%s:%u: expected a map", map->file, map->line);
	for (const struct option_node *rule = map ? map->items : NULL; rule; rule = rule->next) {
		struct strbuf word = {0};
		strbuf_printf(&word, "|%.*s|", STR_FMT(rule->key->scalar));
		bool known = strstr(words, word.ptr);
		strbuf_fini(&word);
		if (!known)
			return err_set(err, "%s:%u: unknown permission '%.*s'", rule->file, rule->key->line,
			    STR_FMT(rule->key->scalar));
		if (check_rule(instance, rule, err) < 0)
			return -1;
	}
	return 0;
}

int permission_check(struct module_instance *instance, struct err *err)
{
	const struct option_node *iq = module_option(instance, "iq")->node;
	if (check_map(instance, module_option(instance, "roster")->node, "|both|get|set|", err) < 0 ||
	    check_map(instance, module_option(instance, "message")->node, "|outgoing|", err) < 0 ||
	    check_map(instance, module_option(instance, "presence")->node, "|managed_entity|roster|", err) < 0)
		return -1;
	for (const struct option_node *ns = iq ? iq->items : NULL; ns; ns = ns->next)
		if (check_map(instance, ns, "|both|get|set|", err) < 0)
			return -1;
	return 0;
}

/* --- asking --------------------------------------------------------------------------------------------- */

static bool allows(
    const struct module_instance *instance, const struct option_node *map, const char *key, struct str domain)
{
	const struct jid jid = {.text = domain.ptr, .domain_len = (uint16_t)domain.len};
	const struct access_subject subject = {.jid = &jid};
	const struct option_node *rule = map ? option_node_get(map, key) : NULL;
	return rule && module_rule_allows(instance, rule->scalar, &subject) && route_is_component(domain);
}

static enum permission requests(
    const struct module_instance *instance, const struct option_node *map, struct str domain)
{
	if (allows(instance, map, "both", domain))
		return MAY_BOTH;
	return (allows(instance, map, "get", domain) ? MAY_GET : 0) |
	       (allows(instance, map, "set", domain) ? MAY_SET : 0);
}

enum permission permission_roster(const struct module_instance *instance, struct str domain)
{
	return requests(instance, module_option(instance, "roster")->node, domain);
}

enum permission permission_iq(const struct module_instance *instance, struct str domain, struct str ns)
{
	const struct option_node *map = module_option(instance, "iq")->node;
	for (const struct option_node *item = map ? map->items : NULL; item; item = item->next)
		if (str_eq(item->key->scalar, ns))
			return requests(instance, item, domain);
	return MAY_NOTHING;
}

bool permission_message(const struct module_instance *instance, struct str domain)
{
	return allows(instance, module_option(instance, "message")->node, "outgoing", domain);
}

bool permission_roster_presence(const struct module_instance *instance, struct str domain)
{
	return allows(instance, module_option(instance, "presence")->node, "roster", domain) &&
	       (permission_roster(instance, domain) & MAY_GET);
}

bool permission_presence(const struct module_instance *instance, struct str domain)
{
	return allows(instance, module_option(instance, "presence")->node, "managed_entity", domain) ||
	       permission_roster_presence(instance, domain);
}

bool permission_presence_is_given(const struct module_instance *instance)
{
	return module_option(instance, "presence")->node;
}

bool permission_roster_is_given(const struct module_instance *instance)
{
	return module_option(instance, "roster")->node;
}

/* --- telling -------------------------------------------------------------------------------------------- */

static bool put_perm(struct xml_writer *writer, const char *access, const char *type)
{
	xml_open(writer, "perm", NULL);
	xml_put_attr(writer, "access", str_of(access));
	xml_put_attr(writer, "type", str_of(type));
	xml_close(writer);
	return true;
}

static bool put_roster(struct xml_writer *writer, enum permission permission)
{
	if (!permission)
		return false;
	xml_open(writer, "perm", NULL);
	xml_put_attr(writer, "access", STR("roster"));
	xml_put_attr(writer, "type", str_of(types[permission]));
	xml_put_attr(writer, "push", permission & MAY_GET ? STR("true") : STR("false"));
	xml_close(writer);
	return true;
}

static bool put_iq(struct xml_writer *writer, const struct module_instance *instance, struct str domain)
{
	const struct option_node *map = module_option(instance, "iq")->node;
	bool any = false;
	for (const struct option_node *ns = map ? map->items : NULL; ns; ns = ns->next) {
		enum permission permission = requests(instance, ns, domain);
		if (!permission)
			continue;
		if (!any) {
			xml_open(writer, "perm", NULL);
			xml_put_attr(writer, "access", STR("iq"));
			any = true;
		}
		xml_open(writer, "namespace", NULL);
		xml_put_attr(writer, "ns", ns->key->scalar);
		xml_put_attr(writer, "type", str_of(types[permission]));
		xml_close(writer);
	}
	if (any)
		xml_close(writer);
	return any;
}

bool permission_put(
    struct xml_writer *writer, const char *ns, const struct module_instance *instance, struct str domain)
{
	bool any;
	xml_open(writer, "privilege", ns);
	any = put_roster(writer, permission_roster(instance, domain));
	if (permission_message(instance, domain))
		any = put_perm(writer, "message", "outgoing");
	if (put_iq(writer, instance, domain))
		any = true;
	if (permission_roster_presence(instance, domain))
		any = put_perm(writer, "presence", "roster");
	else if (permission_presence(instance, domain))
		any = put_perm(writer, "presence", "managed_entity");
	xml_close(writer);
	return any;
}
