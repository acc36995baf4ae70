/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/service.h"

#include <ctype.h>

#define NS_DISCO_INFO "http://jabber.org/protocol/disco#info"
#define NS_DISCO_ITEMS "http://jabber.org/protocol/disco#items"
#define NS_PING "urn:xmpp:ping"
#define NS_VCARD "vcard-temp"
#define VCARD_NAME_MAX 32 /* bytes of the name of an element */

/* --- domains -------------------------------------------------------------------------------------------- */

struct domains {
	const struct str *list;
	size_t count;
};

typedef const struct option_value *option_of(const struct module_instance *instance, const char *name);

static struct domains domains_of(const struct module_instance *instance, option_of *option)
{
	const struct option_value *host = option(instance, "host"), *hosts = option(instance, "hosts");
	if (host->present && !hosts->given)
		return (struct domains){&host->string, 1};
	return (struct domains){hosts->strings, hosts->string_count};
}

static bool has_domain(struct domains domains, size_t count, struct str domain)
{
	for (size_t i = 0; i < count; i++)
		if (str_eq(domains.list[i], domain))
			return true;
	return false;
}

bool service_has_domain(const struct module_instance *instance, struct str domain)
{
	struct domains domains = domains_of(instance, module_option);
	return has_domain(domains, domains.count, domain);
}

/* Those of domains that are not in without, and not there twice. */
static void remove_routes(struct module_instance *instance, struct domains domains, struct domains without)
{
	for (size_t i = 0; i < domains.count; i++)
		if (!has_domain(without, without.count, domains.list[i]))
			module_remove_route(instance, domains.list[i], NULL);
}

static int add_routes(struct module_instance *instance, const struct service *service, struct domains domains,
    struct domains without, struct err *err)
{
	for (size_t i = 0; i < domains.count; i++) {
		if (has_domain(without, without.count, domains.list[i]) ||
		    has_domain(domains, i, domains.list[i]))
			continue;
		if (module_add_route(instance, domains.list[i], service->deliver, err) < 0) {
			remove_routes(instance, (struct domains){domains.list, i}, without);
			return -1;
		}
	}
	return 0;
}

int service_start(struct module_instance *instance, const struct service *service, struct err *err)
{
	return add_routes(
	    instance, service, domains_of(instance, module_option), (struct domains){NULL, 0}, err);
}

int service_reload(struct module_instance *instance, const struct service *service, struct err *err)
{
	struct domains now = domains_of(instance, module_option);
	struct domains before = domains_of(instance, module_option_before);
	if (add_routes(instance, service, now, before, err) < 0)
		return -1;
	remove_routes(instance, before, now);
	return 0;
}

/* --- options for one of the domains --------------------------------------------------------------------- */

static const struct option_node *own_option(const struct module_instance *instance,
    const struct service *service, struct str domain, const char *name)
{
	if (!service->per_domain)
		return NULL;
	const struct option_node *map = module_option(instance, "append_module_config")->node;
	for (const struct option_node *entry = map ? map->items : NULL; entry; entry = entry->next)
		if (str_eq(entry->key->scalar, domain))
			return option_node_get(entry, name);
	return NULL;
}

static struct str name_of(
    const struct module_instance *instance, const struct service *service, struct str domain)
{
	const struct option_node *own = own_option(instance, service, domain, "name");
	return own && own->kind == OPTION_NODE_SCALAR ? own->scalar : module_option(instance, "name")->string;
}

/* --- answers -------------------------------------------------------------------------------------------- */

static void put_info(const struct module_instance *instance, const struct service *service,
    const struct jid *to, struct xml_writer *reply)
{
	xml_open(reply, "query", NS_DISCO_INFO);
	disco_put_identity(
	    reply, service->category, service->type, name_of(instance, service, jid_domain(to)));
	disco_put_feature(reply, NS_DISCO_INFO);
	disco_put_feature(reply, NS_DISCO_ITEMS);
	disco_put_feature(reply, NS_PING);
	disco_put_feature(reply, NS_VCARD);
	for (const char *const *feature = service->features; feature && *feature; feature++)
		disco_put_feature(reply, *feature);
	xml_close(reply);
}

static void put_vcard_items(struct xml_writer *reply, const struct option_node *node);

