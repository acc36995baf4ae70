/* SPDX-License-Identifier: Apache-2.0 */
#include "route/privacy.h"

#include "route/host_private.h"
#include "route/router.h"
#include "route/user_private.h"

/* The user's own resources, or the user's server. */
static bool is_close(const struct user *user, const struct jid *other)
{
	return jid_bare_eq(other, &user->jid) ||
	       (!other->local_len && str_eq(jid_domain(other), jid_domain(&user->jid)));
}

enum hook_verdict privacy_check(struct hook_stanza *event)
{
	struct user *user = event->user;
	if (!host_hooks(user->host, HOOK_privacy_check)->count)
		return HOOK_PASS;
	if (is_close(user, event->direction == HOOK_OUT ? event->to : event->from))
		return HOOK_PASS;
	return hook_run_privacy_check(user->host, event);
}

bool privacy_lets_in(struct user *user, struct session *session, const struct jid *from, const struct jid *to,
    struct stanza *stanza)
{
	struct hook_stanza event = {
	    .from = from,
	    .to = to,
	    .stanza = stanza,
	    .session = session,
	    .user = user,
	    .direction = HOOK_IN,
	    .error = {.condition = SE_service_unavailable},
	};
	enum hook_verdict verdict = privacy_check(&event);
	if (verdict == HOOK_BOUNCE)
		route_error(from, to, stanza, &event.error);
	return verdict == HOOK_PASS;
}

/* What the server sends in the name of a user: nobody is there to get an error. */
static void route_for(struct user *user, struct session *session, const struct jid *from, const struct jid *to,
    struct stanza *stanza)
{
	struct hook_stanza event = {
	    .from = from,
	    .to = to,
	    .stanza = stanza,
	    .session = session,
	    .user = user,
	    .direction = HOOK_OUT,
	};
	if (privacy_check(&event) == HOOK_PASS)
		route(from, to, stanza);
}

void user_route(struct user *user, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	route_for(user, NULL, from, to, stanza);
}

void session_route(struct session *session, const struct jid *to, struct stanza *stanza)
{
	route_for(session->user, session, &session->jid, to, stanza);
}
