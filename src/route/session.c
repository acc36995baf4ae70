/* SPDX-License-Identifier: Apache-2.0 */
#include "route/session.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/rand.h"
#include "conf/access.h"
#include "route/host_private.h"
#include "route/offered.h"
#include "route/privacy.h"
#include "route/router.h"
#include "route/slots.h"
#include "route/user_private.h"
#include "stanzad/log.h"

#define RESOURCE_MADE_LEN 16 /* 80 random bits */

/* --- binding -------------------------------------------------------------------------------------------- */

static struct session *session_new(struct user *user, struct str resource, const struct session_bind *bind)
{
	struct session *session = mem_zalloc(sizeof(*session) + modules_session_slots() * sizeof(void *));
	session->magic = SESSION_MAGIC;
	session->user = user;
	session->ops = bind->ops;
	session->stream = bind->stream;
	session->bound_ms = clock_mono_ms();
	struct arena arena = {0};
	struct jid full = jid_with_resource(&user->jid, resource, &arena);
	session->jid = jid_dup_heap(&full);
	arena_fini(&arena);
	struct session **end = &user->sessions;
	while (*end)
		end = &(*end)->next;
	*end = session;
	return session;
}

static void session_detach(struct session *session)
{
	struct session **at = &session->user->sessions;
	while (*at != session)
		at = &(*at)->next;
	*at = session->next;
	session->next = NULL;
}

/* The words of the option, in the order of its table. */
static bool conflict_is(struct user *user, const char *word)
{
	return str_is(conf_str(conf_current(), host_name(user->host), "resource_conflict"), word);
}

static struct session *oldest_over_limit(struct user *user)
{
	struct access_subject subject = {.jid = &user->jid};
	int64_t limit =
	    access_rule_number(conf_current(), host_name(user->host), "max_user_sessions", &subject, 10);
	if (limit == OPTION_INFINITE || (int64_t)user_session_count(user) < limit)
		return NULL;
	return user->sessions;
}

static void bind_to(struct session_bind *bind, struct user *user)
{
	char made[RESOURCE_MADE_LEN + 1];
	struct str resource = bind->resource;
	struct session *old = resource.len ? user_session(user, resource) : NULL;
	if (old && (bind->yields || conflict_is(user, "closenew"))) {
		bind->done(bind, SESSION_CONFLICT, NULL);
		return;
	}
	if (!resource.len || (old && conflict_is(user, "setresource"))) {
		rand_id(made, RESOURCE_MADE_LEN);
		resource = str_of(made);
		old = NULL;
	}
	user->holds++;
	if (old)
		session_close(old, "conflict", "replaced by a new connection");
	else if ((old = oldest_over_limit(user)))
		session_close(
		    old, "policy-violation", "too many sessions of this user; the oldest was closed");
	user->holds--;
	struct session *session = session_new(user, resource, bind);
	timer_stop(&user->idle);
	hook_run_session_opened(user->host, &(struct hook_session){session});
	bind->done(bind, SESSION_BOUND, session);
}

struct bind_wait {
	struct user_waiter waiter;
	struct session_bind *bind;
};

static void on_bind_ready(struct user_waiter *waiter, struct user *user)
{
	struct session_bind *bind = ((struct bind_wait *)waiter)->bind;
	free(waiter);
	if (!user)
		bind->done(bind, SESSION_UNAVAILABLE, NULL);
	else if (!user->exists && !bind->anonymous)
		bind->done(bind, SESSION_GONE, NULL);
	else
		bind_to(bind, user);
}

void session_bind_start(struct session_bind *bind)
{
	struct host *host = host_find(jid_domain(bind->user));
	if (!host) {
		bind->done(bind, SESSION_GONE, NULL);
		return;
	}
	struct bind_wait *wait = mem_zalloc(sizeof(*wait));
	wait->waiter.ready = on_bind_ready;
	wait->bind = bind;
	user_wait(bind->user, host, &wait->waiter);
}

void session_unbind(struct session **session_ptr)
{
	struct session *session = *session_ptr;
	*session_ptr = NULL;
	if (!session)
		return;
	assert(session->magic == SESSION_MAGIC);
	struct user *user = session->user;
	session_detach(session);
	user->holds++;
	hook_run_session_closed(user->host, &(struct hook_session){session});
	user->holds--;
	late_slots_forget(session);
	stanza_unref(&session->presence);
	free((char *)session->jid.text);
	session->magic = 0;
	free(session);
	user_settle(user);
}

