/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_roster/presence.h"

#include <stdlib.h>

#include "base/map.h"
#include "modules/mod_roster/roster_save.h"
#include "modules/mod_roster/roster_view.h"
#include "modules/mod_roster/subscription_flow.h"
#include "stanzad/mem.h"

#define NS_DIRECTED "urn:stanzad:directed"
#define SAVED_MOST 65536 /* bytes of addresses */

struct stanza *presence_make(enum stanza_type type)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	xml_open(&writer, "presence", NULL);
	if (type != PRESENCE_AVAILABLE)
		xml_put_attr(&writer, "type", str_of(stanza_type_text(type)));
	xml_close(&writer);
	struct stanza *stanza = stanza_from_writer(&writer);
	xml_writer_fini(&writer);
	return stanza;
}

void presence_of_all(struct user *user, const struct jid *to, bool available)
{
	struct stanza *unavailable = NULL;
	struct session *next;
	for (struct session *session = user_first_session(user); session; session = next) {
		next = session_next(session);
		if (!session_presence(session))
			continue;
		if (!available && !unavailable)
			unavailable = presence_make(PRESENCE_UNAVAILABLE);
		session_route(session, to, available ? session_presence(session) : unavailable);
	}
	stanza_unref(&unavailable);
}

/* --- directed presence: RFC 6121 4.6 -------------------------------------------------------------------- */

/* Who else was told that a session is available: a map in its slot, JID text -> itself. */

/* False: it is there already. */
static bool directed_put(struct session *session, const struct jid *to)
{
	struct map *directed = session_slot(session, &mod_roster);
	if (!directed) {
		directed = mem_zalloc(sizeof(*directed));
		session_set_slot(session, &mod_roster, directed);
	}
	if (map_get(directed, jid_full(to)))
		return false;
	char *text = str_dup(jid_full(to));
	map_put(directed, str_of(text), text);
	return true;
}

static void directed_add(struct session *session, const struct jid *to)
{
	if (directed_put(session, to))
		session_state_changed(session);
}

static void directed_remove(struct session *session, const struct jid *to)
{
	struct map *directed = session_slot(session, &mod_roster);
	char *text = directed ? map_remove(directed, jid_full(to)) : NULL;
	if (text)
		session_state_changed(session);
	free(text);
}

enum hook_verdict presence_on_save(struct module_instance *instance, struct hook_session_save *event)
{
	const struct map *directed = session_slot(event->session, &mod_roster);
	uint32_t position = 0;
	const char *text;
	size_t bytes = 0;
	(void)instance;
	if (!directed || !directed->count)
		return HOOK_PASS;
	xml_open(event->state, "directed", NS_DIRECTED);
	while ((text = map_next(directed, &position, NULL)) && (bytes += strlen(text)) <= SAVED_MOST)
		xml_put_element(event->state, "to", NULL, str_of(text));
	xml_close(event->state);
	return HOOK_PASS;
}

enum hook_verdict presence_on_restore(struct module_instance *instance, struct hook_session_restore *event)
{
	const struct xml *saved = xml_child(event->state, "directed", NS_DIRECTED);
	(void)instance;
	for (const struct xml *at = saved ? xml_first_element(saved) : NULL; at; at = xml_next_element(at)) {
		struct arena arena = {0};
		struct strbuf text = {0};
		struct jid to;
		if (jid_parse(xml_text(at, &text), &arena, &to, NULL) == 0)
			directed_put(event->session, &to);
		strbuf_fini(&text);
		arena_fini(&arena);
	}
	return HOOK_PASS;
}

void roster_each_directed(
    const struct session *session, void (*each)(void *arg, const struct jid *to), void *arg)
{
	const struct map *directed = session_slot(session, &mod_roster);
	uint32_t position = 0;
	const char *text;
	while (directed && (text = map_next(directed, &position, NULL))) {
		struct jid to = jid_of_prepared(str_of(text));
		each(arg, &to);
	}
}

