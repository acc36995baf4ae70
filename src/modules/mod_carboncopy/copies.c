/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/forward.h"
#include "modules/mod_carboncopy/carbons.h"
#include "modules/mod_mam/mam.h"
#include "stanzad/mem.h"

/* --- who gets one --------------------------------------------------------------------------------------- */

/* As everywhere, nothing is asked about the user's own resources and server. */
static bool is_close(const struct user *user, const struct jid *other)
{
	return jid_bare_eq(other, user_jid(user)) ||
	       (!other->local_len && str_eq(jid_domain(other), jid_domain(user_jid(user))));
}

/* Whether the lists of the session, or of the user as a whole, let the message pass. */
static bool lists_let_pass(const struct carbon *carbon, struct session *session)
{
	bool out = carbon->direction == CARBON_SENT;
	struct hook_stanza event = {
	    .from = carbon->from,
	    .to = carbon->to,
	    .stanza = carbon->message,
	    .session = session,
	    .user = carbon->user,
	    .direction = out ? HOOK_OUT : HOOK_IN,
	};
	return is_close(carbon->user, out ? carbon->to : carbon->from) ||
	       hook_run_privacy_check(user_host(carbon->user), &event) == HOOK_PASS;
}

static bool has_it(const struct carbon *carbon, const struct session *session)
{
	return session == carbon->sender || session == carbon->addressed ||
	       (session_presence(session) && session_priority(session) >= carbon->priority);
}

static bool is_due(const struct carbon *carbon, struct session *session)
{
	return carbon_mode(session) == CARBON_COPIES && !has_it(carbon, session) &&
	       (carbon->direction == CARBON_SENT || lists_let_pass(carbon, session));
}

static bool is_still_there(const struct user *user, const struct session *session)
{
	const struct session *at = user_first_session(user);
	while (at && at != session)
		at = session_next(at);
	return at != NULL;
}

/* --- making and handing over ---------------------------------------------------------------------------- */

/* XEP-0280 7, 8: from the user's bare JID, of the same type. */
static struct stanza *wrap(const struct carbon *carbon)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	const char *type = stanza_type_text(carbon->message->type);
	xml_open(&writer, "message", NULL);
	if (type[0])
		xml_put_attr(&writer, "type", str_of(type));
	xml_open(&writer, carbon->direction == CARBON_SENT ? "sent" : "received", NS_CARBONS);
	forward_put(&writer, carbon->message, carbon->from, carbon->to, carbon->message->id);
	xml_close(&writer);
	xml_close(&writer);
	struct stanza *copy = stanza_from_writer(&writer);
	xml_writer_fini(&writer);
	return copy;
}

/* To deliver may end sessions, so each is looked for when it is its turn. A copy is followed like the message: without
 * an archive it is all that the device ever gets. */
static void hand_over(
    const struct carbon *carbon, struct stanza *copy, struct session *const *due, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (is_still_there(carbon->user, due[i]))
			session_deliver(due[i], user_jid(carbon->user), session_jid(due[i]), copy);
}

void carbon_copy(const struct carbon *carbon)
{
	struct user *user = carbon->user;
	struct session **due = mem_alloc((user_session_count(user) + 1) * sizeof(struct session *));
	unsigned count = 0;
	for (struct session *session = user_first_session(user); session; session = session_next(session))
		if (is_due(carbon, session))
			due[count++] = session;
	struct stanza *copy = count ? wrap(carbon) : NULL;
	if (copy) {
		user_hold(user);
		hand_over(carbon, copy, due, count);
		carbon_remember(user, carbon->direction == CARBON_SENT ? carbon->to : carbon->from,
		    carbon->message);
		user_release(user);
		stanza_unref(&copy);
	}
	free(due);
}

/* --- sent: XEP-0280 8 ----------------------------------------------------------------------------------- */

/*
 * To another of the user's own resources, or to all: RFC 6121 8.5 says which of them get the message itself. false:
 * nobody gets it now, it is kept for later.
 */
static bool find_own_recipients(struct carbon *carbon)
{
	const struct jid *to = carbon->to;
	int best = -1;
	if (!jid_bare_eq(to, user_jid(carbon->user)))
		return true;
	carbon->addressed = to->resource_len ? user_session(carbon->user, jid_resource(to)) : NULL;
	if (carbon->addressed || (to->resource_len && carbon->message->type != MESSAGE_CHAT))
		return true;
	for (struct session *session = user_first_session(carbon->user); session;
	     session = session_next(session))
		if (session_presence(session) && session_priority(session) > best)
			best = session_priority(session);
	carbon->priority = carbon->message->type == MESSAGE_HEADLINE ? 0 : best;
	return best >= 0;
}

