/* SPDX-License-Identifier: Apache-2.0 */
#include "base/list.h"
#include "loop/worker.h"
#include "route/host_private.h"
#include "stream/c2s_private.h"

/*
 * When a client does not read, its output queue grows. Over the soft mark whoever sends to it is slowed down; at the hard
 * mark stanzas are spooled or bounced instead of queued; without any progress for send_timeout the connection is dead.
 */
#define QUEUE_SOFT (64u * 1024)
#define QUEUE_HARD (1024u * 1024)
#define SLOW_MS 50 /* how long a sender to a slow recipient reads nothing */
#define STALL_CHECK_MS 1000

#define SCRATCH_KEEP (64u * 1024)

static struct strbuf scratch[256]; /* one a worker: where a stanza is written before it is queued */

void c2s_scratch_fini(void)
{
	for (unsigned i = 0; i < 256; i++)
		strbuf_fini(&scratch[i]);
}

static void on_stall_check(struct timer *timer);

/* The timer is also that of slowing down, whose end comes here, too: who is slowed all the time is looked at all the same. */
static void stall_check(struct c2s *c2s)
{
	uint64_t stalled = conn_stalled_ms(c2s->conn);
	if (stalled > (uint64_t)conf_listener_get(c2s->listener, "send_timeout")->integer)
		conn_abort(c2s->conn, "the client does not read");
	else if (stalled || conn_output(c2s->conn) >= QUEUE_SOFT)
		timer_start(&c2s->timer, STALL_CHECK_MS, on_stall_check);
}

static void on_stall_check(struct timer *timer)
{
	stall_check(list_entry(timer, struct c2s, timer));
}

static bool on_deliver(void *stream, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct strbuf *out = &scratch[worker_index(worker_self())];
	struct c2s *c2s = stream;
	size_t queued = conn_output(c2s->conn);
	if (queued && !timer_running(&c2s->timer) && (queued >= QUEUE_SOFT || conn_stalled_ms(c2s->conn)))
		timer_start(&c2s->timer, STALL_CHECK_MS, on_stall_check);
	if (queued >= QUEUE_SOFT) {
		session_slow_sender(from);
		if (queued >= QUEUE_HARD)
			return false;
	}
	strbuf_reset(out);
	stanza_write(out, stanza, from, to);
	conn_write(c2s->conn, strbuf_view(out));
	if (out->cap > SCRATCH_KEEP)
		strbuf_fini(out);
	return true;
}

static void on_close(void *stream, const char *stream_condition, const char *text)
{
	c2s_fail(stream, stream_condition_of(stream_condition), text);
}

static void on_about(void *stream, struct session_about *about_r)
{
	struct c2s *c2s = stream;
	*about_r = (struct session_about){
	    .address = conn_peer_text(c2s->conn),
	    .port = conn_peer_port(c2s->conn),
	    .connection = c2s->secure ? "c2s_tls" : "c2s",
	    .since_us = c2s->since_us,
	    .tls = c2s->secure,
	};
}

static int64_t on_active(void *stream)
{
	return ((struct c2s *)stream)->active_us;
}

static void on_slow_over(struct timer *timer)
{
	struct c2s *c2s = list_entry(timer, struct c2s, timer);
	c2s->slowed = false;
	conn_resume(c2s->conn);
	stall_check(c2s);
}

static void on_slow_down(void *stream)
{
	struct c2s *c2s = stream;
	if (c2s->slowed || c2s->state != C2S_SESSION)
		return;
	c2s->slowed = true;
	conn_pause(c2s->conn);
	timer_start(&c2s->timer, SLOW_MS, on_slow_over);
}

const struct session_ops c2s_session_ops = {
    .deliver = on_deliver,
    .close = on_close,
    .about = on_about,
    .active_us = on_active,
    .slow_down = on_slow_down,
};
