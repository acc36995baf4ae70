/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/forward.h"
#include "modules/mod_privilege/permission.h"
#include "modules/mod_privilege/privilege.h"
#include "stanzad/arena.h"
#include "stanzad/mem.h"
#include "stanzad/rand.h"
#include "stanzad/request.h"

#define ANSWER_MS 50000 /* before the asker's own patience is over */
#define PUSH_ID_LEN 16

/* Gateways have users of their own: only the component itself has privileges. */
static bool is_component(const struct jid *jid)
{
	return !jid->local_len && route_is_component(jid_domain(jid));
}

static enum permission needed(enum stanza_type type)
{
	return type == IQ_GET ? MAY_GET : MAY_SET;
}

/* --- requests in the name of a user --------------------------------------------------------------------- */

struct behalf {
	struct jid component, user; /* heap */
	struct stanza *request;     /* of the component */
	bool wrapped;
	struct str id; /* of the wrapped request; in request */
};

static void answer_wrapped(const struct behalf *behalf, struct stanza *answer)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	struct jid from = behalf->user;
	struct arena arena = {0};
	struct err err;
	struct str text = xml_attr(forward_only_child(stanza_payload(behalf->request)), "to");
	if (text.len && jid_parse(text, &arena, &from, &err) < 0)
		from = behalf->user;
	xml_open(&writer, "privilege", NS_PRIVILEGE);
	forward_put(&writer, answer, &from, &behalf->user, behalf->id);
	xml_close(&writer);
	struct stanza *result = stanza_make_result(behalf->request, &writer);
	if (result)
		route(&behalf->user, &behalf->component, result);
	stanza_unref(&result);
	xml_writer_fini(&writer);
	arena_fini(&arena);
}

static void answer_plain(const struct behalf *behalf, struct stanza *answer)
{
	struct stanza *own = stanza_with_type(answer, answer->type, behalf->request->id);
	route(&behalf->user, &behalf->component, own);
	stanza_unref(&own);
}

static void on_answer(struct module_instance *instance, void *arg, struct stanza *answer)
{
	static const struct stanza_error late = {.condition = SE_remote_server_timeout};
	struct behalf *behalf = arg;
	(void)instance;
	if (!answer)
		route_error(&behalf->component, &behalf->user, behalf->request, &late);
	else if (behalf->wrapped)
		answer_wrapped(behalf, answer);
	else
		answer_plain(behalf, answer);
	stanza_unref(&behalf->request);
	free((char *)behalf->component.text);
	free((char *)behalf->user.text);
	free(behalf);
}

static void ask(struct module_instance *instance, struct behalf *behalf, const struct jid *to,
    enum stanza_type type, const struct xml *payload)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	xml_put(&writer, payload);
	module_ask_as(instance, &behalf->user, to, type, &writer, ANSWER_MS, on_answer, behalf);
	xml_writer_fini(&writer);
}

static struct behalf *behalf_new(const struct jid *component, const struct jid *user, struct stanza *request)
{
	struct behalf *behalf = mem_zalloc(sizeof(*behalf));
	behalf->component = jid_dup_heap(component);
	behalf->user = jid_dup_heap(user);
	behalf->request = stanza_ref(request);
	return behalf;
}

/* --- rosters: XEP-0356 4 -------------------------------------------------------------------------------- */

static bool is_own_presence_error(struct module_instance *instance, const struct hook_stanza *event)
{
	return event->stanza->kind == STANZA_PRESENCE && event->stanza->type == STANZA_ERROR &&
	       is_component(event->from) && permission_presence(instance, jid_domain(event->from));
}

