/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/mgmt.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rand.h"
#include "conf/conf.h"
#include "route/host_private.h"
#include "stanzad/log.h"
#include "stream/c2s_private.h"
#include "stream/mgmt_ledger.h"

#define MGMT_MAGIC 0x6d676d74u

static struct list all[256]; /* one a worker */

static struct list *all_here(void)
{
	struct list *list = &all[worker_index(worker_self())];
	if (!list->next)
		list_init(list);
	return list;
}

/* --- options -------------------------------------------------------------------------------------------- */

const struct conf_module *mgmt_options(const struct host *host)
{
	return conf_module_find(conf_current(), host_name(host), "mod_stream_mgmt");
}

static uint64_t limit_of(const struct conf_module *options, const char *name)
{
	int64_t value = conf_module_get(options, name)->integer;
	return value == OPTION_INFINITE ? UINT64_MAX : (uint64_t)value;
}

/* For how long, by what the client wants (0: nothing special) and what the options allow. */
static uint64_t resume_ms(const struct host *host, uint64_t wanted_s)
{
	const struct conf_module *options = mgmt_options(host);
	uint64_t usual = (uint64_t)conf_module_get(options, "resume_timeout")->integer;
	const struct option_value *most = conf_module_get(options, "max_resume_timeout");
	uint64_t limit = most->present ? (uint64_t)most->integer : usual;
	if (!wanted_s || wanted_s > limit / 1000)
		return wanted_s ? limit : usual;
	return wanted_s * 1000;
}

/* --- life ----------------------------------------------------------------------------------------------- */

struct mgmt *mgmt_new(struct host *host, const struct jid *full)
{
	struct mgmt *mgmt = mem_zalloc(sizeof(*mgmt));
	mgmt->magic = MGMT_MAGIC;
	mgmt->refs = 1;
	mgmt->host = host;
	mgmt->jid = jid_dup_heap(full);
	mgmt->slot = MGMT_NO_SLOT;
	mgmt->ns = NS_SM;
	mgmt->in.ops = &mgmt_inbound_ops;
	const struct conf_module *options = mgmt_options(host);
	mgmt->ack_ms = options ? limit_of(options, "ack_timeout") : 0;
	mgmt->queue_max = options ? limit_of(options, "max_ack_queue") : 0;
	list_add_before(all_here(), &mgmt->link);
	return mgmt;
}

void mgmt_ref(struct mgmt *mgmt)
{
	mgmt->refs++;
}

void mgmt_unref(struct mgmt *mgmt)
{
	assert(mgmt->magic == MGMT_MAGIC && mgmt->refs);
	if (--mgmt->refs)
		return;
	assert(!mgmt->session && !mgmt->c2s && !mgmt->out.unacked.first);
	timer_stop(&mgmt->timer);
	timer_stop(&mgmt->out.spool_timer);
	inbound_fini(&mgmt->in);
	list_remove(&mgmt->link);
	free((char *)mgmt->jid.text);
	mgmt->magic = 0;
	free(mgmt);
}

void mgmt_know_client(struct mgmt *mgmt)
{
	const char *id = mgmt->c2s->client_id;
	snprintf(mgmt->client_id, sizeof(mgmt->client_id), "%s", id ? id : "");
}

struct mgmt *mgmt_start(struct c2s *c2s, const char *ns, bool resumable, uint64_t wanted_s)
{
	struct mgmt *mgmt = mgmt_new(c2s->host, session_jid(c2s->session));
	uint64_t wait_ms = resume_ms(c2s->host, wanted_s);
	rand_id(mgmt->id, MGMT_ID_LEN);
	mgmt->ns = ns;
	mgmt->c2s = c2s;
	mgmt->session = c2s->session;
	mgmt->resumable = resumable && wait_ms;
	mgmt->resume_ms = wait_ms;
	mgmt->since_us = c2s->since_us;
	mgmt_know_client(mgmt);
	mgmt->unwritten = mgmt->resumable;
	mgmt->slot = mgmt_ledger_take(mgmt->id);
	c2s->mgmt = mgmt;
	session_hold_by(mgmt->session, &mgmt_session_ops, mgmt);
	mgmt_store_later(mgmt);
	return mgmt;
}

void mgmt_detach(struct mgmt *mgmt)
{
	struct c2s *c2s = mgmt->c2s;
	timer_stop(&mgmt->timer);
	timer_stop(&mgmt->in.answer_timer);
	if (!c2s)
		return;
	mgmt->port = conn_peer_port(c2s->conn);
	mgmt->tls = c2s->secure;
	mgmt->since_us = c2s->since_us;
	mgmt->active_us = c2s->active_us;
	snprintf(mgmt->address, sizeof(mgmt->address), "%.*s", STR_FMT(conn_peer_text(c2s->conn)));
	mgmt->c2s = NULL;
	c2s->mgmt = NULL;
	c2s->session = NULL;
}

void mgmt_end(struct mgmt *mgmt)
{
	mgmt_detach(mgmt);
	timer_stop(&mgmt->out.spool_timer);
	session_unbind(&mgmt->session);
	mgmt_reroute(mgmt);
	mgmt_unref(mgmt);
}

