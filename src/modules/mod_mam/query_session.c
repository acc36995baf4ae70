/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_mam/query.h"
#include "stanzad/mem.h"

#define JOBS_MOST 32

/* In the slot of a session. */
struct session_asker {
	struct mam_asker asker; /* first */
	struct session *session;
};

/* A message that does not fit into the queue of its session is offered to the hook message_offline. */
static _Thread_local struct {
	const struct user *user; /* whose archive is being handed over right now */
	bool refused;
} handing;

static bool hand(struct mam_asker *asker, const struct iq *iq, struct stanza *result)
{
	struct session *session = ((struct session_asker *)asker)->session;
	struct user *user = session_user(session);
	struct jid from = jid_to_bare(user_jid(user));
	handing.user = user;
	handing.refused = false;
	session_deliver(session, &from, iq->from, result);
	handing.user = NULL;
	return !handing.refused;
}

static const struct mam_asker_kind of_session = {
    .jobs_most = JOBS_MOST, .hand = hand, .turn = mam_asker_run};

/* --- hooks ---------------------------------------------------------------------------------------------- */

/* Of whatever archive. */
static bool is_result(const struct stanza *stanza)
{
	return !xml_child_token(stanza->root, XN_body, XNS_CLIENT) && xml_child(stanza->root, "result", NS_MAM);
}

enum hook_verdict mam_session_on_refused(struct module_instance *instance, struct hook_message_offline *event)
{
	if (handing.user && handing.user == event->user) {
		handing.refused = true;
		return hook_drop(event, "it is sent again when there is room");
	}
	return is_result(event->stanza) ? hook_drop(event, "a result is for the client that asked") : HOOK_PASS;
}

/* Whoever asks again gets it again. */
enum hook_verdict mam_session_on_undelivered(
    struct module_instance *instance, struct hook_message_undelivered *event)
{
	return is_result(event->stanza) ? HOOK_STOP : HOOK_PASS;
}

enum hook_verdict mam_session_on_drained(struct module_instance *instance, struct hook_session_drained *event)
{
	struct session_asker *own = session_slot(event->session, &mod_mam);
	if (own)
		mam_asker_go_on(&own->asker);
	return HOOK_PASS;
}

enum hook_verdict mam_session_on_closed(struct module_instance *instance, struct hook_session_closed *event)
{
	struct session_asker *own = session_slot(event->session, &mod_mam);
	if (!own)
		return HOOK_PASS;
	mam_asker_abandon(&own->asker, SE_service_unavailable);
	session_set_slot(event->session, &mod_mam, NULL);
	free(own);
	return HOOK_PASS;
}

struct mam_asker *mam_session_asker(const struct iq *iq)
{
	struct session *session = user_session(iq->user, jid_resource(iq->from));
	struct session_asker *own = session ? session_slot(session, &mod_mam) : NULL;
	if (session && !own) {
		own = mem_zalloc(sizeof(*own));
		mam_asker_init(&own->asker, &of_session);
		own->session = session;
		session_set_slot(session, &mod_mam, own);
	}
	return own ? &own->asker : NULL;
}
