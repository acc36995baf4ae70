/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_roster/subscription_flow.h"

#include "modules/mod_roster/presence.h"
#include "modules/mod_roster/roster_push.h"
#include "modules/mod_roster/roster_save.h"
#include "modules/mod_roster/subscription.h"
#include "stanzad/access.h"
#include "stanzad/log.h"

#define REQUEST_MAX 4096 /* bytes of a pending request's payload that are kept */
#define STATUS_MAX 1024  /* of its <status/>, when there is more than that */

bool subscription_allowed(struct module_instance *instance, const struct user *user)
{
	struct access_subject subject = {.jid = user_jid(user)};
	return module_allows(instance, "access", &subject);
}

static void route_type(const struct jid *from, const struct jid *to, enum stanza_type type)
{
	struct stanza *stanza = presence_make(type);
	route(from, to, stanza);
	stanza_unref(&stanza);
}

/* --- the item ------------------------------------------------------------------------------------------- */

static struct roster_item draft_of(const struct roster_item *item, const struct jid *contact)
{
	return item ? *item : (struct roster_item){.jid = jid_bare(contact)};
}

/* What a step makes of the item. */
struct change {
	struct roster_item draft;
	struct arena arena;    /* text that modules put in */
	struct strbuf request; /* text of the draft */
	bool save;
};

static void change_fini(struct change *change)
{
	arena_fini(&change->arena);
	strbuf_fini(&change->request);
}

/*
 * list: it is in the roster from now on. Nothing is kept of a contact who is neither in the roster nor waiting
 * for an answer. < 0: a module refuses it.
 */
static int change_make(struct user *user, struct change *change, const struct subscription_step *step, bool list,
    struct stanza_error *error_r)
{
	struct roster_item *draft = &change->draft;
	bool known = roster_get(roster_of(user), draft->jid) != NULL;
	subscription_state_put(draft, step->next);
	draft->approved = step->approved;
	draft->listed |= list || draft->subscription != ROSTER_NONE || draft->approved;
	if (!draft->pending_in)
		draft->request = STR_NULL;
	if (!draft->listed && !draft->pending_in)
		draft->subscription = ROSTER_REMOVE;
	change->save = known || draft->subscription != ROSTER_REMOVE;
	return change->save ? roster_check(user, draft, &change->arena, error_r) : 0;
}

static void change_save(struct user *user, const struct change *change)
{
	if (change->save)
		roster_save(user, &change->draft, NULL, NULL);
}

static void item_push(struct user *user, const struct jid *contact)
{
	const struct roster_item *item = roster_get(roster_of(user), jid_bare(contact));
	if (item && item->listed)
		roster_push(user, item);
}

static bool is_full(struct module_instance *instance, const struct user *user, const char *option)
{
	const struct roster *roster = roster_of(user);
	if (!roster)
		return false;
	bool listed = strcmp(option, "max_items") == 0;
	return (listed ? roster->listed : roster->count - roster->listed) >=
	       module_option(instance, option)->integer;
}

/* --- outbound: RFC 6121 3.1.2, 3.1.5, 3.2.2, 3.3.2, 3.4.2 ----------------------------------------------- */

static void outbound_apply(
    const struct hook_stanza *event, const struct subscription_step *step, const struct change *change, bool push)
{
	struct user *user = event->user;
	/* 3.2.2: while the contact is still subscribed. */
	if (step->actions & SUB_UNAVAILABLE)
		presence_of_all(user, event->to, false);
	change_save(user, change);
	if (step->actions & SUB_PASS)
		route(user_jid(user), event->to, event->stanza);
	if (push)
		item_push(user, event->to);
	if (step->actions & SUB_PRESENCE)
		presence_of_all(user, event->to, true);
}