static void directed_free(struct session *session)
{
	struct map *directed = session_slot(session, &mod_roster);
	uint32_t position = 0;
	char *text;
	if (!directed)
		return;
	session_set_slot(session, &mod_roster, NULL);
	while ((text = map_next(directed, &position, NULL)))
		free(text);
	map_fini(directed);
	free(directed);
}

/* was_available: those who may see presence were told with everybody else. */
static void directed_end(struct session *session, bool was_available, struct stanza *unavailable)
{
	const struct map *directed = session_slot(session, &mod_roster);
	uint32_t position = 0;
	const char *text;
	while (directed && (text = map_next(directed, &position, NULL))) {
		struct jid to = jid_of_prepared(str_of(text));
		if (!was_available || !roster_may_see(session_user(session), &to))
			session_route(session, &to, unavailable);
	}
	directed_free(session);
}

enum hook_verdict presence_on_directed(struct module_instance *instance, struct hook_presence_directed *event)
{
	struct session *session = event->session;
	if (event->stanza->type == PRESENCE_UNAVAILABLE) {
		directed_remove(session, event->to);
		return HOOK_PASS;
	}
	/* 4.6.3: a contact who gets the broadcasts anyway is not remembered. */
	if (session_presence(session) && roster_may_see(session_user(session), event->to))
		return HOOK_PASS;
	const struct map *directed = session_slot(session, &mod_roster);
	int64_t most = module_option(instance, "max_directed")->integer;
	if (directed && directed->count >= most && !map_get(directed, jid_full(event->to)))
		return hook_bounce(event, SE_resource_constraint, "presence was sent to too many addresses");
	directed_add(session, event->to);
	return HOOK_PASS;
}

/* --- broadcasts: RFC 6121 4.2 to 4.5 -------------------------------------------------------------------- */

static bool sees_us(const struct roster_item *item)
{
	return item->subscription == ROSTER_FROM || item->subscription == ROSTER_BOTH;
}

static bool is_seen(const struct roster_item *item)
{
	return item->subscription == ROSTER_TO || item->subscription == ROSTER_BOTH;
}

/* To the user's own available resources and to those who are subscribed. */
static void broadcast(struct session *session, struct stanza *stanza)
{
	struct user *user = session_user(session);
	struct roster_walk walk = {0};
	struct roster_view view;
	route(session_jid(session), user_jid(user), stanza);
	roster_view_open(user, &view);
	while (roster_walk_next(view.roster, &walk))
		if (sees_us(walk.item) && !jid_bare_eq(&walk.jid, user_jid(user)))
			session_route(session, &walk.jid, stanza);
	roster_walk_fini(&walk);
	roster_view_close(&view);
}

/*
 * 4.3.1. To another server a probe comes from the bare JID. Between users of this server it comes from the
 * new resource, so that the answers go to that one only and not again to those that have them.
 */
static void probe_contacts(struct session *session)
{
	struct user *user = session_user(session);
	struct stanza *probe = NULL;
	struct roster_walk walk = {0};
	struct roster_view view;
	roster_view_open(user, &view);
	while (roster_walk_next(view.roster, &walk)) {
		if (!is_seen(walk.item) || jid_bare_eq(&walk.jid, user_jid(user)))
			continue;
		if (!probe)
			probe = presence_make(PRESENCE_PROBE);
		if (host_find(jid_domain(&walk.jid)))
			session_route(session, &walk.jid, probe);
		else
			user_route(user, user_jid(user), &walk.jid, probe);
	}
	roster_walk_fini(&walk);
	roster_view_close(&view);
	stanza_unref(&probe);
}

static void show_own_others(struct session *session)
{
	struct session *next;
	for (struct session *other = user_first_session(session_user(session)); other; other = next) {
		next = session_next(other);
		if (other != session && session_presence(other))
			session_deliver(
			    session, session_jid(other), session_jid(session), session_presence(other));
	}
}

