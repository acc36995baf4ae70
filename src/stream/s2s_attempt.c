/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "conf/conf.h"
#include "loop/worker.h"
#include "stanzad/log.h"
#include "stream/s2s_out.h"

struct s2s_attempt {
	struct list link;
	const struct s2s_attempt_ops *ops;
	void *owner;
	struct str local, remote; /* in names */
	struct outgoing *outgoing;
	struct s2s_out *out; /* on the present connection */
	bool stream_failed;  /* condition and text are what a host's stream ended with */
	enum stanza_condition condition;
	char text[300];
	struct timer timer; /* ends it out of the loop */
	char names[];
};

static struct list attempts[256]; /* one a worker */

static struct list *attempts_here(void)
{
	struct list *list = &attempts[worker_index(worker_self())];
	if (!list->next)
		list_init(list);
	return list;
}

const struct s2s_attempt_ops *s2s_attempt_ops(const struct s2s_attempt *attempt)
{
	return attempt->ops;
}

void s2s_attempt_step(struct s2s_attempt *attempt, const char *format, ...)
{
	char text[600];
	va_list args;
	if (!attempt->ops->step)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	attempt->ops->step(attempt->owner, text);
}

/* --- the end -------------------------------------------------------------------------------------------- */

static void attempt_free(struct s2s_attempt *attempt)
{
	outgoing_close(&attempt->outgoing);
	timer_stop(&attempt->timer);
	list_remove(&attempt->link);
	free(attempt);
}

void s2s_attempt_cancel(struct s2s_attempt **attempt_ptr)
{
	struct s2s_attempt *attempt = *attempt_ptr;
	*attempt_ptr = NULL;
	if (!attempt)
		return;
	if (attempt->out)
		s2s_out_abandon(attempt->out);
	attempt_free(attempt);
}

void s2s_attempt_succeed(struct s2s_attempt *attempt)
{
	const struct s2s_attempt_ops *ops = attempt->ops;
	void *owner = attempt->owner;
	struct s2s_out *out = attempt->out;
	out->attempt = NULL;
	out->vouching = (struct s2s_vouching){0};
	attempt_free(attempt);
	ops->ready(owner, out);
}

static void give_up(struct s2s_attempt *attempt)
{
	const struct s2s_attempt_ops *ops = attempt->ops;
	void *owner = attempt->owner;
	char text[sizeof(attempt->text)];
	struct s2s_failure failure = {attempt->condition, text};
	memcpy(text, attempt->text, sizeof(text));
	attempt_free(attempt);
	ops->failed(owner, &failure);
}

static void on_over(struct timer *timer)
{
	give_up(list_entry(timer, struct s2s_attempt, timer));
}

void s2s_attempt_stream_failed(
    struct s2s_attempt *attempt, enum stanza_condition condition, const char *text, bool final)
{
	attempt->out = NULL;
	attempt->stream_failed = true;
	attempt->condition = condition;
	snprintf(attempt->text, sizeof(attempt->text), "%s", text);
	s2s_attempt_step(attempt, "%s", text);
	if (!final) {
		outgoing_next(attempt->outgoing, text);
		return;
	}
	outgoing_close(&attempt->outgoing);
	timer_start(&attempt->timer, 0, on_over);
}

/* --- connecting ----------------------------------------------------------------------------------------- */

static size_t on_unwanted_received(void *owner, const char *bytes, size_t len)
{
	return len;
}

static void on_unwanted_gone(void *owner, const char *reason)
{
}

static const struct conn_ops unwanted_ops = {.received = on_unwanted_received, .gone = on_unwanted_gone};

static void on_connected(void *owner, struct conn *conn, const struct dns_target *target)
{
	struct s2s_attempt *attempt = owner;
	struct s2s_vouching vouching = {.host = str_of(target->host), .host_is_secure = target->secure};
	vouching.tlsa = outgoing_tlsa(attempt->outgoing, &vouching.tlsa_count);
	s2s_attempt_step(attempt, "connected to %.*s port %u", STR_FMT(conn_peer_text(conn)),
	    conn_peer_port(conn));
	if (target->direct_tls && s2s_tls_wanted(conf_current(), attempt->local) == S2S_TLS_NEVER) {
		conn_set_owner(conn, &unwanted_ops, NULL);
		conn_abort(conn, "not wanted");
		outgoing_next(attempt->outgoing, "TLS only, which s2s_use_starttls forbids");
		return;
	}
	struct s2s_out *out = s2s_out_new(attempt, attempt->local, attempt->remote, conn, target, &vouching);
	attempt->out = out->attempt ? out : NULL;
}

static void on_failed(void *owner, enum outgoing_failure failure, const char *reason)
{
	struct s2s_attempt *attempt = owner;
	attempt->outgoing = NULL;
	/* What a host said is worth more than that there is no other. */
	if (!attempt->stream_failed) {
		bool unknown = failure == OUTGOING_NOT_FOUND || failure == OUTGOING_REFUSED;
		attempt->condition = unknown ? SE_remote_server_not_found : SE_remote_server_timeout;
		snprintf(attempt->text, sizeof(attempt->text), "%s", reason);
	}
	give_up(attempt);
}

static void on_step(void *owner, const char *text)
{
	s2s_attempt_step(owner, "%s", text);
}

static const struct outgoing_ops outgoing_ops = {on_connected, on_failed, on_step};

struct s2s_attempt *s2s_attempt_start(
    struct str local, struct str remote, const struct s2s_attempt_ops *ops, void *owner)
{
	struct s2s_attempt *attempt = mem_zalloc(sizeof(*attempt) + local.len + remote.len);
	memcpy(attempt->names, local.ptr, local.len);
	memcpy(attempt->names + local.len, remote.ptr, remote.len);
	attempt->local = (struct str){attempt->names, local.len};
	attempt->remote = (struct str){attempt->names + local.len, remote.len};
	attempt->ops = ops;
	attempt->owner = owner;
	list_add_before(attempts_here(), &attempt->link);
	attempt->outgoing = outgoing_open(attempt->local, attempt->remote, &outgoing_ops, attempt);
	return attempt;
}

void s2s_attempts_fini(void *unused)
{
	while (!list_empty(attempts_here())) {
		struct s2s_attempt *attempt = list_entry(attempts_here()->next, struct s2s_attempt, link);
		s2s_attempt_cancel(&attempt);
	}
	(void)unused;
}

/* --- for links ------------------------------------------------------------------------------------------ */

void s2s_out_stop(void)
{
	s2s_stop();
}

static void on_link_ready(void *owner, struct s2s_out *out)
{
	s2s_out_carry(out, owner);
}

static void on_link_failed(void *owner, const struct s2s_failure *failure)
{
	s2s_link_failed(owner, failure->condition, failure->text);
}

static const struct s2s_attempt_ops link_ops = {.ready = on_link_ready, .failed = on_link_failed};

static void *open_link(struct s2s_link *link)
{
	if (!s2s_is_stopped())
		return s2s_attempt_start(s2s_link_local(link), s2s_link_remote(link), &link_ops, link);
	s2s_link_failed(link, SE_remote_server_timeout, "the server is being shut down");
	return NULL;
}

static void cancel_link(void *opening)
{
	struct s2s_attempt *attempt = opening;
	s2s_attempt_cancel(&attempt);
}

const struct s2s_opener s2s_out_opener = {open_link, cancel_link};
