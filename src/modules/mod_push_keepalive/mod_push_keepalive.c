/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_push/wake.h"
#include "modules/mod_push_keepalive/keepalive.h"
#include "stanzad/mem.h"
#include "stanzad/timer.h"

#define NS_STATE "urn:x-stanzad:push-keepalive"
#define USUAL_FALLBACK_MS 300000

/* The session slot: of a session that waits for its client, or did. */
struct keep {
	struct session *session;
	struct module_timer *timer; /* until its client is woken for the end of the wait */
	bool woken;                 /* it was told something since it went away */
};

static struct keep *keep_of(struct session *session)
{
	struct keep *keep = session_slot(session, &mod_push_keepalive);
	if (!keep) {
		keep = mem_zalloc(sizeof(*keep));
		keep->session = session;
		session_set_slot(session, &mod_push_keepalive, keep);
	}
	return keep;
}

/* How long sessions wait without this module. */
static uint64_t usual_ms(const struct session *session)
{
	struct module_instance *mgmt = host_module(user_host(session_user(session)), "mod_stream_mgmt");
	return mgmt ? (uint64_t)module_option(mgmt, "resume_timeout")->integer : USUAL_FALLBACK_MS;
}

static void on_wake_time(struct module_instance *instance, void *arg)
{
	const struct keep *keep = arg;
	push_wake_session(keep->session);
}

/* --- the client goes, is told, comes back --------------------------------------------------------------- */

static enum hook_verdict on_hibernated(struct module_instance *instance, struct hook_session *event)
{
	uint64_t wait_ms = (uint64_t)module_option(instance, "resume_timeout")->integer;
	uint64_t usual = usual_ms(event->session);
	if (wait_ms <= usual || !push_is_enabled(event->session))
		return HOOK_PASS;
	struct keep *keep = keep_of(event->session);
	if (keep->woken)
		return HOOK_PASS;
	session_set_resume_timeout(event->session, wait_ms);
	if (!module_option(instance, "wake_on_timeout")->boolean)
		return HOOK_PASS;
	if (!keep->timer)
		keep->timer = module_timer_new(instance, on_wake_time, keep);
	module_timer_start(keep->timer, wait_ms - usual);
	return HOOK_PASS;
}

/* A client that does not come although it was told is not waited for any longer than others. */
static void on_told(struct session *session)
{
	struct keep *keep = session_slot(session, &mod_push_keepalive);
	if (!keep || keep->woken || !host_module(user_host(session_user(session)), "mod_push_keepalive"))
		return;
	keep->woken = true;
	module_timer_free(&keep->timer);
	session_set_resume_timeout(session, usual_ms(session));
}

static enum hook_verdict on_resumed(struct module_instance *instance, struct hook_session *event)
{
	struct keep *keep = session_slot(event->session, &mod_push_keepalive);
	if (!keep)
		return HOOK_PASS;
	if (!keep->woken)
		session_set_resume_timeout(event->session, usual_ms(event->session));
	keep->woken = false;
	module_timer_free(&keep->timer);
	return HOOK_PASS;
}

static enum hook_verdict on_closed(struct module_instance *instance, struct hook_session *event)
{
	struct keep *keep = session_slot(event->session, &mod_push_keepalive);
	if (!keep)
		return HOOK_PASS;
	module_timer_free(&keep->timer);
	session_set_slot(event->session, &mod_push_keepalive, NULL);
	free(keep);
	return HOOK_PASS;
}

static enum hook_verdict on_save(struct module_instance *instance, struct hook_session_save *event)
{
	const struct keep *keep = session_slot(event->session, &mod_push_keepalive);
	if (keep && keep->woken)
		xml_put_element(event->state, "woken", NS_STATE, STR_NULL);
	return HOOK_PASS;
}

static enum hook_verdict on_restore(struct module_instance *instance, struct hook_session_restore *event)
{
	if (xml_child(event->state, "woken", NS_STATE))
		keep_of(event->session)->woken = true;
	return HOOK_PASS;
}

/* --- the module ----------------------------------------------------------------------------------------- */

static int on_start(struct module_instance *instance, struct err *err)
{
	push_set_watcher(on_told);
	return 0;
}

static const struct option options[] = {
    {"resume_timeout", OPTION_DURATION, "72 hours",
	"How long a session with push notifications waits for its client, unless the client was told something."},
    {"wake_on_start", OPTION_BOOL, "false",
	"Wake all clients with push notifications when the server has started."},
    {"wake_on_timeout", OPTION_BOOL, "true",
	"Wake a client before its session ends by `resume_timeout`."},
    {0},
};

static const struct hook_entry hooks[] = {
    HOOK_ENTRY(session_hibernated, on_hibernated, HOOK_NORMAL, NULL),
    HOOK_ENTRY(session_resumed, on_resumed, HOOK_NORMAL, NULL),
    HOOK_ENTRY(session_closed, on_closed, HOOK_NORMAL, NULL),
    HOOK_ENTRY(session_save, on_save, HOOK_NORMAL, NULL),
    HOOK_ENTRY(session_restore, on_restore, HOOK_NORMAL, NULL),
    HOOK_ENTRY(server_started, keepalive_on_started, HOOK_LATE, NULL),
    {0},
};

static const char *const needs[] = {"mod_push", NULL};

const struct module mod_push_keepalive = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_push_keepalive",
    .doc = "Lets sessions with push notifications wait longer for their clients.",
    .options = options,
    .hooks = hooks,
    .needs = needs,
    .session_slot = true,
    .start = on_start,
    .stop = keepalive_on_stop,
    .reload = module_reload_nothing,
};
