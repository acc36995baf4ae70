/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/map.h"
#include "modules/mod_mam/query.h"
#include "modules/mod_mam/room_archive.h"
#include "stanzad/list.h"
#include "stanzad/mem.h"

#define JOBS_OF_ONE 4     /* that one JID may have waiting */
#define JOBS_MOST 20000   /* of a room */
#define RUNNING_MOST 4    /* of a room at one time */
#define PAGE_BYTES (512u * 1024)

/* --- askers --------------------------------------------------------------------------------------------- */

/* All that is asked of a room at present; freed with the last one. */
struct mam_room_askers {
	struct mam_room *own;
	struct map by_jid;
	struct list ready; /* those whose turn has not come */
	unsigned running, jobs;
};

struct room_asker {
	struct mam_asker asker; /* first */
	struct mam_room_askers *all;
	struct jid jid;   /* as it asked; on the heap */
	struct list node; /* of all->ready */
	bool running;
};

static void asker_free(struct room_asker *one)
{
	map_remove(&one->all->by_jid, jid_full(&one->jid));
	list_remove(&one->node);
	free((char *)one->jid.text);
	free(one);
}

static bool hand(struct mam_asker *asker, const struct iq *iq, struct stanza *result)
{
	struct jid from = jid_to_bare(iq->to);
	route(&from, iq->from, result);
	return true;
}

static void start_ready(struct mam_room_askers *all)
{
	while (all->running < RUNNING_MOST && !list_empty(&all->ready)) {
		struct room_asker *one = list_entry(all->ready.next, struct room_asker, node);
		list_remove(&one->node);
		one->running = true;
		all->running++;
		mam_asker_run(&one->asker);
	}
}

/* One query of each in turn. */
static void turn(struct mam_asker *asker)
{
	struct room_asker *one = (struct room_asker *)asker;
	struct mam_room_askers *all = one->all;
	if (one->running) {
		one->running = false;
		all->running--;
		all->jobs--;
	}
	if (asker->first)
		list_add_before(&all->ready, &one->node);
	else
		asker_free(one);
	start_ready(all);
	if (all->by_jid.count)
		return;
	struct mam_room *own = all->own;
	*mam_room_askers(own) = NULL;
	map_fini(&all->by_jid);
	free(all);
	mam_room_settle(own);
}

static const struct mam_asker_kind of_room = {
    .jobs_most = JOBS_OF_ONE, .page_bytes = PAGE_BYTES, .hand = hand, .turn = turn};

void mam_room_askers_end(struct mam_room_askers **askers, enum stanza_condition condition)
{
	struct mam_room_askers *all = *askers;
	uint32_t at = 0;
	struct room_asker *one;
	if (!all)
		return;
	*askers = NULL;
	while ((one = map_next(&all->by_jid, &at, NULL))) {
		mam_asker_abandon(&one->asker, condition);
		asker_free(one);
	}
	map_fini(&all->by_jid);
	free(all);
}

static struct mam_room_askers *askers_of(struct mam_room *own)
{
	struct mam_room_askers **askers = mam_room_askers(own);
	if (!*askers) {
		*askers = mem_zalloc(sizeof(**askers));
		(*askers)->own = own;
		list_init(&(*askers)->ready);
	}
	return *askers;
}

static struct room_asker *asker_of(struct mam_room_askers *all, const struct jid *jid)
{
	struct room_asker *one = map_get(&all->by_jid, jid_full(jid));
	if (one)
		return one;
	one = mem_zalloc(sizeof(*one));
	mam_asker_init(&one->asker, &of_room);
	one->all = all;
	one->jid = jid_dup_heap(jid);
	list_init(&one->node);
	map_put(&all->by_jid, jid_full(&one->jid), one);
	return one;
}

static enum iq_verdict start(
    struct mam_room *own, struct iq *iq, const struct mam_query *query, struct arena *arena)
{
	struct mam_room_askers *all = askers_of(own);
	if (all->jobs >= JOBS_MOST) {
		arena_fini(arena);
		return iq_refuse(iq, SE_resource_constraint, "too many queries wait already");
	}
	struct room_asker *one = asker_of(all, iq->from);
	all->jobs += one->asker.count < JOBS_OF_ONE;
	return mam_job_start(&one->asker, iq, query, arena);
}

/* --- who may -------------------------------------------------------------------------------------------- */

