/* SPDX-License-Identifier: Apache-2.0 */
/* What a client did not acknowledge before its session was over (XEP-0198 4). */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "route/host_private.h"
#include "stream/c2s_private.h"
#include "stream/mgmt.h"

/* A stanza that is in storage, until wherever it goes has it: its row goes in the same transaction, if there is one. */
struct rerouted {
	struct receipt receipt;
	struct mgmt *mgmt;
	uint64_t number;
};

static void piece_done(struct mgmt *mgmt)
{
	if (--mgmt->rerouting == 0)
		mgmt_store_remove(mgmt);
	mgmt_unref(mgmt);
}

static void on_safe(struct receipt *receipt)
{
	struct rerouted *rerouted = list_entry(receipt, struct rerouted, receipt);
	struct mgmt *mgmt = rerouted->mgmt;
	free(rerouted);
	piece_done(mgmt);
}

static int on_also(struct receipt *receipt, struct db *db, struct err *err)
{
	struct rerouted *rerouted = list_entry(receipt, struct rerouted, receipt);
	return mgmt_store_forget_one(db, rerouted->mgmt, rerouted->number, err);
}

static void piece_begin(struct mgmt *mgmt)
{
	mgmt_ref(mgmt);
	mgmt->rerouting++;
}

static void enter(struct mgmt *mgmt, struct unsent *unsent, struct receipt **before_r)
{
	if (!unsent->stored) {
		unsent_enter(unsent, before_r);
		return;
	}
	struct rerouted *rerouted = mem_zalloc(sizeof(*rerouted));
	*rerouted = (struct rerouted){{.safe = on_safe, .also = on_also}, mgmt, unsent->end};
	piece_begin(mgmt);
	receipt_begin(&rerouted->receipt, before_r);
}

/* --- where to ------------------------------------------------------------------------------------------- */

static bool others_are_there(const struct mgmt *mgmt)
{
	const struct user *user = user_find(jid_bare(&mgmt->jid));
	const struct session *session = user ? user_first_session(user) : NULL;
	for (; session; session = session_next(session))
		if (session_presence(session) && session_priority(session) >= 0)
			return true;
	return false;
}

/* resend_on_timeout: what is not delivered elsewhere comes back to the sender. */
static bool goes_on(const struct mgmt *mgmt, const struct stanza *stanza)
{
	const struct conf_module *options = mgmt_options(mgmt->host);
	struct str word = options ? conf_module_get(options, "resend_on_timeout")->string : STR("true");
	if (stanza->kind != STANZA_MESSAGE || str_is(word, "true"))
		return true;
	return str_is(word, "if_offline") && !others_are_there(mgmt);
}

static void reroute_one(struct mgmt *mgmt, const struct unsent *unsent)
{
	struct stanza_error error = {
	    .condition = SE_service_unavailable,
	    .text = "the recipient's session ended before it acknowledged this",
	};
	int64_t real_us = clock_real_us() - (int64_t)(clock_mono_ms() - unsent->queued_ms) * 1000;
	struct jid bare = jid_to_bare(&mgmt->jid);
	if (!goes_on(mgmt, unsent->stanza)) {
		route_error(&unsent->from, &unsent->to, unsent->stanza, &error);
		return;
	}
	struct stanza *stanza = stanza_with_delay(unsent->stanza, host_name(mgmt->host), real_us);
	session_undelivered(
	    &bare, &unsent->from, &unsent->to, stanza, unsent->priority, unsent->queued_ms);
	stanza_unref(&stanza);
}

void mgmt_reroute(struct mgmt *mgmt)
{
	struct unsent *unsent;
	piece_begin(mgmt);
	while ((unsent = backlog_take(&mgmt->out.unacked))) {
		if (mgmt_matters(unsent->stanza)) {
			struct receipt *before;
			enter(mgmt, unsent, &before);
			reroute_one(mgmt, unsent);
			unsent_free(&unsent);
			receipt_leave(before);
		} else {
			unsent_free(&unsent);
		}
	}
	mgmt->out.unseen = NULL;
	mgmt->out.count = mgmt->out.bytes = 0;
	piece_done(mgmt);
}
