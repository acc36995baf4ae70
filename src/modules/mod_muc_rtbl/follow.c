/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc_rtbl/follow.h"

#include <stdlib.h>

#include "stanzad/log.h"
#include "stanzad/mem.h"
#include "stanzad/rand.h"
#include "stanzad/request.h"
#include "stanzad/route.h"
#include "stanzad/rsm.h"
#include "stanzad/work.h"

#define NS_PUBSUB "http://jabber.org/protocol/pubsub"
#define NS_EVENT NS_PUBSUB "#event"
#define ANSWER_MS 60000

static void ask_items(struct rtbl *rtbl, struct str after);

static void note_count(struct rtbl *rtbl)
{
	metric_set(rtbl->instance, RTBL_METRIC_ENTRIES, (int64_t)rtbl_list_count(rtbl->list));
}

/* --- attempts ---------------------------------------------------------------------------------------------- */

static void again(struct rtbl *rtbl, struct stanza *answer, const char *what)
{
	const struct xml *error = answer ? xml_child(answer->root, "error", NULL) : NULL;
	const struct xml *condition = error ? xml_first_element(error) : NULL;
	rtbl->under_way = false;
	module_timer_start(rtbl->timer, rtbl->pause_ms + rand_u64() % (rtbl->pause_ms / 4));
	rtbl->pause_ms = rtbl->pause_ms * 2 < RTBL_PAUSE_MAX_MS ? rtbl->pause_ms * 2 : RTBL_PAUSE_MAX_MS;
	if (rtbl->said)
		return;
	rtbl->said = true;
	LOG_WARNING("muc_rtbl.not_followed", LOG_STR("server", jid_full(&rtbl->server)), LOG_CSTR("node", rtbl->node),
	    LOG_CSTR("what", what), LOG_STR("reason", condition ? condition->name : STR("no answer")));
}

static void followed(struct rtbl *rtbl)
{
	rtbl_list_end(rtbl->list);
	note_count(rtbl);
	rtbl->under_way = rtbl->said = false;
	rtbl->pause_ms = RTBL_PAUSE_MS;
	module_timer_start(rtbl->timer, RTBL_FRESH_MS);
	LOG_INFO("muc_rtbl.followed", LOG_STR("server", jid_full(&rtbl->server)), LOG_CSTR("node", rtbl->node),
	    LOG_INT("entries", rtbl_list_count(rtbl->list)));
	rtbl_check_rooms(rtbl);
}

/* XEP-0060 6.5.4: there are more items behind the last one of this answer. */
static bool has_more(const struct rtbl *rtbl, const struct xml *set, size_t here)
{
	struct strbuf buf = {0};
	uint64_t count;
	bool more = set && here > 0 && rtbl->pages < RTBL_PAGES_MAX &&
		    str_to_u64(xml_child_text(set, "count", &buf), &count) && count > rtbl->items;
	strbuf_fini(&buf);
	return more;
}

static size_t add_items(struct rtbl *rtbl, const struct xml *items)
{
	size_t count = 0;
	for (const struct xml *item = xml_child(items, "item", NULL); item; item = xml_next(item, "item", NULL)) {
		rtbl_list_add(rtbl->list, xml_attr_s(item, "id"));
		count++;
	}
	return count;
}

static void on_items(struct module_instance *instance, void *arg, struct stanza *answer)
{
	struct rtbl *rtbl = module_state(instance);
	const struct xml *pubsub = answer && answer->type == IQ_RESULT ? stanza_payload(answer) : NULL;
	const struct xml *items = pubsub ? xml_child(pubsub, "items", NS_PUBSUB) : NULL;
	struct strbuf last = {0};
	if ((uintptr_t)arg != rtbl->asking)
		return;
	if (!items) {
		again(rtbl, answer, "items");
		return;
	}
	size_t here = add_items(rtbl, items);
	const struct xml *set = xml_child(pubsub, "set", NS_RSM);
	rtbl->items += here;
	rtbl->pages++;
	if (has_more(rtbl, set, here))
		ask_items(rtbl, xml_child_text(set, "last", &last));
	else
		followed(rtbl);
	strbuf_fini(&last);
}