static enum room_affiliation affiliation_of(const struct hook_room_iq *event)
{
	return event->occupant ? occupant_affiliation(event->occupant)
			       : room_affiliation_of(event->room, event->iq->from);
}

/* XEP-0313 6.1.2: who may enter it now, without being asked for anything. */
static bool may_read(const struct hook_room_iq *event)
{
	enum room_affiliation affiliation = affiliation_of(event);
	if (affiliation == ROOM_OUTCAST)
		return false;
	if (event->occupant || affiliation >= ROOM_MEMBER)
		return true;
	return !room_flag(event->room, "members_only") && !room_flag(event->room, "password_protected") &&
	       !room_flag(event->room, "captcha_protected");
}

static bool may_see_jids(const struct hook_room_iq *event)
{
	return !room_flag(event->room, "anonymous") || affiliation_of(event) >= ROOM_ADMIN ||
	       (event->occupant && occupant_role(event->occupant) == ROOM_MODERATOR);
}

/* --- what ----------------------------------------------------------------------------------------------- */

static int refuse(struct iq *iq, enum stanza_condition condition, const char *text)
{
	iq_refuse(iq, condition, text);
	return -1;
}

/* 4.1.1: only who may know who somebody is can ask for what they said. Under a nick, it is whoever has that now. */
static int read_with(const struct hook_room_iq *event, struct arena *arena, struct mam_query *query)
{
	struct jid with;
	struct err err;
	if (!query->with.ptr || jid_parse(query->with, arena, &with, &err) < 0)
		return 0;
	bool here = jid_bare_eq(&with, room_jid(event->room));
	if (!here && !query->show_jids && !jid_bare_eq(&with, event->iq->from))
		return refuse(event->iq, SE_forbidden, "who is behind a nick is not for everybody here");
	if (!here || !with.resource_len)
		return 0;
	const struct occupant *occupant = room_occupant(event->room, jid_resource(&with));
	if (!occupant)
		return refuse(event->iq, SE_item_not_found, "nobody here has that nick now");
	query->with = arena_str(arena, jid_bare(occupant_real(occupant)));
	query->with_full = false;
	return 0;
}

static enum iq_verdict on_set(struct module_instance *instance, const struct hook_room_iq *event)
{
	struct iq *iq = event->iq;
	struct arena arena = {0};
	struct mam_query query;
	const struct jid *jid = room_jid(event->room);
	if (mam_query_parse(iq->payload, jid, &arena, &query, &iq->error) < 0) {
		arena_fini(&arena);
		return IQ_REFUSE;
	}
	query.host = arena_str(&arena, host_name(module_host(instance)));
	query.username = query.room = arena_str(&arena, jid_bare(jid));
	query.show_jids = may_see_jids(event);
	query.viewer = arena_str(&arena, jid_bare(iq->from));
	if (read_with(event, &arena, &query) < 0) {
		arena_fini(&arena);
		return IQ_REFUSE;
	}
	return start(mam_room_of(instance, event->room), iq, &query, &arena);
}

static enum iq_verdict answer(struct module_instance *instance, const struct hook_room_iq *event)
{
	struct iq *iq = event->iq;
	if (!may_read(event))
		return iq_refuse(iq, SE_forbidden, NULL);
	if (str_is(iq->payload->name, "metadata"))
		return mam_metadata_ask(iq, host_name(module_host(instance)), jid_bare(room_jid(event->room)));
	if (!str_is(iq->payload->name, "query"))
		return iq_refuse(iq, SE_feature_not_implemented, NULL);
	if (iq->type == IQ_SET)
		return on_set(instance, event);
	mam_form_write(iq->reply);
	return IQ_ANSWER;
}

enum hook_verdict mam_room_on_iq(struct module_instance *instance, struct hook_room_iq *event)
{
	if (!str_is(event->iq->ns, NS_MAM) || !room_flag(event->room, "mam"))
		return HOOK_PASS;
	event->verdict = answer(instance, event);
	return HOOK_STOP;
}

enum hook_verdict mam_room_on_disco(struct module_instance *instance, struct hook_room_disco *event)
{
	if (!room_flag(event->room, "mam"))
		return HOOK_PASS;
	disco_put_feature(event->reply, NS_MAM);
	for (const char *const *feature = mam_features; *feature; feature++)
		disco_put_feature(event->reply, *feature);
	return HOOK_PASS;
}