static enum hook_verdict outbound(
    struct hook_stanza *event, const struct roster_item *item, const struct subscription_step *step)
{
	struct change change = {.draft = draft_of(item, event->to)};
	bool list = event->stanza->type == PRESENCE_SUBSCRIBE;
	bool push = (step->actions & SUB_PUSH) || (list && !change.draft.listed);
	bool differs = push || subscription_state_of(&change.draft) != step->next;
	enum hook_verdict verdict = HOOK_STOP;
	if (differs && change_make(event->user, &change, step, list, &event->error) < 0)
		verdict = HOOK_BOUNCE;
	else
		outbound_apply(event, step, &change, push);
	change_fini(&change);
	return verdict;
}

enum hook_verdict subscription_on_out(struct module_instance *instance, struct hook_subscription_out *event)
{
	const struct roster_item *item = roster_get(roster_of(event->user), jid_bare(event->to));
	enum subscription_event what = subscription_event_of(event->stanza->type);
	struct subscription_step step =
	    subscription_outbound(subscription_state_of(item), item && item->approved, what);
	if (jid_bare_eq(event->to, user_jid(event->user)))
		return HOOK_STOP;
	if (!subscription_allowed(instance, event->user))
		return hook_bounce(event, SE_not_allowed, "this account may not change its roster");
	bool adds = what == SUB_SUBSCRIBE || (step.actions & (SUB_PUSH | SUB_PRESENCE));
	if (adds && !(item && item->listed) && is_full(instance, event->user, "max_items"))
		return hook_bounce(event, SE_resource_constraint, "the roster is full");
	return outbound(event, item, &step);
}

/* --- inbound: RFC 6121 3.1.3, 3.1.6, 3.2.3, 3.3.3 ------------------------------------------------------- */

/* A request goes to the available resources, an answer also to those that only look at the roster. */
static void deliver(struct user *user, const struct jid *from, struct stanza *stanza)
{
	struct session *next;
	for (struct session *session = user_first_session(user); session; session = next) {
		next = session_next(session);
		bool interested = stanza->type != PRESENCE_SUBSCRIBE && session_interested(session);
		if (interested || session_presence(session))
			session_deliver(session, from, user_jid(user), stanza);
	}
}

/* 3.1.3: the whole request is kept; of one that is far too long only what its sender has to say. */
static struct str request_of(const struct stanza *stanza, struct strbuf *buf)
{
	if (stanza->root->inner.len <= REQUEST_MAX)
		return stanza->root->inner;
	struct strbuf joined = {0};
	struct str status = xml_child_text(stanza->root, "status", &joined);
	if (status.len > STATUS_MAX)
		status = STR_NULL;
	strbuf_cstr(buf, "<status>");
	xml_escape(buf, status);
	strbuf_cstr(buf, "</status>");
	strbuf_fini(&joined);
	return strbuf_view(buf);
}

static void inbound_apply(
    const struct hook_stanza *event, const struct subscription_step *step, const struct change *change)
{
	struct user *user = event->user;
	if (step->actions & SUB_UNAVAILABLE)
		presence_of_all(user, event->from, false);
	change_save(user, change);
	if (step->actions & SUB_PASS)
		deliver(user, event->from, event->stanza);
	if (step->actions & SUB_PUSH)
		item_push(user, event->from);
	if (step->actions & SUB_REPLY)
		route_type(user_jid(user), event->from, PRESENCE_SUBSCRIBED);
	if (step->actions & SUB_PRESENCE)
		presence_of_all(user, event->from, true);
}

static enum hook_verdict inbound(
    struct hook_stanza *event, const struct roster_item *item, const struct subscription_step *step)
{
	struct change change = {.draft = draft_of(item, event->from)};
	bool was_pending = change.draft.pending_in, differs = subscription_state_of(&change.draft) != step->next;
	enum hook_verdict verdict = HOOK_STOP;
	if (differs) {
		subscription_state_put(&change.draft, step->next);
		if (change.draft.pending_in && !was_pending)
			change.draft.request = request_of(event->stanza, &change.request);
	}
	if (differs && change_make(event->user, &change, step, false, &event->error) < 0)
		verdict = HOOK_BOUNCE;
	else
		inbound_apply(event, step, &change);
	change_fini(&change);
	return verdict;
}