static void copy_sent(struct hook_stanza *event, struct session *sender)
{
	struct carbon carbon = {
	    .user = event->user,
	    .from = event->from,
	    .to = event->to,
	    .message = event->stanza,
	    .direction = CARBON_SENT,
	    .sender = sender,
	    .priority = CARBON_NOBODY,
	};
	if (lists_let_pass(&carbon, sender) && find_own_recipients(&carbon))
		carbon_copy(&carbon);
}

static void copy_and_reflect(struct hook_stanza *event)
{
	struct session *sender =
	    event->session ? event->session : user_session(event->user, jid_resource(event->from));
	if (carbon_has_other(event->user, NULL, CARBON_ALL))
		carbon_reflect(event);
	if (carbon_has_other(event->user, sender, CARBON_COPIES) &&
	    carbon_is_eligible(event->user, event->from, event->to, event->stanza, CARBON_SENT))
		copy_sent(event, sender);
}

enum hook_verdict carbon_on_send(struct module_instance *instance, struct hook_stanza *event)
{
	if (event->stanza->kind != STANZA_MESSAGE || event->explain)
		return HOOK_PASS;
	struct hook_stanza archived = *event;
	archived.stanza = mam_sent_copy(event->user, event->stanza);
	copy_and_reflect(&archived);
	stanza_unref(&archived.stanza);
	return HOOK_PASS;
}

/* --- received: XEP-0280 7 ------------------------------------------------------------------------------- */

/* A session of the user's own sent it, so its copies are made already. */
static bool is_own(const struct user *user, const struct jid *from)
{
	return from->resource_len && jid_bare_eq(from, user_jid(user));
}

enum hook_verdict carbon_on_delivered(struct module_instance *instance, struct hook_message_delivered *event)
{
	struct session *addressed = (struct session *)event->session;
	struct carbon carbon = {
	    .user = event->user,
	    .from = event->from,
	    .to = event->to,
	    .message = event->stanza,
	    .direction = CARBON_RECEIVED,
	    .addressed = addressed,
	    .priority = addressed ? CARBON_NOBODY : event->priority,
	};
	if (carbon_has_other(event->user, addressed, CARBON_COPIES) && !is_own(event->user, event->from) &&
	    carbon_is_eligible(event->user, event->from, event->to, event->stanza, CARBON_RECEIVED) &&
	    (!addressed || lists_let_pass(&carbon, addressed)))
		carbon_copy(&carbon);
	return HOOK_PASS;
}

/* The session that had the message did not pass it on; who has a copy needs no other. */
enum hook_verdict carbon_on_undelivered(
    struct module_instance *instance, struct hook_message_undelivered *event)
{
	struct carbon carbon = {
	    .user = event->user,
	    .from = event->from,
	    .to = event->to,
	    .message = event->stanza,
	    .direction = is_own(event->user, event->from) ? CARBON_SENT : CARBON_RECEIVED,
	    .priority = CARBON_NOBODY,
	};
	if (!carbon_has_other(carbon.user, NULL, CARBON_COPIES) ||
	    !carbon_is_eligible(carbon.user, carbon.from, carbon.to, carbon.message, carbon.direction))
		return HOOK_PASS;
	for (struct session *session = user_first_session(carbon.user); session;
	     session = session_next(session))
		if (carbon_since(session) < event->delivered_ms && is_due(&carbon, session))
			return HOOK_STOP;
	return HOOK_PASS;
}

/* --- copies that go astray ------------------------------------------------------------------------------ */

static bool is_ours(const struct user *user, const struct jid *from, const struct stanza *stanza)
{
	return !from->resource_len && stanza->kind == STANZA_MESSAGE && jid_bare_eq(from, user_jid(user)) &&
	       carbon_is_copy(stanza);
}

/* What a session did not pass on is delivered anew, to others; a copy was for that session alone. */
enum hook_verdict carbon_on_receive(struct module_instance *instance, struct hook_stanza *event)
{
	if (!is_ours(event->user, event->from, event->stanza))
		return HOOK_PASS;
	if (carbon_mode(event->session) == CARBON_COPIES && jid_eq(event->to, session_jid(event->session)))
		return HOOK_PASS;
	return hook_drop(event, "a carbon for another session");
}

enum hook_verdict carbon_on_offline(struct module_instance *instance, struct hook_stanza *event)
{
	return is_ours(event->user, event->from, event->stanza)
		   ? hook_drop(event, "a carbon is not kept for later")
		   : HOOK_PASS;
}
