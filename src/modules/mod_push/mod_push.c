/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_push/push.h"
#include "modules/storage_options.h"
#include "stanzad/log.h"

#define NS_STATE "urn:x-stanzad:push"

static const struct metric metrics[] = {
    [PUSH_METRIC_SENT] = {"sent_notifications", METRIC_COUNTER, "Notifications sent to push services."},
    [PUSH_METRIC_FAILED] = {"failed_notifications", METRIC_COUNTER, "Of these, how many came back as errors."},
    [PUSH_METRIC_UNANSWERED] = {"unanswered_notifications", METRIC_COUNTER,
	"Of these, how many were not answered in time."},
    [PUSH_METRIC_REMOVED] = {"removed_registrations", METRIC_COUNTER,
	"Registrations that push services refused or gave up."},
    {0},
};

/* --- loading -------------------------------------------------------------------------------------------- */

static enum hook_verdict on_load(struct module_instance *instance, struct hook_user_load_db *event)
{
	struct push_rows *rows = arena_zalloc(event->arena, sizeof(*rows));
	rows->cutoff_us = push_cutoff_us();
	if (push_read(event->db, event->host, event->user, event->arena, rows, event->err) < 0)
		event->result = -1;
	*event->loaded = rows;
	return HOOK_PASS;
}

static bool is_xml(struct str text, struct err *err)
{
	struct xml_tree *tree = xml_parse(text, NS_CLIENT, &xml_limits_default, NULL, err);
	bool good = tree;
	xml_tree_unref(&tree);
	return good;
}

/* What somebody else wrote there may be anything. */
static void take_row(struct user *user, const struct push_row *row)
{
	struct arena arena = {0};
	struct jid service;
	struct err err;
	if (jid_parse(row->service, &arena, &service, &err) < 0 ||
	    (row->options.len && !is_xml(row->options, &err)))
		LOG_WARNING("push.bad_row", LOG_STR("user", jid_bare(user_jid(user))),
		    LOG_STR("service", row->service), LOG_CSTR("reason", err.text));
	else
		push_add(push_needed(user), &service, row->node, row->options, row->since_us);
	arena_fini(&arena);
}

static enum hook_verdict on_loaded(struct module_instance *instance, struct hook_user_loaded *event)
{
	const struct push_rows *rows = event->loaded;
	if (!rows)
		return HOOK_PASS;
	for (const struct push_row *row = rows->rows; row; row = row->next)
		take_row(event->user, row);
	for (const struct push_contact *contact = rows->pending; contact; contact = contact->next)
		push_set_pending(push_needed(event->user), contact->jid, true);
	if (rows->rows)
		push_needed(event->user)->cutoff_us = rows->cutoff_us;
	return HOOK_PASS;
}

static enum hook_verdict on_unload(struct module_instance *instance, struct hook_user *event)
{
	struct push *push = user_slot(event->user, &mod_push);
	push_free(&push);
	return HOOK_PASS;
}

static enum hook_verdict on_removed(struct module_instance *instance, struct hook_user_removed *event)
{
	if (push_delete_all(event->db, event->host, event->user, event->err) < 0)
		event->result = -1;
	return HOOK_PASS;
}

/* --- what happens --------------------------------------------------------------------------------------- */

static struct push_rules rules_of(struct module_instance *instance)
{
	struct str body = module_option(instance, "include_body")->string;
	return (struct push_rules){
	    .messages_only = str_is(module_option(instance, "notify_on")->string, "messages"),
	    .include_sender = module_option(instance, "include_sender")->boolean,
	    .body = str_is(body, "true")    ? PUSH_BODY_REAL
		    : str_is(body, "false") ? PUSH_BODY_NONE
					    : PUSH_BODY_FIXED,
	    .fixed_body = body,
	};
}

/* To whom something is told. */
enum whom {
	ALL,
	AWAY,     /* whose session has ended, or waits for its client */
	LEFT,     /* whose session has ended */
	OF_SESSION,
};

static bool is_meant(const struct push_registration *registration, enum whom whom, const struct session *session)
{
	switch (whom) {
	case ALL:
		return true;
	case AWAY:
		return !registration->session || session_hibernates(registration->session);
	case LEFT:
		return !registration->session;
	default:
		return registration->session == session;
	}
}

static void tell(struct push *push, enum whom whom, const struct session *session, struct push_news *news)
{
	for (struct push_registration *at = push->registrations; at; at = at->next)
		if (news->worth != PUSH_NOTHING && is_meant(at, whom, session))
			push_tell(at, news);
	push_news_fini(news);
	push_flush(push->user);
}