/* Without the permission the roster's own handler says forbidden. */
enum hook_verdict behalf_on_inbound(struct module_instance *instance, struct hook_user_inbound *event)
{
	struct stanza *stanza = event->stanza;
	const struct xml *payload = stanza->kind == STANZA_IQ ? stanza_payload(stanza) : NULL;
	if (is_own_presence_error(instance, event))
		return hook_drop(event, "a component answers presence that it has by a privilege");
	if (!payload || !stanza_is_request(stanza) || !stanza->id.ptr)
		return HOOK_PASS;
	if (event->to->resource_len)
		return str_is(payload->ns, NS_PRIVILEGE)
			   ? hook_bounce(event, SE_forbidden, "privileges are used at a bare JID")
			   : HOOK_PASS;
	if (event->explain || !xml_is(payload, "query", "jabber:iq:roster") || !is_component(event->from) ||
	    !(permission_roster(instance, jid_domain(event->from)) & needed(stanza->type)))
		return HOOK_PASS;
	struct behalf *behalf = behalf_new(event->from, event->to, stanza);
	ask(instance, behalf, &behalf->user, stanza->type, payload);
	return hook_drop(event, "a component asks in the name of the user");
}

static void put_item(struct xml_writer *writer, const struct roster_item *item)
{
	xml_open(writer, "item", NULL);
	xml_put_attr(writer, "jid", item->jid);
	if (item->name.len)
		xml_put_attr(writer, "name", item->name);
	xml_put_attr(writer, "subscription", str_of(roster_subscription_text(item->subscription)));
	if (item->ask)
		xml_put_attr(writer, "ask", STR("subscribe"));
	for (uint32_t i = 0; i < item->group_count; i++)
		xml_put_element(writer, "group", NULL, item->groups[i]);
	xml_close(writer);
}

static struct stanza *push_make(const struct roster_item *item)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	char id[PUSH_ID_LEN + 1];
	rand_id(id, PUSH_ID_LEN);
	xml_open(&writer, "iq", NULL);
	xml_put_attr(&writer, "type", STR("set"));
	xml_put_attr(&writer, "id", str_of(id));
	xml_open(&writer, "query", "jabber:iq:roster");
	put_item(&writer, item);
	xml_close(&writer);
	xml_close(&writer);
	struct stanza *push = stanza_from_writer(&writer);
	xml_writer_fini(&writer);
	return push;
}

struct push {
	struct module_instance *instance;
	const struct jid *user;
	struct stanza *stanza;
};

static void push_to(void *arg, struct str domain)
{
	const struct push *push = arg;
	const struct jid to = {.text = domain.ptr, .domain_len = (uint16_t)domain.len};
	if (permission_roster(push->instance, domain) & MAY_GET)
		route(push->user, &to, push->stanza);
}

/* 4.4 */
enum hook_verdict behalf_on_roster_changed(
    struct module_instance *instance, struct hook_roster_changed *event)
{
	const struct roster_item *item = event->item;
	if (!permission_roster_is_given(instance) || (!item->listed && item->subscription != ROSTER_REMOVE))
		return HOOK_PASS;
	struct push push = {instance, event->jid, push_make(item)};
	route_each_component(push_to, &push);
	stanza_unref(&push.stanza);
	return HOOK_PASS;
}

/* --- IQs: XEP-0356 6.3 ---------------------------------------------------------------------------------- */

/* 'given' is missing, or is that bare JID. */
static bool is_user(struct str given, const struct jid *user)
{
	struct arena arena = {0};
	struct jid jid;
	struct err err;
	bool same = !given.ptr || (jid_parse(given, &arena, &jid, &err) == 0 && jid_eq(&jid, user));
	arena_fini(&arena);
	return same;
}

static enum iq_verdict forbidden(struct iq *iq, const char *text)
{
	return iq_refuse(iq, SE_forbidden, text);
}

static enum iq_verdict send_wrapped(struct iq *iq, const struct xml *wrapped, const struct xml *payload)
{
	struct arena arena = {0};
	struct jid to = *iq->to;
	struct err err;
	struct str text = xml_attr(wrapped, "to");
	enum iq_verdict verdict = IQ_SILENT;
	if (text.len && jid_parse(text, &arena, &to, &err) < 0) {
		verdict = iq_refuse(iq, SE_jid_malformed, NULL);
	} else {
		struct behalf *behalf = behalf_new(iq->from, iq->to, iq->stanza);
		behalf->wrapped = true;
		behalf->id = xml_attr(wrapped, "id");
		ask(iq->instance, behalf, &to, iq->type, payload);
	}
	arena_fini(&arena);
	return verdict;
}

