/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "route/host_private.h"
#include "stream/c2s_private.h"

struct c2s_unsent {
	struct c2s_unsent *next;
	struct stanza *stanza;
	struct jid from, to;
	uint64_t end; /* the byte of the stream behind it */
	uint64_t queued_ms;
	int priority;
	char text[]; /* of from and to */
};

static bool matters(const struct stanza *stanza)
{
	return stanza->kind == STANZA_IQ ? stanza_is_request(stanza)
					 : stanza->kind == STANZA_MESSAGE && stanza->type != STANZA_ERROR;
}

static struct c2s_unsent *unsent_new(const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct str from_text = jid_full(from), to_text = jid_full(to);
	struct c2s_unsent *unsent = mem_alloc(sizeof(*unsent) + from_text.len + to_text.len);
	unsent->next = NULL;
	unsent->stanza = stanza_ref(stanza);
	unsent->from = *from;
	unsent->to = *to;
	unsent->from.text = memcpy(unsent->text, from_text.ptr, from_text.len);
	unsent->to.text = memcpy(unsent->text + from_text.len, to_text.ptr, to_text.len);
	return unsent;
}

static void take_first(struct c2s_backlog *backlog)
{
	struct c2s_unsent *first = backlog->first;
	backlog->first = first->next;
	if (!backlog->first)
		backlog->last = NULL;
	stanza_unref(&first->stanza);
	free(first);
}

void c2s_backlog_trim(struct c2s *c2s)
{
	uint64_t sent = conn_traffic(c2s->conn).bytes_out;
	while (c2s->backlog.first && c2s->backlog.first->end <= sent)
		take_first(&c2s->backlog);
}

void c2s_backlog_add(struct c2s *c2s, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct c2s_backlog *backlog = &c2s->backlog;
	if (!matters(stanza))
		return;
	c2s_backlog_trim(c2s);
	struct c2s_unsent *unsent = unsent_new(from, to, stanza);
	unsent->end = conn_traffic(c2s->conn).bytes_out + conn_output(c2s->conn);
	unsent->queued_ms = clock_mono_ms();
	unsent->priority = session_priority(c2s->session);
	if (backlog->last)
		backlog->last->next = unsent;
	else
		backlog->first = unsent;
	backlog->last = unsent;
}

void c2s_backlog_give_back(struct c2s *c2s)
{
	c2s_backlog_trim(c2s);
	while (c2s->backlog.first) {
		struct c2s_unsent *first = c2s->backlog.first;
		session_undelivered(
		    &c2s->jid, &first->from, &first->to, first->stanza, first->priority, first->queued_ms);
		take_first(&c2s->backlog);
	}
}