static void put_vcard_element(
    struct xml_writer *reply, const struct option_node *key, const struct option_node *value)
{
	char name[VCARD_NAME_MAX + 1];
	size_t len = key->scalar.len < VCARD_NAME_MAX ? key->scalar.len : VCARD_NAME_MAX;
	for (size_t i = 0; i < len; i++)
		name[i] = (char)toupper((unsigned char)key->scalar.ptr[i]);
	name[len] = '\0';
	xml_open(reply, name, NULL);
	if (value->kind != OPTION_NODE_SCALAR)
		put_vcard_items(reply, value);
	else if (!str_is(value->scalar, "true"))
		xml_put_text(reply, value->scalar);
	xml_close(reply);
}

/* A key with a list stands for that many elements; one with 'false' for none. */
static void put_vcard_items(struct xml_writer *reply, const struct option_node *node)
{
	for (const struct option_node *value = node->items; value; value = value->next) {
		if (!value->key)
			continue;
		if (value->kind == OPTION_NODE_LIST)
			for (const struct option_node *item = value->items; item; item = item->next)
				put_vcard_element(reply, value->key, item);
		else if (value->kind == OPTION_NODE_MAP || !str_is(value->scalar, "false"))
			put_vcard_element(reply, value->key, value);
	}
}

static void put_vcard(const struct module_instance *instance, const struct service *service,
    const struct jid *to, struct xml_writer *reply)
{
	const struct option_node *vcard = own_option(instance, service, jid_domain(to), "vcard");
	if (!vcard || vcard->kind != OPTION_NODE_MAP)
		vcard = module_option(instance, "vcard")->node;
	xml_open(reply, "vCard", NS_VCARD);
	if (vcard)
		put_vcard_items(reply, vcard);
	else
		xml_put_element(reply, "FN", NULL, name_of(instance, service, jid_domain(to)));
	xml_close(reply);
}

static bool put_answer(const struct module_instance *instance, const struct service *service,
    const struct jid *to, const struct xml *payload, struct xml_writer *reply)
{
	if (xml_is(payload, "query", NS_DISCO_INFO) && xml_attr_s(payload, "node").len == 0)
		put_info(instance, service, to, reply);
	else if (xml_is(payload, "query", NS_DISCO_ITEMS) && xml_attr_s(payload, "node").len == 0)
		xml_put_element(reply, "query", NS_DISCO_ITEMS, STR_NULL);
	else if (xml_is(payload, "vCard", NS_VCARD))
		put_vcard(instance, service, to, reply);
	else
		return xml_is(payload, "ping", NS_PING);
	return true;
}

bool service_answer(struct module_instance *instance, const struct service *service, const struct jid *from,
    const struct jid *to, struct stanza *stanza)
{
	const struct xml *payload = stanza->kind == STANZA_IQ ? stanza_payload(stanza) : NULL;
	if (!payload || stanza->type != IQ_GET || jid_local(to).len || jid_resource(to).len)
		return false;
	struct xml_writer reply = {.default_ns = NS_CLIENT};
	bool answered = put_answer(instance, service, to, payload, &reply);
	struct stanza *result = answered ? stanza_make_result(stanza, &reply) : NULL;
	if (result)
		route(to, from, result);
	else if (answered)
		service_refuse(from, to, stanza, SE_internal_server_error, NULL);
	else if (xml_attr_s(payload, "node").len &&
		 str_starts(payload->ns, "http://jabber.org/protocol/disco#"))
		service_refuse(from, to, stanza, SE_item_not_found, "there is no such node");
	else
		return false;
	stanza_unref(&result);
	xml_writer_fini(&reply);
	return true;
}

void service_refuse(const struct jid *from, const struct jid *to, struct stanza *stanza,
    enum stanza_condition condition, const char *text)
{
	struct stanza_error error = {.condition = condition, .text = text};
	route_error(from, to, stanza, &error);
}

static bool is_below(struct str domain, struct str host)
{
	return domain.len > host.len && domain.ptr[domain.len - host.len - 1] == '.' &&
	       str_eq((struct str){domain.ptr + domain.len - host.len, host.len}, host);
}

void service_list(
    const struct module_instance *instance, const struct service *service, struct hook_disco *event)
{
	struct domains domains = domains_of(instance, module_option);
	struct str host = host_name(module_host(instance));
	if (event->user || event->node.len)
		return;
	for (size_t i = 0; i < domains.count; i++)
		if (!has_domain(domains, i, domains.list[i]) && !is_below(domains.list[i], host))
			disco_put_item(event->reply, domains.list[i], STR_NULL,
			    name_of(instance, service, domains.list[i]));
}
