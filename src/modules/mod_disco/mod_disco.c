/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/form.h"
#include "stanzad/module.h"

/* Namespaces that are no module's: the core answers for them. */
static const char *const server_features[] = {
    "http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items", NULL};
static const char *const user_features[] = {
    "http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/disco#items", NULL};

static void put_feature(void *arg, const char *feature)
{
	disco_put_feature(arg, feature);
}

/* --- contact addresses: XEP-0157 ------------------------------------------------------------------------ */

/* server_info: a list of {modules: all | [...], name: "abuse-addresses", urls: [...]}. */
static bool applies(const struct option_node *entry)
{
	const struct option_node *modules = option_node_get(entry, "modules");
	if (!modules || modules->kind == OPTION_NODE_SCALAR)
		return true;
	for (const struct option_node *name = modules->items; name; name = name->next)
		if (str_is(name->scalar, "mod_disco"))
			return true;
	return false;
}

static void put_contact(struct xml_writer *reply, const struct option_node *entry)
{
	const struct option_node *name = option_node_get(entry, "name"),
				 *urls = option_node_get(entry, "urls");
	if (!name || !urls || !applies(entry))
		return;
	xml_open(reply, "field", NULL);
	xml_put_attr(reply, "var", name->scalar);
	xml_put_attr(reply, "type", STR("list-multi"));
	if (urls->kind == OPTION_NODE_SCALAR)
		xml_put_element(reply, "value", NULL, urls->scalar);
	for (const struct option_node *url = urls->items; url; url = url->next)
		xml_put_element(reply, "value", NULL, url->scalar);
	xml_close(reply);
}

static void put_contacts(struct module_instance *instance, struct xml_writer *reply)
{
	const struct option_node *list = module_option(instance, "server_info")->node;
	if (!list || !list->items)
		return;
	form_open(reply, FORM_RESULT, "http://jabber.org/network/serverinfo");
	for (const struct option_node *entry = list->items; entry; entry = entry->next)
		put_contact(reply, entry);
	xml_close(reply);
}

/* --- disco#info: XEP-0030 3 ----------------------------------------------------------------------------- */

static void info_server(struct iq *iq)
{
	disco_put_identity(iq->reply, "server", "im", module_option(iq->instance, "name")->string);
	host_each_feature(iq->host, IQ_LOCAL, put_feature, iq->reply);
	put_contacts(iq->instance, iq->reply);
}

static void info_user(struct iq *iq)
{
	disco_put_identity(iq->reply, "account", "registered", STR_NULL);
	host_each_feature(iq->host, IQ_SM, put_feature, iq->reply);
}

static enum iq_verdict finish(struct iq *iq, struct hook_disco *event, bool items)
{
	enum hook_verdict verdict =
	    items ? hook_run_disco_items(iq->host, event) : hook_run_disco_info(iq->host, event);
	xml_close(iq->reply);
	if (verdict == HOOK_BOUNCE) {
		iq->error = event->error;
		return IQ_REFUSE;
	}
	if (event->node.len && !event->found)
		return iq_refuse(iq, SE_item_not_found, "there is no such node");
	return IQ_ANSWER;
}

static void open_query(struct iq *iq, const char *ns, struct str node)
{
	xml_open(iq->reply, "query", ns);
	if (node.len)
		xml_put_attr(iq->reply, "node", node);
}

static struct hook_disco event_of(struct iq *iq)
{
	return (struct hook_disco){
	    .from = iq->from,
	    .to = iq->to,
	    .user = iq->user,
	    .node = xml_attr(iq->payload, "node"),
	    .reply = iq->reply,
	    .contact = iq->user && roster_may_see(iq->user, iq->from),
	    .error = {.condition = SE_service_unavailable},
	};
}

/* XEP-0030 8: who may not see a user's presence learns nothing, not even whether the user exists. That is
 * service-unavailable, and when all items are asked for, none. */
static bool hidden(const struct hook_disco *event)
{
	return event->user && !event->contact;
}

static enum iq_verdict on_info(struct iq *iq)
{
	struct hook_disco event = event_of(iq);
	if (iq->type == IQ_SET)
		return iq_refuse(iq, SE_not_allowed, NULL);
	if (hidden(&event))
		return iq_refuse(iq, SE_service_unavailable, NULL);
	open_query(iq, "http://jabber.org/protocol/disco#info", event.node);
	if (!event.node.len && iq->user)
		info_user(iq);
	else if (!event.node.len)
		info_server(iq);
	return finish(iq, &event, false);
}

/* --- disco#items: XEP-0030 4 ---------------------------------------------------------------------------- */

/* XEP-0030 4.5 and 8: available resources, for those who may see presence. */
static void items_user(struct iq *iq)
{
	for (struct session *session = user_first_session(iq->user); session; session = session_next(session))
		if (session_presence(session))
			disco_put_item(iq->reply, jid_full(session_jid(session)), STR_NULL, STR_NULL);
}

static bool is_extra(const struct iq *iq, struct str domain)
{
	const struct option_value *extra = module_option(iq->instance, "extra_domains");
	for (size_t i = 0; i < extra->string_count; i++)
		if (str_eq(extra->strings[i], domain))
			return true;
	return false;
}

static void put_service(void *arg, struct str domain)
{
	struct iq *iq = arg;
	if (!is_extra(iq, domain))
		disco_put_item(iq->reply, domain, STR_NULL, STR_NULL);
}

static void items_server(struct iq *iq)
{
	const struct option_value *extra = module_option(iq->instance, "extra_domains");
	route_each_service(iq->host, put_service, iq);
	for (size_t i = 0; i < extra->string_count; i++)
		disco_put_item(iq->reply, extra->strings[i], STR_NULL, STR_NULL);
}

static enum iq_verdict on_items(struct iq *iq)
{
	struct hook_disco event = event_of(iq);
	if (iq->type == IQ_SET)
		return iq_refuse(iq, SE_not_allowed, NULL);
	if (hidden(&event) && event.node.len)
		return iq_refuse(iq, SE_service_unavailable, NULL);
	open_query(iq, "http://jabber.org/protocol/disco#items", event.node);
	if (hidden(&event)) {
		xml_close(iq->reply);
		return IQ_ANSWER;
	}
	if (!event.node.len && iq->user)
		items_user(iq);
	else if (!event.node.len)
		items_server(iq);
	return finish(iq, &event, true);
}

static const struct option options[] = {
    {"name", OPTION_STRING, "stanzad", "The server's name, as service discovery tells it."},
    {"extra_domains", OPTION_DOMAINS, "[]", "Further domains to list among the server's items."},
    {"server_info", OPTION_ANY, "[]",
	"Contact addresses (XEP-0157): a list of maps with modules, name and urls."},
    {0},
};

static const struct module_iq iqs[] = {
    {.ns = "http://jabber.org/protocol/disco#info", .component = IQ_LOCAL, .handler = on_info},
    {.ns = "http://jabber.org/protocol/disco#items", .component = IQ_LOCAL, .handler = on_items},
    {.ns = "http://jabber.org/protocol/disco#info",
	.component = IQ_SM,
	.handler = on_info,
	.needs_user = true},
    {
	.ns = "http://jabber.org/protocol/disco#items",
	.component = IQ_SM,
	.handler = on_items,
	.needs_user = true,
	.for_nobody = true,
    },
    {0},
};

const struct module mod_disco = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_disco",
    .doc = "Service discovery (XEP-0030, XEP-0128, XEP-0157).",
    .options = options,
    .iqs = iqs,
    .features = server_features,
    .user_features = user_features,
};