void session_park(struct session **session)
{
	stanza_unref(&(*session)->presence);
	(*session)->parked = true;
	session_unbind(session);
}

void session_hold_by(struct session *session, const struct session_ops *ops, void *stream)
{
	session->ops = ops;
	session->stream = stream;
}

void *session_holder(const struct session *session, const struct session_ops *ops)
{
	return session->ops == ops ? session->stream : NULL;
}

void session_hibernate(struct session *session, bool away)
{
	struct host *host = session->user->host;
	session->hibernates = away;
	if (away)
		hook_run_session_hibernated(host, &(struct hook_session){session});
	else
		hook_run_session_resumed(host, &(struct hook_session){session});
}

/* --- presence ------------------------------------------------------------------------------------------- */

static int presence_priority(const struct stanza *stanza, int *priority_r)
{
	struct strbuf buf = {0};
	const struct xml *child = xml_child_token(stanza->root, XN_priority, XNS_CLIENT);
	struct str text = child ? str_trim(xml_text(child, &buf)) : STR("0");
	int64_t priority = 0;
	bool good = str_to_i64(text.len ? text : STR("0"), &priority) && priority >= -128 && priority <= 127;
	strbuf_fini(&buf);
	*priority_r = (int)priority;
	return good ? 0 : -1;
}

static bool is_bound(const struct user *user, const struct session *session)
{
	const struct session *at = user->sessions;
	while (at && at != session)
		at = at->next;
	return at != NULL;
}

void session_keep_presence(struct user *user, struct session *session, struct stanza *stanza)
{
	if (!is_bound(user, session))
		return;
	int priority = 0;
	bool available = stanza && stanza->type == PRESENCE_AVAILABLE;
	if (available)
		presence_priority(stanza, &priority);
	struct stanza *before = session->presence;
	session->presence = available ? stanza_ref(stanza) : NULL;
	session->priority = (int8_t)priority;
	stanza_unref(&before);
	session_state_changed(session);
}

int session_set_presence(struct session *session, struct stanza *stanza, struct stanza_error *error_r)
{
	int priority;
	if (stanza->type == PRESENCE_AVAILABLE && presence_priority(stanza, &priority) < 0) {
		*error_r = (struct stanza_error){
		    .condition = SE_bad_request, .text = "priority is an integer from -128 to 127"};
		return -1;
	}
	struct user *user = session->user;
	struct stanza *previous = session->presence ? stanza_ref(session->presence) : NULL;
	struct hook_stanza event = {
	    .from = &session->jid,
	    .stanza = stanza,
	    .session = session,
	    .user = user,
	    .previous = previous,
	    .error = {.condition = SE_service_unavailable},
	};
	user_hold(user);
	session_keep_presence(user, session, stanza);
	enum hook_verdict verdict = hook_run_presence_out(user->host, &event);
	if (verdict != HOOK_PASS)
		session_keep_presence(user, session, previous);
	if (verdict == HOOK_BOUNCE)
		*error_r = event.error;
	hook_stanza_fini(&event, stanza);
	stanza_unref(&previous);
	user_release(user);
	return verdict == HOOK_BOUNCE ? -1 : 0;
}

/* --- sending -------------------------------------------------------------------------------------------- */

enum hook_verdict session_sends(struct session *session, struct hook_stanza *event)
{
	struct user *user = session->user;
	event->session = session;
	event->user = user;
	event->error.condition = SE_service_unavailable;
	enum hook_verdict verdict = hook_run_user_send(user->host, event);
	if (verdict != HOOK_PASS)
		return verdict;
	struct hook_stanza question = *event;
	question.direction = HOOK_OUT;
	question.error.condition = SE_not_acceptable;
	verdict = privacy_check(&question);
	event->error = question.error;
	event->reason = question.reason;
	return verdict;
}

/* --- delivering ----------------------------------------------------------------------------------------- */

static void spool(
    struct session *session, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct user *user = session->user;
	LOG_DEBUG("session.queue_full", LOG_STR("session", jid_full(&session->jid)));
	enum hook_verdict verdict = HOOK_BOUNCE;
	struct hook_stanza event = {
	    .from = from,
	    .to = to,
	    .stanza = stanza,
	    .user = user,
	    .error = {.condition = SE_resource_constraint, .text = "the recipient's queue is full"},
	};
	if (stanza->kind == STANZA_MESSAGE && stanza->type != STANZA_ERROR && storage_has_room(from))
		verdict = hook_run_message_offline(user->host, &event);
	if (verdict != HOOK_STOP)
		route_error(from, to, stanza, &event.error);
	hook_stanza_fini(&event, stanza);
}

