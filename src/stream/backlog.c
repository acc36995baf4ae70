/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/backlog.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "loop/worker.h"

#define SCRATCH_KEEP (64u * 1024)

static struct strbuf scratch[256]; /* one a worker: where a stanza is written before it is queued */

void backlog_fini(void)
{
	for (unsigned i = 0; i < 256; i++)
		strbuf_fini(&scratch[i]);
}

void backlog_write(
    struct conn *conn, const struct jid *from, const struct jid *to, const struct stanza *stanza)
{
	struct strbuf *out = &scratch[worker_index(worker_self())];
	strbuf_reset(out);
	stanza_write(out, stanza, from, to);
	conn_write(conn, strbuf_view(out));
	if (out->cap > SCRATCH_KEEP)
		strbuf_fini(out);
}

static struct unsent *unsent_new(const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct str from_text = jid_full(from), to_text = jid_full(to);
	struct unsent *unsent = mem_alloc(sizeof(*unsent) + from_text.len + to_text.len);
	*unsent = (struct unsent){.stanza = stanza_ref(stanza), .from = *from, .to = *to};
	unsent->from.text = memcpy(unsent->text, from_text.ptr, from_text.len);
	unsent->to.text = memcpy(unsent->text + from_text.len, to_text.ptr, to_text.len);
	unsent->queued_ms = clock_mono_ms();
	unsent->receipt = receipt_carry();
	return unsent;
}

void unsent_enter(struct unsent *unsent, struct receipt **before_r)
{
	receipt_enter(unsent->receipt, before_r);
	unsent->receipt = NULL;
}

void unsent_free(struct unsent **unsent)
{
	receipt_drop(&(*unsent)->receipt);
	stanza_unref(&(*unsent)->stanza);
	free(*unsent);
	*unsent = NULL;
}

static void append(struct backlog *backlog, struct unsent *unsent)
{
	if (backlog->last)
		backlog->last->next = unsent;
	else
		backlog->first = unsent;
	backlog->last = unsent;
}

struct unsent *backlog_take(struct backlog *backlog)
{
	struct unsent *first = backlog->first;
	if (!first)
		return NULL;
	backlog->first = first->next;
	if (!backlog->first)
		backlog->last = NULL;
	return first;
}

void backlog_trim(struct backlog *backlog, const struct conn *conn)
{
	uint64_t sent = conn_traffic(conn).bytes_out;
	while (backlog->first && backlog->first->end <= sent) {
		struct unsent *first = backlog_take(backlog);
		unsent_free(&first);
	}
}

struct unsent *backlog_add(struct backlog *backlog, const struct conn *conn, const struct jid *from,
    const struct jid *to, struct stanza *stanza)
{
	backlog_trim(backlog, conn);
	struct unsent *unsent = unsent_new(from, to, stanza);
	unsent->end = conn_traffic(conn).bytes_out + conn_output(conn);
	append(backlog, unsent);
	return unsent;
}

struct unsent *backlog_keep(
    struct backlog *backlog, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct unsent *unsent = unsent_new(from, to, stanza);
	unsent->end = UINT64_MAX;
	append(backlog, unsent);
	return unsent;
}
