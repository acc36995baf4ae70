/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mod_probe: listens at every hook there is, writes down what it saw and does what a test wished for. And the
 * scene of these tests: alice and bob, who are friends. Each program includes this once.
 */
#pragma once

#include <stdarg.h>

#include "sim.h"

static struct sim_client *alice, *bob;

/* --- mod_probe: listens everywhere, writes it down, and does what a test wants ------------------------ */

#define WORDS_MAX 100

static unsigned calls[HOOK_COUNT];
static char words[HOOK_COUNT][WORDS_MAX]; /* what was there to see, of the latest call */
static struct module_instance *probe;

static struct {
	enum hook_name hook; /* HOOK_COUNT: none */
	int verdict;
	const char *reason;
	const char *tail; /* put behind the stanza's children */
	enum stanza_condition condition;
	bool only_bob; /* privacy: only what has to do with bob */
} wish;

static void saw(enum hook_name hook, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(words[hook], WORDS_MAX, format, args);
	va_end(args);
	__atomic_add_fetch(&calls[hook], 1, __ATOMIC_RELAXED);
}

static enum hook_verdict on_stanza_hook(enum hook_name hook, struct hook_stanza *event)
{
	saw(hook, "%s %.*s", stanza_kind_text(event->stanza->kind), STR_FMT(event->stanza->id));
	if (wish.hook != hook || event->stanza->type == STANZA_ERROR)
		return HOOK_PASS;
	if (wish.tail)
		hook_replace(event, stanza_with_tail(event->stanza, str_of(wish.tail)));
	if (wish.verdict == HOOK_STOP)
		return hook_drop(event, wish.reason);
	if (wish.verdict == HOOK_BOUNCE)
		return hook_bounce(event, wish.condition, wish.reason);
	return (enum hook_verdict)wish.verdict;
}