static enum hook_verdict on_kept(struct module_instance *instance, struct hook_message_kept *event)
{
	struct push *push = push_of(event->user);
	struct push_news news;
	if (!push)
		return HOOK_PASS;
	struct push_rules rules = rules_of(instance);
	push_judge(event->stanza, event->from, &rules, &news);
	tell(push, ALL, NULL, &news);
	return HOOK_PASS;
}

static enum hook_verdict on_waits(struct module_instance *instance, struct hook_session_waits *event)
{
	struct push *push = push_of(session_user(event->session));
	struct push_news news;
	if (!push || !push_is_enabled(event->session))
		return HOOK_PASS;
	struct push_rules rules = rules_of(instance);
	push_judge(event->stanza, event->from, &rules, &news);
	tell(push, OF_SESSION, event->session, &news);
	return HOOK_PASS;
}

/* XEP-0359: the server put the id on it that it has in the user's archive. */
static bool is_archived(const struct user *user, const struct stanza *message)
{
	struct strbuf id = {0};
	strbuf_printf(&id, "<stanza-id xmlns='urn:xmpp:sid:0' by='%.*s'", STR_FMT(jid_bare(user_jid(user))));
	bool found = message->tail.len && memmem(message->tail.ptr, message->tail.len, id.ptr, id.len);
	strbuf_fini(&id);
	return found;
}

/* Another device got it; one that is away gets it from the archive. */
static enum hook_verdict on_delivered(struct module_instance *instance, struct hook_message_delivered *event)
{
	struct push *push = push_of(event->user);
	struct push_news news;
	if (!push || !is_archived(event->user, event->stanza))
		return HOOK_PASS;
	struct push_rules rules = rules_of(instance);
	rules.messages_only = true;
	push_judge(event->stanza, event->from, &rules, &news);
	tell(push, LEFT, NULL, &news);
	return HOOK_PASS;
}

static enum hook_verdict on_roster(struct module_instance *instance, struct hook_roster_changed *event)
{
	struct push *push = event->user ? push_of(event->user) : NULL;
	const struct roster_item *item = event->item;
	if (!push)
		return HOOK_PASS;
	unsigned before = push->pending.count;
	push_set_pending(push, item->jid, item->pending_in && item->subscription != ROSTER_REMOVE);
	struct push_news news = {push->pending.count > before && !rules_of(instance).messages_only
				     ? PUSH_SILENT
				     : PUSH_NOTHING,
	    NULL, NULL};
	tell(push, LEFT, NULL, &news);
	return HOOK_PASS;
}

/* 8: the service says that it takes no more. */
static enum hook_verdict on_inbound(struct module_instance *instance, struct hook_stanza *event)
{
	struct push *push = event->stanza->kind == STANZA_MESSAGE ? push_of(event->user) : NULL;
	const struct xml *pubsub =
	    push ? xml_child(event->stanza->root, "pubsub", "http://jabber.org/protocol/pubsub") : NULL;
	const struct xml *affiliation = pubsub ? xml_child(pubsub, "affiliation", NULL) : NULL;
	struct push_registration *registration =
	    affiliation ? push_find(push, event->from, xml_attr_s(pubsub, "node")) : NULL;
	if (!registration || !str_is(xml_attr(affiliation, "affiliation"), "none") ||
	    !str_eq(xml_attr(affiliation, "jid"), jid_bare(user_jid(event->user))))
		return HOOK_PASS;
	if (!event->explain)
		push_remove(registration, "the push service takes no more for it");
	return hook_drop(event, "a push service says that it takes no more notifications");
}

/* --- the client is there, or not ------------------------------------------------------------------------ */

static void calm(struct push *push, const struct session *session, bool left_too)
{
	for (struct push_registration *at = push ? push->registrations : NULL; at; at = at->next)
		if (at->session == session || (left_too && !at->session))
			push_calm(at);
}

static enum hook_verdict on_resumed(struct module_instance *instance, struct hook_session *event)
{
	calm(push_of(session_user(event->session)), event->session, false);
	return HOOK_PASS;
}

/* What was kept goes to whoever becomes available. */
static enum hook_verdict on_presence(struct module_instance *instance, struct hook_presence_out *event)
{
	if (!event->previous && event->stanza->type == PRESENCE_AVAILABLE)
		calm(push_of(session_user(event->session)), event->session,
		    session_priority(event->session) >= 0);
	return HOOK_PASS;
}

static enum hook_verdict on_closed(struct module_instance *instance, struct hook_session *event)
{
	struct push *push = push_of(session_user(event->session));
	bool away = session_hibernates(event->session);
	for (struct push_registration *at = push ? push->registrations : NULL; at; at = at->next) {
		if (at->session != event->session)
			continue;
		at->session = NULL;
		if (away)
			at->messages = 0; /* what it did not get is told where it goes now */
	}
	return HOOK_PASS;
}

