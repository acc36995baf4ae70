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

/* --- pinging clients that say nothing: one for each session ---------------------------------------------------------- */

struct watch {
	struct timer timer;
	struct session *session; /* NULL: it is gone, an answer is still awaited */
	struct module_instance *instance;
	bool asking;
};

static void on_silence(struct timer *timer);

static int64_t option_ms(const struct watch *watch, const char *name)
{
	return module_option(watch->instance, name)->integer;
}

static void on_answer(void *arg, struct stanza *answer)
{
	struct watch *watch = arg;
	watch->asking = false;
	if (!watch->session) {
		free(watch);
		return;
	}
	if (!answer && str_is(module_option(watch->instance, "timeout_action")->string, "kill")) {
		LOG_INFO("ping.timeout", LOG_STR("session", jid_full(session_jid(watch->session))));
		session_close(watch->session, "connection-timeout", "no answer to a ping");
		return;
	}
	timer_start(&watch->timer, (uint64_t)option_ms(watch, "ping_interval"), on_silence);
}

static void ask(struct watch *watch)
{
	struct xml_writer payload = {.default_ns = NS_CLIENT};
	xml_put_element(&payload, "ping", "urn:xmpp:ping", STR_NULL);
	watch->asking = true;
	iq_request(host_jid(module_host(watch->instance)), session_jid(watch->session), IQ_GET, &payload,
	    (unsigned)option_ms(watch, "ping_ack_timeout"), on_answer, watch);
	xml_writer_fini(&payload);
}

/* The timer is not moved with each stanza: when it fires it looks how long the client has been silent. */
static void on_silence(struct timer *timer)
{
	struct watch *watch = list_entry(timer, struct watch, timer);
	int64_t interval = option_ms(watch, "ping_interval");
	int64_t silent = (clock_real_us() - session_active_us(watch->session)) / 1000;
	if (silent >= interval || silent < 0)
		ask(watch);
	else
		timer_start(timer, (uint64_t)(interval - silent), on_silence);
}

static enum hook_verdict on_opened(struct module_instance *instance, struct hook_session *event)
{
	if (!module_option(instance, "send_pings")->boolean)
		return HOOK_PASS;
	struct watch *watch = mem_zalloc(sizeof(*watch));
	watch->session = event->session;
	watch->instance = instance;
	session_set_slot(event->session, &mod_ping, watch);
	timer_start(&watch->timer, (uint64_t)option_ms(watch, "ping_interval"), on_silence);
	return HOOK_PASS;
}

static enum hook_verdict on_closed(struct module_instance *instance, struct hook_session *event)
{
	(void)instance;
	struct watch *watch = session_slot(event->session, &mod_ping);
	if (!watch)
		return HOOK_PASS;
	timer_stop(&watch->timer);
	watch->session = NULL;
	if (!watch->asking)
		free(watch);
	return HOOK_PASS;
}

static const struct option options[] = {
    {"send_pings", OPTION_BOOL, "false", "Ping clients that have been silent for ping_interval."},
    {"ping_interval", OPTION_DURATION, "60 s", "How long a client may be silent before it is pinged.", NULL, 1000,
	INT64_C(86400000) * 30},
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
};
