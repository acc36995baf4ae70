/* SPDX-License-Identifier: Apache-2.0 */
#include "route/host_private.h"
#include "stream/c2s_private.h"

static bool matters(const struct stanza *stanza)
{
	return stanza->kind == STANZA_IQ ? stanza_is_request(stanza)
					 : stanza->kind == STANZA_MESSAGE && stanza->type != STANZA_ERROR;
}

void c2s_backlog_trim(struct c2s *c2s)
{
	backlog_trim(&c2s->backlog, c2s->conn);
}

void c2s_backlog_add(struct c2s *c2s, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	if (matters(stanza))
		backlog_add(&c2s->backlog, c2s->conn, from, to, stanza)->priority =
		    session_priority(c2s->session);
}

void c2s_backlog_give_back(struct c2s *c2s)
{
	struct unsent *unsent;
	struct receipt *before;
	c2s_backlog_trim(c2s);
	while ((unsent = backlog_take(&c2s->backlog))) {
		unsent_enter(unsent, &before);
		session_undelivered(&c2s->jid, &unsent->from, &unsent->to, unsent->stanza, unsent->priority,
		    unsent->queued_ms);
		unsent_free(&unsent);
		receipt_leave(before);
	}
}