static void ask(struct rtbl *rtbl, enum stanza_type type, struct xml_writer *payload, module_answered *answered)
{
	xml_close(payload);
	module_ask(rtbl->instance, &rtbl->server, type, payload, ANSWER_MS, answered, (void *)(uintptr_t)rtbl->asking);
	xml_writer_fini(payload);
}

static void ask_items(struct rtbl *rtbl, struct str after)
{
	struct xml_writer payload = {.default_ns = NS_CLIENT};
	xml_open(&payload, "pubsub", NS_PUBSUB);
	xml_open(&payload, "items", NULL);
	xml_put_attr(&payload, "node", str_of(rtbl->node));
	xml_close(&payload);
	if (after.len) {
		xml_open(&payload, "set", NS_RSM);
		xml_put_element(&payload, "after", NULL, after);
		xml_close(&payload);
	}
	ask(rtbl, IQ_GET, &payload, on_items);
}

static void on_subscribed(struct module_instance *instance, void *arg, struct stanza *answer)
{
	struct rtbl *rtbl = module_state(instance);
	if ((uintptr_t)arg != rtbl->asking)
		return;
	if (!answer || answer->type != IQ_RESULT) {
		again(rtbl, answer, "subscription");
		return;
	}
	rtbl->items = rtbl->pages = 0;
	rtbl_list_begin(rtbl->list);
	ask_items(rtbl, STR_NULL);
}

/* What comes from other servers is seen where it comes in; from a part of this one, only by the router. */
static void look_where(struct rtbl *rtbl)
{
	bool nearby = host_find(jid_domain(&rtbl->server)) || route_is_component(jid_domain(&rtbl->server));
	struct err err;
	if (nearby && !rtbl->nearby)
		rtbl->nearby = module_add_hook(rtbl->instance, &rtbl_nearby_hook, &err) == 0;
}

void rtbl_follow(struct rtbl *rtbl)
{
	struct xml_writer payload = {.default_ns = NS_CLIENT};
	if (rtbl->under_way)
		return;
	look_where(rtbl);
	module_timer_stop(rtbl->timer);
	rtbl->under_way = true;
	rtbl->asking++;
	xml_open(&payload, "pubsub", NS_PUBSUB);
	xml_open(&payload, "subscribe", NULL);
	xml_put_attr(&payload, "node", str_of(rtbl->node));
	xml_put_attr(&payload, "jid", host_name(module_host(rtbl->instance)));
	xml_close(&payload);
	ask(rtbl, IQ_SET, &payload, on_subscribed);
}

static void follow_now(struct module_instance *instance, void *arg)
{
	struct rtbl *rtbl = module_state(instance);
	rtbl->pause_ms = RTBL_PAUSE_MS;
	rtbl_follow(rtbl);
}

void rtbl_follow_soon(struct rtbl *rtbl)
{
	module_post(rtbl->instance, STR_NULL, follow_now, NULL);
}

/* --- what changes ------------------------------------------------------------------------------------------ */

static void change_items(struct rtbl *rtbl, const struct xml *items)
{
	size_t added = 0;
	for (const struct xml *item = xml_first_element(items); item; item = xml_next_element(item)) {
		if (xml_is(item, "item", NS_EVENT))
			added += rtbl_list_add(rtbl->list, xml_attr_s(item, "id"));
		else if (xml_is(item, "retract", NS_EVENT))
			rtbl_list_remove(rtbl->list, xml_attr_s(item, "id"));
	}
	if (added)
		rtbl_check_rooms(rtbl);
}

bool rtbl_heard(struct rtbl *rtbl, const struct jid *from, const struct stanza *message)
{
	const struct xml *event =
	    jid_eq(from, &rtbl->server) ? xml_child(message->root, "event", NS_EVENT) : NULL;
	const struct xml *about = event ? xml_first_element(event) : NULL;
	if (!about || message->type == STANZA_ERROR || !str_is(xml_attr_s(about, "node"), rtbl->node))
		return false;
	if (xml_is(about, "items", NS_EVENT)) {
		change_items(rtbl, about);
	} else if (xml_is(about, "purge", NS_EVENT)) {
		rtbl_list_clear(rtbl->list);
	} else if (xml_is(about, "delete", NS_EVENT)) {
		rtbl_list_clear(rtbl->list);
		rtbl_follow_soon(rtbl);
	}
	note_count(rtbl);
	return true;
}