static void go_available(struct session *session, struct stanza *stanza, bool initial)
{
	broadcast(session, stanza);
	if (!initial)
		return;
	show_own_others(session);
	probe_contacts(session);
	subscription_requests_deliver(session);
}

static void go_unavailable(struct session *session, struct stanza *stanza, bool was_available)
{
	if (was_available)
		broadcast(session, stanza);
	directed_end(session, was_available, stanza);
}

enum hook_verdict presence_on_out(struct module_instance *instance, struct hook_presence_out *event)
{
	if (event->stanza->type == PRESENCE_AVAILABLE) {
		go_available(event->session, event->stanza, !event->previous);
		return HOOK_PASS;
	}
	go_unavailable(event->session, event->stanza, event->previous != NULL);
	/* 4.5.2: the resource itself gets it, too; it is no longer among the available ones. */
	if (event->previous)
		session_deliver(
		    event->session, session_jid(event->session), session_jid(event->session), event->stanza);
	return HOOK_PASS;
}

enum hook_verdict presence_on_closed(struct module_instance *instance, struct hook_session *event)
{
	if (session_is_parked(event->session))
		directed_free(event->session);
	if (!session_presence(event->session) && !session_slot(event->session, &mod_roster))
		return HOOK_PASS;
	struct stanza *unavailable = presence_make(PRESENCE_UNAVAILABLE);
	go_unavailable(event->session, unavailable, session_presence(event->session) != NULL);
	stanza_unref(&unavailable);
	return HOOK_PASS;
}

/* --- what comes in: RFC 6121 4.3.2 ---------------------------------------------------------------------- */

static void answer_unavailable(const struct hook_stanza *event)
{
	struct stanza *unavailable = presence_make(PRESENCE_UNAVAILABLE);
	user_route(event->user, event->to, event->from, unavailable);
	stanza_unref(&unavailable);
}

/* Without an account and without the right to see it looks the same. */
static void answer_unsubscribed(const struct hook_stanza *event)
{
	struct stanza *unsubscribed = presence_make(PRESENCE_UNSUBSCRIBED);
	struct jid from = jid_to_bare(event->to), to = jid_to_bare(event->from);
	route(&from, &to, unsubscribed);
	stanza_unref(&unsubscribed);
}

static bool any_available(const struct user *user)
{
	for (struct session *session = user_first_session(user); session; session = session_next(session))
		if (session_presence(session))
			return true;
	return false;
}

static void on_probe(const struct hook_stanza *event)
{
	struct user *user = event->user;
	if (!user_exists(user) || !roster_may_see(user, event->from)) {
		answer_unsubscribed(event);
		return;
	}
	if (event->to->resource_len) {
		struct session *session = user_session(user, jid_resource(event->to));
		if (session && session_presence(session))
			session_route(session, event->from, session_presence(session));
		else
			answer_unavailable(event);
	} else if (any_available(user)) {
		presence_of_all(user, event->from, true);
	} else if (!host_find(jid_domain(event->from))) {
		/* Within this server nobody thinks that a silent contact is there. */
		answer_unavailable(event);
	}
}

/*
 * An address that returns an error is told nothing more. What comes back to the bare JID is about a request
 * for a subscription, as long as one waits for an answer, or about a probe, which is nobody's: 4.3.
 */
static enum hook_verdict on_error(const struct hook_stanza *event)
{
	if (!event->to->resource_len) {
		const struct roster_item *item = roster_find(event->user, jid_bare(event->from));
		return item && item->ask ? HOOK_PASS : HOOK_STOP;
	}
	struct session *session = user_session(event->user, jid_resource(event->to));
	if (session)
		directed_remove(session, event->from);
	return HOOK_PASS;
}

enum hook_verdict presence_on_in(struct module_instance *instance, struct hook_presence_in *event)
{
	switch (event->stanza->type) {
	case PRESENCE_PROBE:
		on_probe(event);
		return HOOK_STOP;
	case STANZA_ERROR:
		return on_error(event);
	default:
		return HOOK_PASS;
	}
}
