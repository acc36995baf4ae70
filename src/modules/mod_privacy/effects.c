/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_privacy/effects.h"

#include <stdlib.h>

#include "modules/mod_roster/roster.h"
#include "stanzad/mem.h"
#include "stanzad/module.h"

enum what {
	HIDE, /* the contact sees the session go */
	LOSE, /* the session sees the contact go */
	SHOW, /* the contact sees the session again */
	SEEK, /* the session asks for the contact's presence */
};

struct privacy_effect {
	enum what what;
	struct str resource;
	struct jid contact;
};

/* --- finding out ---------------------------------------------------------------------------------------- */

struct collecting {
	struct privacy_effects *effects;
	struct session *session;
	const struct privacy_list *old, *new;
};

static void add(struct collecting *collecting, enum what what, const struct jid *contact)
{
	struct privacy_effects *effects = collecting->effects;
	if (effects->count == effects->room) {
		effects->room = effects->room ? effects->room * 2 : 8;
		effects->effects =
		    mem_realloc_array(effects->effects, effects->room, sizeof(effects->effects[0]));
	}
	effects->effects[effects->count++] = (struct privacy_effect){
	    what,
	    arena_str(&effects->arena, jid_resource(session_jid(collecting->session))),
	    jid_dup(contact, &effects->arena),
	};
}

/* Out or in: -1 it is stopped from now on, 1 it passes again, 0 nothing changes. */
static int change(const struct collecting *collecting, enum privacy_kind kind, const struct jid *contact)
{
	struct user *user = session_user(collecting->session);
	bool denied = privacy_list_denies(collecting->old, user, kind, contact);
	bool will_be = privacy_list_denies(collecting->new, user, kind, contact);
	return (int)denied - (int)will_be;
}

static bool is_concerned(const struct privacy_effects *effects, const struct jid *contact)
{
	for (size_t i = 0; i < effects->only_count; i++)
		if (privacy_jid_matches(&effects->only[i], contact))
			return true;
	return !effects->only;
}

static void look_at_contact(void *arg, const struct jid *contact, const struct roster_item *item)
{
	struct collecting *collecting = arg;
	enum roster_subscription subscription = item->subscription;
	if (!is_concerned(collecting->effects, contact))
		return;
	if (subscription == ROSTER_FROM || subscription == ROSTER_BOTH) {
		int out = change(collecting, PRIVACY_PRESENCE_OUT, contact);
		if (out)
			add(collecting, out < 0 ? HIDE : SHOW, contact);
	}
	if (subscription == ROSTER_TO || subscription == ROSTER_BOTH) {
		int in = change(collecting, PRIVACY_PRESENCE_IN, contact);
		if (in)
			add(collecting, in < 0 ? LOSE : SEEK, contact);
	}
}

/* Directed presence is not sent anew: what it said was for once. */
static void look_at_directed(void *arg, const struct jid *to)
{
	struct collecting *collecting = arg;
	if (is_concerned(collecting->effects, to) && change(collecting, PRIVACY_PRESENCE_OUT, to) < 0)
		add(collecting, HIDE, to);
}

static bool names(const struct privacy_list *list, const struct jid *jid)
{
	for (uint32_t i = 0; list && i < list->count; i++)
		if (list->items[i].type == PRIVACY_JID && jid_eq(&list->items[i].jid, jid))
			return true;
	return false;
}

/* Items may name one resource of a contact; what happens to the contact as a whole was seen above. */
static void look_at_resources(
    struct collecting *collecting, const struct privacy_list *list, const struct privacy_list *seen)
{
	struct user *user = session_user(collecting->session);
	for (uint32_t i = 0; list && i < list->count; i++) {
		const struct privacy_item *item = &list->items[i];
		if (item->type != PRIVACY_JID || !item->jid.resource_len ||
		    !is_concerned(collecting->effects, &item->jid) || names(seen, &item->jid) ||
		    jid_bare_eq(&item->jid, user_jid(user)) || !roster_may_see(user, &item->jid))
			continue;
		struct jid bare = jid_to_bare(&item->jid);
		int out = change(collecting, PRIVACY_PRESENCE_OUT, &item->jid);
		if (out && out != change(collecting, PRIVACY_PRESENCE_OUT, &bare))
			add(collecting, out < 0 ? HIDE : SHOW, &item->jid);
	}
}

void privacy_effects_collect(struct privacy_effects *effects, struct session *session,
    const struct privacy_list *old, const struct privacy_list *new)
{
	struct collecting collecting = {effects, session, old, new};
	if (old == new || !session_presence(session))
		return;
	roster_each(session_user(session), look_at_contact, &collecting);
	roster_each_directed(session, look_at_directed, &collecting);
	look_at_resources(&collecting, old, NULL);
	look_at_resources(&collecting, new, old);
}

/* --- telling -------------------------------------------------------------------------------------------- */

static struct stanza *presence_of_type(const char *type)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	xml_open(&writer, "presence", NULL);
	xml_put_attr(&writer, "type", str_of(type));
	xml_close(&writer);
	struct stanza *stanza = stanza_from_writer(&writer);
	xml_writer_fini(&writer);
	return stanza;
}

void privacy_effects_before(struct user *user, const struct privacy_effects *effects)
{
	struct stanza *unavailable = effects->count ? presence_of_type("unavailable") : NULL;
	for (size_t i = 0; i < effects->count; i++) {
		const struct privacy_effect *effect = &effects->effects[i];
		struct session *session = user_session(user, effect->resource);
		if (session && effect->what == HIDE)
			route(session_jid(session), &effect->contact, unavailable);
		else if (session && effect->what == LOSE)
			session_deliver(session, &effect->contact, session_jid(session), unavailable);
	}
	stanza_unref(&unavailable);
}

/* As when it became available: RFC 6121 4.3.1. */
static void seek(struct session *session, const struct jid *contact, struct stanza *probe)
{
	struct user *user = session_user(session);
	if (host_find(jid_domain(contact)))
		session_route(session, contact, probe);
	else
		user_route(user, user_jid(user), contact, probe);
}

void privacy_effects_behind(struct user *user, const struct privacy_effects *effects)
{
	struct stanza *probe = effects->count ? presence_of_type("probe") : NULL;
	for (size_t i = 0; i < effects->count; i++) {
		const struct privacy_effect *effect = &effects->effects[i];
		struct session *session = user_session(user, effect->resource);
		if (!session || !session_presence(session))
			continue;
		if (effect->what == SHOW)
			session_route(session, &effect->contact, session_presence(session));
		else if (effect->what == SEEK)
			seek(session, &effect->contact, probe);
	}
	stanza_unref(&probe);
}

void privacy_effects_fini(struct privacy_effects *effects)
{
	free(effects->effects);
	arena_fini(&effects->arena);
}