void session_hand_over(
    struct session *session, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct hook_stanza event = {
	    .from = from,
	    .to = to,
	    .stanza = stanza,
	    .session = session,
	    .user = session->user,
	    .error = {.condition = SE_service_unavailable},
	};
	enum hook_verdict verdict = hook_run_user_receive(session->user->host, &event);
	if (verdict == HOOK_BOUNCE) {
		route_error(from, to, stanza, &event.error);
	} else if (verdict == HOOK_PASS) {
		if (trace_on())
			TRACE(STAGE_WRITTEN, "to %.*s", STR_FMT(jid_full(&session->jid)));
		else if (!session->ops->deliver(session->stream, event.from, event.to, event.stanza))
			spool(session, from, to, event.stanza);
	}
	hook_stanza_fini(&event, stanza);
}

void session_deliver(
    struct session *session, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	if (privacy_lets_in(session->user, session, from, to, stanza))
		session_hand_over(session, from, to, stanza);
}

static void slow_down_here(const struct jid *from, unsigned ms)
{
	struct user *user = user_find(jid_bare(from));
	struct session *session = user ? user_session(user, jid_resource(from)) : NULL;
	if (session)
		session->ops->slow_down(session->stream, ms);
}

struct slow_mail {
	struct mail mail;
	struct envelope *envelope;
	unsigned ms;
};

static void on_slow_mail(struct mail *mail)
{
	struct slow_mail *slow = (struct slow_mail *)mail;
	slow_down_here(&slow->envelope->from, slow->ms);
	envelope_free(slow->envelope);
	free(slow);
}

static void (*remote_slow)(struct str domain);

void session_set_remote_slow(void (*slow)(struct str domain))
{
	remote_slow = slow;
}

void session_slow_sender(const struct jid *from, unsigned ms)
{
	if (!host_find(jid_domain(from))) {
		if (remote_slow)
			remote_slow(jid_domain(from));
		return;
	}
	if (!from->resource_len)
		return;
	struct worker *home = worker_home(map_hash(jid_bare(from)));
	if (home == worker_self()) {
		slow_down_here(from, ms);
		return;
	}
	struct slow_mail *slow = mem_zalloc(sizeof(*slow));
	*slow = (struct slow_mail){{.receive = on_slow_mail}, envelope_new(from, from, NULL), ms};
	worker_post(home, &slow->mail);
}

bool session_cannot_slow(const struct jid *from)
{
	struct str domain = jid_domain(from);
	return host_find(domain) ? !from->resource_len : local_route_serves(domain);
}

void session_drained(struct session *session)
{
	hook_run_session_drained(session->user->host, &(struct hook_session){session});
}

void session_close(struct session *session, const char *stream_condition, const char *text)
{
	session->ops->close(session->stream, stream_condition, text);
}

/* --- reading -------------------------------------------------------------------------------------------- */

struct session *session_next(const struct session *session)
{
	return session->next;
}

struct user *session_user(const struct session *session)
{
	return session->user;
}

const struct jid *session_jid(const struct session *session)
{
	return &session->jid;
}

struct stanza *session_presence(const struct session *session)
{
	return session->presence;
}

int session_priority(const struct session *session)
{
	return session->priority;
}

bool session_interested(const struct session *session)
{
	return session->interested;
}

void session_set_interested(struct session *session)
{
	if (session->interested)
		return;
	session->interested = true;
	session_state_changed(session);
}

bool session_is_parked(const struct session *session)
{
	return session->parked;
}

bool session_hibernates(const struct session *session)
{
	return session->hibernates;
}

void session_state_changed(struct session *session)
{
	if (session->ops->changed)
		session->ops->changed(session->stream);
}

void session_set_resume_timeout(struct session *session, uint64_t ms)
{
	if (session->ops->wait_for)
		session->ops->wait_for(session->stream, ms);
}

void session_about(const struct session *session, struct session_about *about_r)
{
	session->ops->about(session->stream, about_r);
}

int64_t session_active_us(const struct session *session)
{
	return session->ops->active_us(session->stream);
}

void *session_slot(const struct session *session, const struct module *module)
{
	int place = module_session_slot(module);
	return place < 0 ? late_slot(session, module) : session->slots[place];
}

void session_set_slot(struct session *session, const struct module *module, void *state)
{
	int place = module_session_slot(module);
	assert(module->session_slot);
	if (place < 0)
		late_slot_set(session, module, state);
	else
		session->slots[place] = state;
}
