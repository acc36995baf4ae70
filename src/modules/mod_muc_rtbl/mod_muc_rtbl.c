/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_muc_rtbl/follow.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"
#include "stanzad/work.h"

#define REFUSAL "You are on a list of people who are not let into rooms here"

/* --- rooms ------------------------------------------------------------------------------------------------- */

static enum hook_verdict on_enter(struct module_instance *instance, struct hook_room_enter *event)
{
	struct rtbl *rtbl = module_state(instance);
	if (!rtbl_list_has(rtbl->list, event->from))
		return HOOK_PASS;
	metric_add(instance, RTBL_METRIC_REFUSED, 1);
	LOG_DEBUG("muc_rtbl.refused", LOG_STR("room", jid_full(room_jid(event->room))),
	    LOG_STR("from", jid_full(event->from)));
	event->error = (struct stanza_error){.condition = SE_forbidden, .text = REFUSAL};
	return HOOK_BOUNCE;
}

static void check_room(void *arg, struct room *room)
{
	struct rtbl *rtbl = arg;
	struct occupant *next;
	for (struct occupant *occupant = room_first_occupant(room); occupant; occupant = next) {
		next = occupant_next(occupant);
		if (rtbl_list_has(rtbl->list, occupant_real(occupant))) {
			metric_add(rtbl->instance, RTBL_METRIC_EXPELLED, 1);
			room_expel(room, occupant, ROOM_LEFT_BANNED, STR(REFUSAL));
		}
	}
}

static void check_here(struct module_instance *instance, void *arg)
{
	room_each(module_host(instance), check_room, arg);
}

static void end_check(struct module_instance *instance, void *arg)
{
	struct rtbl *rtbl = arg;
	if (__atomic_exchange_n(&rtbl->checking, 0, __ATOMIC_ACQ_REL) > 1)
		rtbl_check_rooms(rtbl);
}

static void begin_check(struct module_instance *instance, void *arg)
{
	module_post_workers(instance, check_here, end_check, arg);
}

/* Many changes at once are one round through the rooms, or two. */
void rtbl_check_rooms(struct rtbl *rtbl)
{
	if (__atomic_fetch_add(&rtbl->checking, 1, __ATOMIC_ACQ_REL) == 0)
		module_post(rtbl->instance, STR_NULL, begin_check, rtbl);
}

/* --- what the list's server says --------------------------------------------------------------------------- */

static enum hook_verdict on_stanza(struct module_instance *instance, struct hook_stanza *event)
{
	if (event->stanza->kind != STANZA_MESSAGE || event->explain ||
	    !jid_eq(event->to, host_jid(module_host(instance))) ||
	    !rtbl_heard(module_state(instance), event->from, event->stanza))
		return HOOK_PASS;
	return hook_drop(event, "a change of the list of those who are not let into rooms");
}

const struct hook_entry rtbl_nearby_hook = HOOK_ENTRY(filter, on_stanza, HOOK_NORMAL, NULL);

static enum hook_verdict on_component(struct module_instance *instance, struct hook_component_connected *event)
{
	struct rtbl *rtbl = module_state(instance);
	if (str_eq(event->domain, jid_domain(&rtbl->server)))
		rtbl_follow_soon(rtbl);
	return HOOK_PASS;
}

static enum hook_verdict on_server_started(struct module_instance *instance, struct hook_server_started *event)
{
	rtbl_follow(module_state(instance));
	return HOOK_PASS;
}

/* --- the module -------------------------------------------------------------------------------------------- */

static void on_time(struct module_instance *instance, void *arg)
{
	rtbl_follow(module_state(instance));
}

static int on_start(struct module_instance *instance, struct err *err)
{
	struct rtbl *rtbl = mem_zalloc(sizeof(*rtbl));
	struct str domain = module_option(instance, "rtbl_server")->string;
	rtbl->instance = instance;
	rtbl->server = jid_dup_heap(&(struct jid){domain.ptr, 0, (uint16_t)domain.len, 0});
	rtbl->node = str_dup(module_option(instance, "rtbl_node")->string);
	rtbl->list = rtbl_list_new();
	rtbl->pause_ms = RTBL_PAUSE_MS;
	rtbl->timer = module_timer_new(instance, on_time, NULL);
	module_set_state(instance, rtbl);
	module_timer_start(rtbl->timer, RTBL_PAUSE_MS / 5);
	return 0;
}

static void on_stop(struct module_instance *instance)
{
	struct rtbl *rtbl = module_state(instance);
	module_timer_free(&rtbl->timer);
	rtbl_list_free(&rtbl->list);
	free((char *)rtbl->server.text);
	free(rtbl->node);
	free(rtbl);
}

static const struct option options[] = {
    {"rtbl_node", OPTION_STRING, "muc_bans_sha256", "The node that the list is published at."},
    {"rtbl_server", OPTION_DOMAIN, "xmppbl.org", "The server that publishes the list."},
    {0},
};

static const struct hook_entry hooks[] = {
    HOOK_ENTRY(server_started, on_server_started, HOOK_NORMAL, NULL),
    HOOK_ENTRY(component_connected, on_component, HOOK_NORMAL, NULL),
    HOOK_ENTRY(s2s_receive, on_stanza, HOOK_NORMAL, NULL),
    HOOK_ENTRY(room_enter, on_enter, HOOK_EARLY, NULL),
    {0},
};

static const struct metric metrics[] = {
    [RTBL_METRIC_ENTRIES] = {"rtbl_entries", METRIC_GAUGE, "People and domains on the list."},
    [RTBL_METRIC_REFUSED] = {"rtbl_refused", METRIC_COUNTER, "How often somebody was not let into a room."},
    [RTBL_METRIC_EXPELLED] = {"rtbl_expelled", METRIC_COUNTER, "Those who were made to leave a room."},
    {0},
};

static const char *const needs[] = {"mod_muc", NULL};

const struct module mod_muc_rtbl = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_muc_rtbl",
    .doc = "Keeps those out of rooms who are on a list that a server publishes for many.",
    .options = options,
    .hooks = hooks,
    .metrics = metrics,
    .needs = needs,
    .start = on_start,
    .stop = on_stop,
};