#define STANZA_HOOK(name)                                                                                    \
	static enum hook_verdict on_##name(struct module_instance *instance, struct hook_stanza *event)      \
	{                                                                                                    \
		return on_stanza_hook(HOOK_##name, event);                                                   \
	}
STANZA_HOOK(user_send)
STANZA_HOOK(s2s_receive)
STANZA_HOOK(presence_out)
STANZA_HOOK(presence_directed)
STANZA_HOOK(subscription_out)
STANZA_HOOK(filter)
STANZA_HOOK(user_inbound)
STANZA_HOOK(subscription_in)
STANZA_HOOK(presence_in)
STANZA_HOOK(message_offline)
STANZA_HOOK(user_receive)

static char asked[4000]; /* what privacy_check was asked, in order */

static void asked_add(const struct hook_stanza *event)
{
	size_t len = strlen(asked);
	struct str other = jid_full(event->direction == HOOK_OUT ? event->to : event->from);
	snprintf(asked + len, sizeof(asked) - len, "%s %s %s %.*s %s; ",
	    event->direction == HOOK_OUT ? "out" : "in", stanza_kind_text(event->stanza->kind),
	    stanza_type_text(event->stanza->type), STR_FMT(other), event->session ? "session" : "user");
}

static enum hook_verdict on_privacy_check(struct module_instance *instance, struct hook_stanza *event)
{
	const struct jid *other = event->direction == HOOK_OUT ? event->to : event->from;
	asked_add(event);
	if (wish.only_bob && !str_starts(jid_full(other), "bob@"))
		return HOOK_PASS;
	return on_stanza_hook(HOOK_privacy_check, event);
}

#define HOST_HOOK(name)                                                                                      \
	static enum hook_verdict on_##name(struct module_instance *instance, struct hook_host *event)        \
	{                                                                                                    \
		saw(HOOK_##name, "%.*s", STR_FMT(host_name(event->host)));                                   \
		return HOOK_PASS;                                                                            \
	}
HOST_HOOK(host_up)
HOST_HOOK(server_started)
HOST_HOOK(config_reloaded)
HOST_HOOK(server_stopping)
HOST_HOOK(host_down)

#define PLAIN_HOOK(name, type)                                                                               \
	static enum hook_verdict on_##name(struct module_instance *instance, struct type *event)             \
	{                                                                                                    \
		saw(HOOK_##name, "seen");                                                                    \
		return HOOK_PASS;                                                                            \
	}
PLAIN_HOOK(c2s_connect, hook_c2s_connect)
PLAIN_HOOK(c2s_stream_features, hook_c2s_stream_features)
PLAIN_HOOK(c2s_unauthenticated_iq, hook_c2s_unauthenticated_iq)
PLAIN_HOOK(c2s_auth_result, hook_c2s_auth_result)
PLAIN_HOOK(component_connected, hook_component)
PLAIN_HOOK(component_disconnected, hook_component)
PLAIN_HOOK(user_load_db, hook_user_load_db)
PLAIN_HOOK(user_loaded, hook_user_loaded)
PLAIN_HOOK(user_unload, hook_user)
PLAIN_HOOK(user_gone, hook_user)
PLAIN_HOOK(session_drained, hook_session)
PLAIN_HOOK(session_closed, hook_session)
PLAIN_HOOK(session_hibernated, hook_session)
PLAIN_HOOK(session_resumed, hook_session)
PLAIN_HOOK(session_save, hook_session_save)
PLAIN_HOOK(session_restore, hook_session_restore)
PLAIN_HOOK(message_undelivered, hook_message_undelivered)
PLAIN_HOOK(session_waits, hook_session_waits)
PLAIN_HOOK(message_kept, hook_message_kept)
PLAIN_HOOK(bind2_features, hook_bind2_features)
PLAIN_HOOK(bind2_request, hook_bind2_request)
PLAIN_HOOK(user_registered, hook_user_registered)
PLAIN_HOOK(user_removed, hook_user_removed)
PLAIN_HOOK(room_created, hook_room)
PLAIN_HOOK(room_loaded, hook_room)
PLAIN_HOOK(room_unload, hook_room)
PLAIN_HOOK(room_enter, hook_room_enter)
PLAIN_HOOK(room_entered, hook_room_entered)
PLAIN_HOOK(room_message, hook_room_message)
PLAIN_HOOK(room_iq, hook_room_iq)
PLAIN_HOOK(room_disco, hook_room_disco)
PLAIN_HOOK(room_renamed, hook_room_renamed)
PLAIN_HOOK(room_affiliation, hook_room_affiliation)
PLAIN_HOOK(room_configured, hook_room_configured)
PLAIN_HOOK(room_left, hook_room_left)
PLAIN_HOOK(room_destroyed, hook_room_destroyed)

static enum hook_verdict on_session_opened(struct module_instance *instance, struct hook_session *event)
{
	saw(HOOK_session_opened, "seen");
	return wish.hook == HOOK_session_opened ? (enum hook_verdict)wish.verdict : HOOK_PASS;
}

static enum hook_verdict on_message_delivered(
    struct module_instance *instance, struct hook_message_delivered *event)
{
	saw(HOOK_message_delivered, "%.*s %d",
	    STR_FMT(event->session ? jid_resource(session_jid(event->session)) : STR("by priority")),
	    event->priority);
	return HOOK_PASS;
}

static enum hook_verdict on_c2s_element(struct module_instance *instance, struct hook_c2s_element *event)
{
	saw(HOOK_c2s_element, "%.*s %.*s", STR_FMT(event->element->name),
	    STR_FMT(event->session ? jid_full(session_jid(event->session)) : STR("unbound")));
	if (!str_is(event->element->ns, "urn:test"))
		return HOOK_PASS;
	xml_put_element(event->answer, "seen", "urn:test", jid_full(event->user));
	return HOOK_STOP;
}

static enum hook_verdict on_c2s_closed(struct module_instance *instance, struct hook_c2s_closed *event)
{
	saw(HOOK_c2s_closed, "%.*s %s %s %s", STR_FMT(event->user ? jid_full(event->user) : STR("nobody")),
	    event->session ? "bound" : "unbound", event->condition ? event->condition : "-", event->reason);
	return HOOK_PASS;
}

static const struct roster_item *shared; /* what hook roster_get adds to everybody's roster */

static enum hook_verdict on_roster_get(struct module_instance *instance, struct hook_roster_get *event)
{
	saw(HOOK_roster_get, "%.*s", STR_FMT(jid_full(user_jid(event->user))));
	if (shared)
		event->add(event, shared);
	return HOOK_PASS;
}

static enum hook_verdict on_roster_subscription(
    struct module_instance *instance, struct hook_roster_subscription *event)
{
	saw(HOOK_roster_subscription, "%s", roster_subscription_text(event->subscription));
	if (shared && str_eq(jid_bare(event->contact), shared->jid))
		event->subscription = shared->subscription;
	return HOOK_PASS;
}

static enum hook_verdict on_roster_item(struct module_instance *instance, struct hook_roster_item *event)
{
	saw(HOOK_roster_item, "%s %.*s %s", event->previous ? "old" : "new", STR_FMT(event->item->jid),
	    roster_subscription_text(event->item->subscription));
	if (wish.hook != HOOK_roster_item)
		return HOOK_PASS;
	if (wish.tail)
		event->item->name = arena_str(event->arena, str_of(wish.tail));
	event->error.text = wish.reason;
	return (enum hook_verdict)wish.verdict;
}

static enum hook_verdict on_roster_changed(struct module_instance *instance, struct hook_roster_changed *event)
{
	saw(HOOK_roster_changed, "%.*s %.*s %s", STR_FMT(jid_full(event->jid)), STR_FMT(event->item->jid),
	    roster_subscription_text(event->item->subscription));
	return HOOK_PASS;
}

static enum hook_verdict on_disco(enum hook_name hook, struct hook_disco *event)
{
	saw(hook, "%s", event->user ? "user" : "server");
	if (wish.hook == hook && wish.verdict == HOOK_BOUNCE) {
		event->error = (struct stanza_error){.condition = wish.condition};
		return HOOK_BOUNCE;
	}
	if (wish.hook == hook)
		disco_put_item(event->reply, STR("pub.sim.example"), STR("a&b"), STR(""));
	return HOOK_PASS;
}

static enum hook_verdict on_disco_info(struct module_instance *instance, struct hook_disco *event)
{
	return on_disco(HOOK_disco_info, event);
}

static enum hook_verdict on_disco_items(struct module_instance *instance, struct hook_disco *event)
{
	return on_disco(HOOK_disco_items, event);
}

static enum hook_verdict on_register_check(struct module_instance *instance, struct hook_register_check *event)
{
	saw(HOOK_register_check, "%.*s", STR_FMT(event->user));
	if (!str_starts(event->user, "admin"))
		return HOOK_PASS;
	err_set(event->err, "names that begin with admin are ours");
	return HOOK_STOP;
}

static enum hook_verdict on_password_changed(
    struct module_instance *instance, struct hook_user_registered *event)
{
	saw(HOOK_password_changed, "%.*s", STR_FMT(event->user));
	return HOOK_PASS;
}

static int probe_start(struct module_instance *instance, struct err *err)
{
	probe = instance;
	return 0;
}

/* One row for each hook there is: a new hook without a function here does not compile. */
static const struct hook_entry probe_hooks[] = {
#define HOOK(name, kind, thread, what) HOOK_ENTRY(name, on_##name, HOOK_EARLY, NULL),
#include "stanzad/hooks.def"
#undef HOOK
    {0},
};
static const struct module mod_probe = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_probe",
    .hooks = probe_hooks,
    .start = probe_start,
    .reload = module_reload_nothing,
};

/* --- the scene ----------------------------------------------------------------------------------------- */

#define MODULES "modules: {mod_probe: {}, mod_roster: {}, mod_offline: {}, mod_disco: {}, mod_register: {}}\n"

static inline void forget(void)
{
	memset(calls, 0, sizeof(calls));
	asked[0] = '\0';
	wish.hook = HOOK_COUNT;
	wish.verdict = HOOK_PASS;
	wish.reason = wish.tail = NULL;
	wish.condition = SE_policy_violation;
	wish.only_bob = false;
	shared = NULL;
}

static inline void begin(void)
{
	forget();
	sim_start("", MODULES);
	alice = sim_login("alice@sim.example/desk");
	bob = sim_login("bob@sim.example/desk");
	sim_send(alice, "<presence/>");
	sim_send(bob, "<presence/>");
	sim_befriend(alice, "alice@sim.example", bob, "bob@sim.example");
	sim_settle();
	sim_skip(alice);
	sim_skip(bob);
	forget();
}

#define HELLO "<message id='m1' type='chat' to='bob@sim.example'><body>hi</body></message>"

static inline void wish_for(enum hook_name hook, int verdict)
{
	forget();
	wish.hook = hook;
	wish.verdict = verdict;
	wish.reason = "because";
}

static inline struct str hook_text(enum hook_name hook)
{
	sim_settle();
	return str_of(words[hook]);
}
