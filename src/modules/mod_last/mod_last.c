/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_last/last.h"
#include "modules/storage_options.h"
#include "stanzad/clock.h"
#include "stanzad/list.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"

#define NS_LAST "jabber:iq:last"

extern const struct module mod_last;

static uint64_t started_ms; /* of the process, as far as this module knows */

static int64_t now_seconds(void)
{
	return clock_real_us() / 1000000;
}

static enum iq_verdict answer(struct iq *iq, int64_t seconds, struct str status)
{
	xml_open(iq->reply, "query", NS_LAST);
	xml_put_attr_u64(iq->reply, "seconds", seconds > 0 ? (uint64_t)seconds : 0);
	if (status.len)
		xml_put_text(iq->reply, status);
	xml_close(iq->reply);
	return IQ_ANSWER;
}

/* --- the server: XEP-0012 5 ------------------------------------------------------------------- */

static enum iq_verdict on_server(struct iq *iq)
{
	if (iq->type == IQ_SET)
		return iq_refuse(iq, SE_not_allowed, NULL);
	return answer(iq, (int64_t)((clock_mono_ms() - started_ms) / 1000), STR_NULL);
}

/* --- users: XEP-0012 3 ------------------------------------------------------------------------ */

struct question {
	struct store_op op;
	struct iq *iq;
	struct jid user; /* bare; borrowed from iq */
	struct last_entry entry;
	struct arena arena;
};

static int question_run(struct store_op *op, struct db *db, struct err *err)
{
	struct question *question = list_entry(op, struct question, op);
	return last_read(db, &question->user, &question->arena, &question->entry, err);
}

static void question_done(struct store_op *op, int result, const struct err *err)
{
	struct question *question = list_entry(op, struct question, op);
	struct iq *iq = question->iq;
	enum iq_verdict verdict;
	if (result < 0) {
		LOG_ERROR("last.read_failed", LOG_STR("user", jid_bare(&question->user)),
		    LOG_CSTR("reason", err->text));
		verdict = iq_refuse(iq, SE_internal_server_error, NULL);
	} else if (result == 0) {
		verdict =
		    iq_refuse(iq, SE_service_unavailable, "nothing is known about this user's last activity");
	} else {
		verdict = answer(iq, now_seconds() - question->entry.seconds, question->entry.status);
	}
	iq_finish(&iq, verdict);
	arena_fini(&question->arena);
	free(question);
}

static enum iq_verdict on_user(struct iq *iq)
{
	if (iq->type == IQ_SET)
		return iq_refuse(iq, SE_not_allowed, NULL);
	if (!roster_may_see(iq->user, iq->from))
		return iq_refuse(iq, SE_forbidden, NULL);
	if (user_first_session(iq->user))
		return answer(iq, 0, STR_NULL);
	struct question *question = mem_zalloc(sizeof(*question));
	question->iq = iq_later(iq);
	question->user = jid_to_bare(question->iq->to);
	question->op.kind = STORE_READ;
	question->op.key = jid_bare(&question->user);
	question->op.run = question_run;
	question->op.done = question_done;
	store_submit(&question->op);
	return IQ_LATER;
}

/* XEP-0012 4: those who may not see the presence do not reach the client either. */
static enum hook_verdict on_receive(struct module_instance *instance, struct hook_stanza *event)
{
	if (event->stanza->kind != STANZA_IQ || event->stanza->type != IQ_GET)
		return HOOK_PASS;
	const struct xml *payload = stanza_payload(event->stanza);
	if (!payload || payload->ns_token != XNS_LAST ||
	    roster_may_see(session_user(event->session), event->from))
		return HOOK_PASS;
	return hook_bounce(event, SE_forbidden, NULL);
}

/* --- writing it down -------------------------------------------------------------------------- */

struct departure {
	struct store_op op;
	struct jid user; /* bare; heap */
	struct last_entry entry;
	struct arena arena;
};

static int departure_run(struct store_op *op, struct db *db, struct err *err)
{
	struct departure *departure = list_entry(op, struct departure, op);
	return last_write(db, &departure->user, &departure->entry, err);
}