static void on_resume_timeout(struct timer *timer)
{
	struct mgmt *mgmt = list_entry(timer, struct mgmt, timer);
	LOG_INFO("mgmt.not_resumed", LOG_STR("session", jid_full(&mgmt->jid)),
	    LOG_INT("unacknowledged", (int64_t)mgmt->out.count));
	mgmt_gone_remember(mgmt);
	mgmt_end(mgmt);
}

void mgmt_wait(struct mgmt *mgmt)
{
	timer_start(&mgmt->timer, mgmt->resume_ms, on_resume_timeout);
	session_hibernate(mgmt->session, true);
}

void mgmt_lost(struct mgmt *mgmt)
{
	if (!mgmt->resumable) {
		mgmt_end(mgmt);
		return;
	}
	mgmt_detach(mgmt);
	LOG_INFO("mgmt.away", LOG_STR("session", jid_full(&mgmt->jid)),
	    LOG_INT("unacknowledged", (int64_t)mgmt->out.count));
	mgmt_ref(mgmt);
	mgmt_wait(mgmt);
	/* A module may have ended the session. */
	if (mgmt->session)
		mgmt_spool(mgmt);
	mgmt_unref(mgmt);
}

void mgmt_park(struct mgmt *mgmt)
{
	struct unsent *unsent;
	if (!mgmt->session)
		return;
	if (!mgmt->resumable) {
		mgmt_end(mgmt);
		return;
	}
	mgmt_detach(mgmt);
	timer_stop(&mgmt->out.spool_timer);
	mgmt_store_now(mgmt);
	session_park(&mgmt->session);
	mgmt_spool(mgmt);
	while ((unsent = backlog_take(&mgmt->out.unacked)))
		unsent_free(&unsent);
	mgmt->out.unseen = NULL;
	mgmt_unref(mgmt);
}

void mgmt_park_all(void)
{
	struct list *next;
	for (struct list *at = all_here()->next; at != all_here(); at = next) {
		next = at->next;
		mgmt_park(list_entry(at, struct mgmt, link));
	}
}

struct mgmt *mgmt_find(const struct jid *bare, struct str id)
{
	struct user *user = user_find(jid_bare(bare));
	struct session *session = user ? user_first_session(user) : NULL;
	for (; session; session = session_next(session)) {
		struct mgmt *mgmt = session_holder(session, &mgmt_session_ops);
		if (mgmt && mgmt->resumable && str_is(id, mgmt->id))
			return mgmt;
	}
	return NULL;
}

unsigned mgmt_away_count(void)
{
	unsigned count = 0;
	for (struct list *at = all_here()->next; at != all_here(); at = at->next) {
		const struct mgmt *mgmt = list_entry(at, struct mgmt, link);
		count += mgmt->session && !mgmt->c2s;
	}
	return count;
}

/* --- for the session ------------------------------------------------------------------------------------ */

static bool on_deliver(void *stream, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct mgmt *mgmt = stream;
	if (mgmt->c2s && !c2s_has_room(mgmt->c2s, from))
		return false;
	if (!mgmt_has_room(mgmt)) {
		mgmt->out.full = true;
		return false;
	}
	mgmt_send(mgmt, from, to, stanza);
	return true;
}

static void on_close(void *stream, const char *stream_condition, const char *text)
{
	struct mgmt *mgmt = stream;
	if (mgmt->c2s)
		c2s_session_ops.close(mgmt->c2s, stream_condition, text);
	else
		mgmt_end(mgmt);
}

static void on_about(void *stream, struct session_about *about_r)
{
	struct mgmt *mgmt = stream;
	if (mgmt->c2s) {
		c2s_session_ops.about(mgmt->c2s, about_r);
		return;
	}
	*about_r = (struct session_about){
	    .address = str_of(mgmt->address),
	    .port = mgmt->port,
	    .connection = mgmt->tls ? "c2s_tls" : "c2s",
	    .since_us = mgmt->since_us,
	    .tls = mgmt->tls,
	    .client_id = str_of(mgmt->client_id),
	};
}

static int64_t on_active(void *stream)
{
	struct mgmt *mgmt = stream;
	return mgmt->c2s ? mgmt->c2s->active_us : mgmt->active_us;
}

static void on_slow_down(void *stream, unsigned ms)
{
	struct mgmt *mgmt = stream;
	if (mgmt->c2s)
		c2s_session_ops.slow_down(mgmt->c2s, ms);
}

static void on_changed(void *stream)
{
	mgmt_store_later(stream);
}

static void on_wait_for(void *stream, uint64_t ms)
{
	struct mgmt *mgmt = stream;
	if (!mgmt->resumable || mgmt->resume_ms == ms)
		return;
	mgmt->resume_ms = ms;
	if (!mgmt->c2s)
		timer_start(&mgmt->timer, ms, on_resume_timeout);
	mgmt_store_later(mgmt);
}

const struct session_ops mgmt_session_ops = {
    .deliver = on_deliver,
    .close = on_close,
    .about = on_about,
    .active_us = on_active,
    .slow_down = on_slow_down,
    .changed = on_changed,
    .wait_for = on_wait_for,
};