static enum hook_verdict on_save(struct module_instance *instance, struct hook_session_save *event)
{
	struct push *push = push_of(session_user(event->session));
	if (!push || !push_is_enabled(event->session))
		return HOOK_PASS;
	xml_open(event->state, "push", NS_STATE);
	for (struct push_registration *at = push->registrations; at; at = at->next) {
		if (at->session != event->session)
			continue;
		xml_open(event->state, "enabled", NULL);
		xml_put_attr(event->state, "jid", jid_full(&at->service));
		xml_put_attr(event->state, "node", str_of(at->node));
		xml_close(event->state);
	}
	xml_close(event->state);
	return HOOK_PASS;
}

static enum hook_verdict on_restore(struct module_instance *instance, struct hook_session_restore *event)
{
	struct push *push = push_of(session_user(event->session));
	const struct xml *state = xml_child(event->state, "push", NS_STATE);
	const struct xml *enabled = push && state ? xml_child(state, "enabled", NULL) : NULL;
	struct arena arena = {0};
	for (; enabled; enabled = xml_next(enabled, "enabled", NULL)) {
		struct jid service;
		struct err err;
		struct push_registration *registration = NULL;
		if (jid_parse(xml_attr_s(enabled, "jid"), &arena, &service, &err) == 0)
			registration = push_find(push, &service, xml_attr_s(enabled, "node"));
		if (registration)
			registration->session = event->session;
	}
	arena_fini(&arena);
	return HOOK_PASS;
}

/* --- for mod_push_keepalive ----------------------------------------------------------------------------- */

bool push_is_enabled(const struct session *session)
{
	const struct push *push = user_slot(session_user(session), &mod_push);
	const struct push_registration *at = push ? push->registrations : NULL;
	while (at && at->session != session)
		at = at->next;
	return at != NULL;
}

static void wake(struct user *user, enum whom whom, const struct session *session)
{
	struct push *push = push_of(user);
	struct push_news news = {PUSH_SILENT, NULL, NULL};
	if (push)
		tell(push, whom, session, &news);
}

void push_wake_session(struct session *session)
{
	wake(session_user(session), OF_SESSION, session);
}

void push_wake_user(struct user *user)
{
	wake(user, AWAY, NULL);
}

/* --- the module ----------------------------------------------------------------------------------------- */

static const struct option options[] = {
    {"include_body", OPTION_STRING, "New message",
	"What a notification of a message with a body has as its text: the body (`true`), nothing (`false`), or "
	"always this text."},
    {"include_sender", OPTION_BOOL, "false", "A notification of a message with a body has the sender's JID."},
    {"notify_on", OPTION_ENUM, "all",
	"`messages`: only messages with a body or with encrypted content. `all`: other stanzas as well, but no "
	"messages that hold nothing but chat states, receipts or markers, and no presence but requests for a "
	"subscription.",
	"all|messages"},
    MODULE_STORAGE_OPTIONS,
    {0},
};

static const struct module_iq iqs[] = {
    {.ns = NS_PUSH,
	.component = IQ_SM,
	.handler = push_on_iq,
	.needs_user = true,
	.owner_only = true,
	.announce = true},
    {0},
};

static const struct hook_entry hooks[] = {
    HOOK_ENTRY(user_load_db, on_load, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_loaded, on_loaded, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_unload, on_unload, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_removed, on_removed, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_gone, on_unload, HOOK_NORMAL, NULL),
    HOOK_ENTRY(message_kept, on_kept, HOOK_NORMAL, NULL),
    HOOK_ENTRY(session_waits, on_waits, HOOK_NORMAL, NULL),
    HOOK_ENTRY(message_delivered, on_delivered, HOOK_LATE, NULL),
    HOOK_ENTRY(roster_changed, on_roster, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_inbound, on_inbound, HOOK_NORMAL, NULL),
    HOOK_ENTRY(session_resumed, on_resumed, HOOK_NORMAL, NULL),
    HOOK_ENTRY(presence_out, on_presence, HOOK_NORMAL, NULL),
    HOOK_ENTRY(session_closed, on_closed, HOOK_NORMAL, NULL),
    HOOK_ENTRY(session_save, on_save, HOOK_NORMAL, NULL),
    HOOK_ENTRY(session_restore, on_restore, HOOK_NORMAL, NULL),
    {0},
};

const struct module mod_push = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_push",
    .doc = "Tells push services that something waits for a client that is away (XEP-0357).",
    .options = options,
    .iqs = iqs,
    .hooks = hooks,
    .commands = push_commands,
    .metrics = metrics,
    .user_slot = true,
    .reload = module_reload_nothing,
};