enum hook_verdict subscription_on_in(struct module_instance *instance, struct hook_subscription_in *event)
{
	const struct roster_item *item = roster_get(roster_of(event->user), jid_bare(event->from));
	enum subscription_event what = subscription_event_of(event->stanza->type);
	if (jid_bare_eq(event->from, event->to))
		return HOOK_STOP;
	if (!user_exists(event->user)) {
		/* 3.1.3: nobody is there to answer. */
		if (what == SUB_SUBSCRIBE)
			route_type(event->to, event->from, PRESENCE_UNSUBSCRIBED);
		return HOOK_STOP;
	}
	struct subscription_step step =
	    subscription_inbound(subscription_state_of(item), item && item->approved, what);
	if (!item && what == SUB_SUBSCRIBE && is_full(instance, event->user, "max_requests")) {
		LOG_INFO("roster.requests_full", LOG_STR("user", jid_bare(event->to)),
		    LOG_STR("contact", jid_bare(event->from)));
		return hook_bounce(event, SE_resource_constraint, "too many requests wait for an answer");
	}
	return inbound(event, item, &step);
}

static struct stanza *request_make(const struct roster_item *item)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	xml_open(&writer, "presence", NULL);
	xml_put_attr(&writer, "type", STR("subscribe"));
	xml_put_raw(&writer, item->request);
	xml_close(&writer);
	struct stanza *stanza = stanza_from_writer(&writer);
	xml_writer_fini(&writer);
	return stanza;
}

void subscription_requests_deliver(struct session *session)
{
	struct user *user = session_user(session);
	struct roster_walk walk = {0};
	while (roster_walk_next(roster_of(user), &walk)) {
		if (!walk.item->pending_in)
			continue;
		struct stanza *stanza = request_make(walk.item);
		session_deliver(session, &walk.jid, user_jid(user), stanza);
		stanza_unref(&stanza);
	}
	roster_walk_fini(&walk);
}

/* --- the end of a subscription -------------------------------------------------------------------------- */

/* Both directions, as far as there is anything to take back: 2.5.2. */
static void take_back(struct user *user, const struct jid *contact, enum subscription_state state)
{
	bool to = state == SUB_TO || state == SUB_TO_IN || state == SUB_BOTH;
	bool out = state == SUB_NONE_OUT || state == SUB_NONE_OUT_IN || state == SUB_FROM_OUT;
	bool from = state == SUB_FROM || state == SUB_FROM_OUT || state == SUB_BOTH;
	bool in = state == SUB_NONE_IN || state == SUB_NONE_OUT_IN || state == SUB_TO_IN;
	if (to || out)
		route_type(user_jid(user), contact, PRESENCE_UNSUBSCRIBE);
	if (from || in)
		route_type(user_jid(user), contact, PRESENCE_UNSUBSCRIBED);
}

static bool sees_us(enum subscription_state state)
{
	return state == SUB_FROM || state == SUB_FROM_OUT || state == SUB_BOTH;
}

bool subscription_forget(
    struct user *user, const struct roster_item *item, void (*saved)(void *arg, int result), void *arg)
{
	struct arena arena = {0};
	struct jid found = jid_of_prepared(item->jid), contact = jid_dup(&found, &arena);
	enum subscription_state state = subscription_state_of(item);
	struct roster_item gone = {.jid = jid_full(&contact), .subscription = ROSTER_REMOVE};
	if (sees_us(state))
		presence_of_all(user, &contact, false);
	bool written = roster_save(user, &gone, saved, arg);
	take_back(user, &contact, state);
	roster_push(user, &gone);
	arena_fini(&arena);
	return written;
}

void subscription_end_all(struct user *user)
{
	struct roster *roster = roster_make(user);
	struct roster_walk walk = {0};
	/* A session may be left for a moment: what it does is written nowhere. */
	roster->memory_only = true;
	while (roster_walk_next(roster, &walk)) {
		enum subscription_state state = subscription_state_of(walk.item);
		roster_remove(roster, walk.item->jid);
		if (sees_us(state))
			presence_of_all(user, &walk.jid, false);
		take_back(user, &walk.jid, state);
	}
	roster_walk_fini(&walk);
}