static void departure_done(struct store_op *op, int result, const struct err *err)
{
	struct departure *departure = list_entry(op, struct departure, op);
	if (result < 0)
		LOG_ERROR("last.write_failed", LOG_STR("user", jid_bare(&departure->user)),
		    LOG_CSTR("reason", err->text));
	arena_fini(&departure->arena);
	free((char *)departure->user.text);
	free(departure);
}

static void write_departure(const struct jid *user, struct str status)
{
	struct departure *departure = mem_zalloc(sizeof(*departure));
	departure->user = jid_dup_heap(user);
	departure->entry.seconds = now_seconds();
	departure->entry.status = arena_str(&departure->arena, status);
	departure->op.kind = STORE_WRITE;
	departure->op.key = jid_bare(&departure->user);
	departure->op.run = departure_run;
	departure->op.done = departure_done;
	store_submit(&departure->op);
}

/* The status of the latest unavailable presence, until the session ends. */
static void keep_status(struct session *session, struct stanza *stanza)
{
	char *old = session_slot(session, &mod_last);
	struct strbuf joined = {0};
	struct str status = STR_NULL;
	if (stanza->type == PRESENCE_UNAVAILABLE)
		status = xml_child_text(stanza->root, "status", &joined);
	if (status.len > LAST_STATUS_MAX)
		status = STR_NULL;
	session_set_slot(session, &mod_last, status.len ? str_dup(status) : NULL);
	free(old);
	strbuf_fini(&joined);
}

static enum hook_verdict on_presence(struct module_instance *instance, struct hook_presence_out *event)
{
	keep_status(event->session, event->stanza);
	return HOOK_PASS;
}

static enum hook_verdict on_closed(struct module_instance *instance, struct hook_session *event)
{
	char *status = session_slot(event->session, &mod_last);
	struct user *user = session_user(event->session);
	/* Without account it was an anonymous log-in, or the account is being removed. */
	if (user_exists(user))
		write_departure(user_jid(user), str_of(status));
	session_set_slot(event->session, &mod_last, NULL);
	free(status);
	return HOOK_PASS;
}

static int registered_run(void *arg, struct db *db, struct err *err)
{
	const struct jid *user = arg;
	struct last_entry entry = {now_seconds(), STR("Registered but didn't login")};
	return last_write(db, user, &entry, err);
}

static enum hook_verdict on_registered(struct module_instance *instance, struct hook_user_registered *event)
{
	struct arena arena = {0};
	struct jid user;
	struct err err = {0};
	if (jid_make(event->user, event->host, STR_NULL, &arena, &user, &err) < 0 ||
	    store_call(STORE_WRITE, jid_bare(&user), registered_run, &user, &err) < 0)
		LOG_ERROR("last.write_failed", LOG_STR("user", event->user), LOG_CSTR("reason", err.text));
	arena_fini(&arena);
	return HOOK_PASS;
}

static enum hook_verdict on_removed(struct module_instance *instance, struct hook_user_removed *event)
{
	if (last_delete(event->db, event->host, event->user, event->err) < 0)
		event->result = -1;
	return HOOK_PASS;
}

/* --- the module ------------------------------------------------------------------------------- */

static int on_start(struct module_instance *instance, struct err *err)
{
	if (!started_ms)
		started_ms = clock_mono_ms();
	return 0;
}

static const struct option options[] = {
    MODULE_STORAGE_OPTIONS,
    {0},
};

static const struct module_iq iqs[] = {
    {.ns = NS_LAST, .component = IQ_LOCAL, .handler = on_server, .announce = true},
    {.ns = NS_LAST, .component = IQ_SM, .handler = on_user, .needs_user = true, .announce = true},
    {0},
};

static const struct hook_entry hooks[] = {
    HOOK_ENTRY(presence_out, on_presence, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_receive, on_receive, HOOK_NORMAL, NULL),
    HOOK_ENTRY(session_closed, on_closed, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_registered, on_registered, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_removed, on_removed, HOOK_NORMAL, NULL),
    {0},
};

static const char *const needs[] = {"mod_roster", NULL};

const struct module mod_last = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_last",
    .doc = "Tells when a user was last there, and how long the server runs (XEP-0012).",
    .options = options,
    .iqs = iqs,
    .hooks = hooks,
    .commands = last_commands,
    .needs = needs,
    .session_slot = true,
    .start = on_start,
};
