/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "stanzad/clock.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"
#include "stanzad/module.h"
#include "stanzad/request.h"
#include "stanzad/timer.h"

extern const struct module mod_ping;

enum { PINGS_SENT, PINGS_TIMED_OUT };

static const struct metric metrics[] = {
    [PINGS_SENT] = {"sent_pings", METRIC_COUNTER, "Pings sent to silent clients."},
    [PINGS_TIMED_OUT] = {"timed_out_pings", METRIC_COUNTER, "Of these, pings without an answer in time."},
    {0},
};

/* XEP-0199 4.2, 4.3: the server and, on behalf of users, their bare JIDs answer. */
static enum iq_verdict on_ping(struct iq *iq)
{
	if (iq->type == IQ_SET)
		return iq_refuse(iq, SE_bad_request, "a ping is an IQ get");
	return IQ_ANSWER;
}

/* --- pinging clients that say nothing: one for each session ------------------------------------ */

/*
 * It outlives its session while an answer is awaited: so it looks for the session and for the present options
 * whenever it is its turn.
 */
struct watch {
	struct module_timer *timer;
	struct jid jid; /* of the session; heap */
	bool asking;
};

static void watch_free(struct watch *watch)
{
	module_timer_free(&watch->timer);
	free((char *)watch->jid.text);
	free(watch);
}

/* NULL: it is gone, or is not watched any more. */
static struct session *watched(struct module_instance *instance, struct watch *watch)
{
	struct user *user = user_find(jid_bare(&watch->jid));
	struct session *session = user ? user_session(user, jid_resource(&watch->jid)) : NULL;
	if (!session || session_slot(session, &mod_ping) != watch)
		return NULL;
	if (module_option(instance, "send_pings")->boolean)
		return session;
	session_set_slot(session, &mod_ping, NULL);
	return NULL;
}

static void wait(struct watch *watch, int64_t ms)
{
	module_timer_start(watch->timer, (uint64_t)ms);
}

static void on_answer(struct module_instance *instance, void *arg, struct stanza *answer)
{
	struct watch *watch = arg;
	struct session *session = watched(instance, watch);
	watch->asking = false;
	if (session && !answer)
		metric_add(instance, PINGS_TIMED_OUT, 1);
	if (!session) {
		watch_free(watch);
	} else if (!answer && str_is(module_option(instance, "timeout_action")->string, "kill")) {
		LOG_INFO("ping.timeout", LOG_STR("session", jid_full(session_jid(session))));
		session_close(session, "connection-timeout", "no answer to a ping");
	} else {
		wait(watch, module_option(instance, "ping_interval")->integer);
	}
}

static void ask(struct module_instance *instance, struct watch *watch, const struct session *session)
{
	struct xml_writer payload = {.default_ns = NS_CLIENT};
	xml_put_element(&payload, "ping", "urn:xmpp:ping", STR_NULL);
	watch->asking = true;
	metric_add(instance, PINGS_SENT, 1);
	module_ask(instance, session_jid(session), IQ_GET, &payload,
	    (unsigned)module_option(instance, "ping_ack_timeout")->integer, on_answer, watch);
	xml_writer_fini(&payload);
}

/* The timer is not moved with each stanza: when it fires it looks how long the client has been silent. */
static void on_silence(struct module_instance *instance, void *arg)
{
	struct watch *watch = arg;
	struct session *session = watched(instance, watch);
	if (!session) {
		watch_free(watch);
		return;
	}
	int64_t interval = module_option(instance, "ping_interval")->integer;
	int64_t silent = (clock_real_us() - session_active_us(session)) / 1000;
	if (silent >= interval || silent < 0)
		ask(instance, watch, session);
	else
		wait(watch, interval - silent);
}

static enum hook_verdict on_opened(struct module_instance *instance, struct hook_session *event)
{
	if (!module_option(instance, "send_pings")->boolean)
		return HOOK_PASS;
	struct watch *watch = mem_zalloc(sizeof(*watch));
	watch->jid = jid_dup_heap(session_jid(event->session));
	watch->timer = module_timer_new(instance, on_silence, watch);
	session_set_slot(event->session, &mod_ping, watch);
	wait(watch, module_option(instance, "ping_interval")->integer);
	return HOOK_PASS;
}

static enum hook_verdict on_closed(struct module_instance *instance, struct hook_session *event)
{
	struct watch *watch = session_slot(event->session, &mod_ping);
	if (watch && !watch->asking)
		watch_free(watch);
	return HOOK_PASS;
}

static const struct option options[] = {
    {"send_pings", OPTION_BOOL, "false", "Ping clients that have been silent for ping_interval."},
    {"ping_interval", OPTION_DURATION, "60 s", "How long a client may be silent before it is pinged.", NULL,
	1000, INT64_C(86400000) * 30},
    {"ping_ack_timeout", OPTION_DURATION, "32 s", "How long to wait for the answer.", NULL, 1000, 3600000},
    {"timeout_action", OPTION_ENUM, "none", "What to do when no answer comes: nothing, or close the session.",
	"none|kill"},
    {0},
};

static const struct module_iq iqs[] = {
    {.ns = "urn:xmpp:ping", .component = IQ_LOCAL, .handler = on_ping, .announce = true},
    {.ns = "urn:xmpp:ping", .component = IQ_SM, .handler = on_ping, .announce = true},
    {0},
};

static const struct hook_entry hooks[] = {
    HOOK_ENTRY(session_opened, on_opened, HOOK_NORMAL, NULL),
    HOOK_ENTRY(session_closed, on_closed, HOOK_NORMAL, NULL),
    {0},
};

const struct module mod_ping = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_ping",
    .doc = "Answers pings, and pings silent clients (XEP-0199).",
    .options = options,
    .iqs = iqs,
    .hooks = hooks,
    .metrics = metrics,
    .session_slot = true,
    .reload = module_reload_nothing,
};