enum iq_verdict behalf_on_iq(struct iq *iq)
{
	const struct xml *wrapped = forward_only_child(iq->payload), *payload = forward_only_child(wrapped);
	if (!iq->to->local_len || !iq->user || !user_exists(iq->user))
		return forbidden(iq, "there is no such user");
	if (!is_component(iq->from))
		return forbidden(iq, "this is for components");
	if (!xml_is(iq->payload, "privileged_iq", NS_PRIVILEGE) || !wrapped)
		return iq_refuse(iq, SE_bad_request, "expected one <iq/> in <privileged_iq/>");
	if (!xml_is(wrapped, "iq", "jabber:client"))
		return forbidden(iq, "the request is not in jabber:client");
	if (!payload || !xml_attr(wrapped, "id").len)
		return iq_refuse(iq, SE_bad_request, "a request has an id and one child element");
	if (!str_is(xml_attr_s(wrapped, "type"), stanza_type_text(iq->type)))
		return forbidden(iq, "the types of the two requests differ");
	if (!is_user(xml_attr(wrapped, "from"), iq->to))
		return forbidden(iq, "the request is in the name of somebody else");
	if (!(permission_iq(iq->instance, jid_domain(iq->from), payload->ns) & needed(iq->type)))
		return forbidden(iq, "there is no permission for this namespace and type");
	return send_wrapped(iq, wrapped, payload);
}

/* --- messages: XEP-0356 5 ------------------------------------------------------------------------------- */

static struct stanza *stanza_of(const struct xml *elem)
{
	struct strbuf text = {0};
	struct err err;
	xml_write(&text, elem, NS_CLIENT);
	struct stanza *stanza = stanza_parse(strbuf_view(&text), &xml_limits_default, &err);
	strbuf_fini(&text);
	return stanza;
}

static enum hook_verdict send_message(struct module_instance *instance, struct hook_filter *event,
    const struct xml *message, struct arena *arena)
{
	struct jid from, to;
	struct err err;
	struct str sender = xml_attr_s(message, "from"), recipient = xml_attr_s(message, "to");
	if (jid_parse(sender, arena, &from, &err) < 0 || from.resource_len ||
	    !str_eq(jid_domain(&from), host_name(module_host(instance))))
		return hook_bounce(event, SE_forbidden, "the message is not from a bare JID of this server");
	if (jid_parse(recipient, arena, &to, &err) < 0)
		return hook_bounce(event, SE_jid_malformed, "the message is for no JID");
	struct stanza *stanza = event->explain ? NULL : stanza_of(message);
	if (!stanza && !event->explain)
		return hook_bounce(event, SE_bad_request, NULL);
	if (stanza)
		route(&from, &to, stanza);
	stanza_unref(&stanza);
	return hook_drop(event, "what it holds is sent in the name of the server or of a user");
}

enum hook_verdict behalf_on_message(struct module_instance *instance, struct hook_filter *event)
{
	const struct xml *root = event->stanza->root, *privilege = xml_child(root, "privilege", NS_PRIVILEGE);
	struct arena arena = {0};
	if (!privilege)
		privilege = xml_child(root, "privilege", NS_PRIVILEGE_OLD);
	if (!privilege || event->stanza->type == STANZA_ERROR || !is_component(event->from))
		return HOOK_PASS;
	if (!permission_message(instance, jid_domain(event->from)))
		return hook_bounce(event, SE_forbidden, "there is no permission to send messages");
	const struct xml *message = forward_get(privilege, "message");
	if (!message)
		return hook_bounce(event, SE_bad_request, "expected one <message/> in <forwarded/>");
	enum hook_verdict verdict = send_message(instance, event, message, &arena);
	arena_fini(&arena);
	return verdict;
}
