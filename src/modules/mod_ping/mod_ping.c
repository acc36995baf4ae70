/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "loop/timer.h"
#include "route/iq_request.h"
#include "stanzad/log.h"
#include "stanzad/module.h"

extern const struct module mod_ping;

/* XEP-0199 4.2, 4.3: the server and, on behalf of users, their bare JIDs answer. */
static enum iq_verdict on_ping(struct iq *iq)
{
	if (iq->type == IQ_SET)
		return iq_refuse(iq, SE_bad_request, "a ping is an IQ get");
	return IQ_ANSWER;
}

/* --- pinging clients that say nothing: one for each session ------------------------------------ */

/*
 * It outlives its session while an answer is awaited, and perhaps the module on this host: so it looks for
 * its session and for the present options whenever it is its turn.
 */
struct watch {
	struct timer timer;
	struct jid jid; /* of the session; heap */
	bool asking;
};

static void on_silence(struct timer *timer);

static void watch_free(struct watch *watch)
{
	timer_stop(&watch->timer);
	free((char *)watch->jid.text);
	free(watch);
}

/* NULL: it is gone, or is not watched any more. */
static struct session *watched(struct watch *watch, struct module_instance **instance_r)
{
	struct user *user = user_find(jid_bare(&watch->jid));
	struct session *session = user ? user_session(user, jid_resource(&watch->jid)) : NULL;
	if (!session || session_slot(session, &mod_ping) != watch)
		return NULL;
	*instance_r = host_module(user_host(user), "mod_ping");
	if (*instance_r && module_option(*instance_r, "send_pings")->boolean)
		return session;
	session_set_slot(session, &mod_ping, NULL);
	return NULL;
}

static void wait(struct watch *watch, int64_t ms)
{
	timer_start(&watch->timer, (uint64_t)ms, on_silence);
}

static void on_answer(void *arg, struct stanza *answer)
{
	struct watch *watch = arg;
	struct module_instance *instance;
	struct session *session = watched(watch, &instance);
	watch->asking = false;
	if (!session) {
		watch_free(watch);
	} else if (!answer && str_is(module_option(instance, "timeout_action")->string, "kill")) {
		LOG_INFO("ping.timeout", LOG_STR("session", jid_full(session_jid(session))));
		session_close(session, "connection-timeout", "no answer to a ping");
	} else {
		wait(watch, module_option(instance, "ping_interval")->integer);
	}
}

static void ask(struct watch *watch, const struct session *session, const struct module_instance *instance)
{
	struct xml_writer payload = {.default_ns = NS_CLIENT};
	xml_put_element(&payload, "ping", "urn:xmpp:ping", STR_NULL);
	watch->asking = true;
	iq_request(host_jid(module_host(instance)), session_jid(session), IQ_GET, &payload,
	    (unsigned)module_option(instance, "ping_ack_timeout")->integer, on_answer, watch);
	xml_writer_fini(&payload);
}

/* The timer is not moved with each stanza: when it fires it looks how long the client has been silent. */
static void on_silence(struct timer *timer)
{
	struct watch *watch = list_entry(timer, struct watch, timer);
	struct module_instance *instance;
	struct session *session = watched(watch, &instance);
	if (!session) {
		watch_free(watch);
		return;
	}
	int64_t interval = module_option(instance, "ping_interval")->integer;
	int64_t silent = (clock_real_us() - session_active_us(session)) / 1000;
	if (silent >= interval || silent < 0)
		ask(watch, session, instance);
	else
		wait(watch, interval - silent);
}

static enum hook_verdict on_opened(struct module_instance *instance, struct hook_session *event)
{
	if (!module_option(instance, "send_pings")->boolean)
		return HOOK_PASS;
	struct watch *watch = mem_zalloc(sizeof(*watch));
	watch->jid = jid_dup_heap(session_jid(event->session));
	session_set_slot(event->session, &mod_ping, watch);
	wait(watch, module_option(instance, "ping_interval")->integer);
	return HOOK_PASS;
}

static enum hook_verdict on_closed(struct module_instance *instance, struct hook_session *event)
{
	(void)instance;
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
    .session_slot = true,
    .reload = module_reload_nothing,
};
