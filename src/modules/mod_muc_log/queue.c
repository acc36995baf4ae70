/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc_log/queue.h"

#include <stdio.h>
#include <stdlib.h>

#include "stanzad/clock.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"
#include "stanzad/metric.h"
#include "stanzad/receipt.h"
#include "stanzad/work.h"

#define SAY_EVERY_MS 60000

/* One write. */
struct batch {
	struct muclog_room *room;
	struct muclog_head *head;
	struct muclog_event *events;
	size_t bytes;
	unsigned count;
};

static void free_events(struct muclog_event *event)
{
	while (event) {
		struct muclog_event *next = event->next;
		free(event);
		event = next;
	}
}

static void room_free(struct muclog_room *room)
{
	pthread_mutex_lock(&room->log->lock);
	map_remove(&room->log->rooms, jid_full(&room->jid));
	pthread_mutex_unlock(&room->log->lock);
	muclog_head_unref(&room->head);
	free((char *)room->jid.text);
	free(room);
}

struct muclog_room *muclog_room_find(struct muclog *log, const struct room *room)
{
	pthread_mutex_lock(&log->lock);
	struct muclog_room *found = map_get(&log->rooms, jid_full(room_jid(room)));
	pthread_mutex_unlock(&log->lock);
	return found && found->gone ? NULL : found;
}

struct muclog_room *muclog_room_get(struct muclog *log, const struct room *room)
{
	pthread_mutex_lock(&log->lock);
	struct muclog_room *found = map_get(&log->rooms, jid_full(room_jid(room)));
	if (!found) {
		found = mem_zalloc(sizeof(*found));
		found->log = log;
		found->jid = jid_dup_heap(room_jid(room));
		found->gone = true;
		map_put(&log->rooms, jid_full(&found->jid), found);
	}
	pthread_mutex_unlock(&log->lock);
	if (found->gone)
		muclog_room_set_head(found, muclog_head_new(room, room_subject(room), room_subject_author(room)));
	found->gone = false;
	return found;
}

void muclog_room_set_head(struct muclog_room *room, struct muclog_head *head)
{
	muclog_head_unref(&room->head);
	room->head = head;
}

/* --- losses --------------------------------------------------------------------------------------------- */

/* Said at once, then at most once a minute, with all that was lost meanwhile. */
static void lose(struct muclog *log, const struct muclog_room *room, unsigned lines, const char *reason)
{
	uint64_t now = clock_mono_ms(), said = __atomic_load_n(&log->said_ms, __ATOMIC_RELAXED);
	metric_add(log->instance, MUCLOG_METRIC_LOST, lines);
	__atomic_add_fetch(&log->unsaid, lines, __ATOMIC_RELAXED);
	if ((said && now - said < SAY_EVERY_MS) ||
	    !__atomic_compare_exchange_n(&log->said_ms, &said, now, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return;
	LOG_ERROR("muc_log.lost", LOG_STR("room", jid_full(&room->jid)),
	    LOG_INT("lines", __atomic_exchange_n(&log->unsaid, 0, __ATOMIC_RELAXED)), LOG_CSTR("reason", reason));
}

static bool has_place(const struct muclog_room *room, size_t size)
{
	return !room->first || (room->count < MUCLOG_QUEUE_EVENTS && room->bytes + size <= MUCLOG_QUEUE_BYTES &&
				   __atomic_load_n(&room->log->queued, __ATOMIC_RELAXED) + size <= MUCLOG_QUEUE_ALL);
}

static void append(struct muclog_room *room, const struct muclog_event *like)
{
	struct muclog_event *event = muclog_event_new(like);
	int64_t now = clock_real_us();
	event->at_us = room->last_us = now == room->last_us ? now + 1 : now;
	if (room->last)
		room->last->next = event;
	else
		room->first = event;
	room->last = event;
	room->count++;
	room->bytes += muclog_event_size(event);
	__atomic_add_fetch(&room->log->queued, muclog_event_size(event), __ATOMIC_RELAXED);
}

static void append_lost(struct muclog_room *room)
{
	char text[64];
	snprintf(text, sizeof(text), "%u lines", room->lost);
	append(room, &(struct muclog_event){.kind = MUCLOG_LOST, .text = str_of(text)});
	lose(room->log, room, room->lost, "more than can be written");
	room->lost = 0;
}

/* --- writing -------------------------------------------------------------------------------------------- */

static void launch(struct muclog_room *room);

/* On the executor. */
static void write_batch(struct module_instance *instance, void *arg)
{
	struct batch *batch = arg;
	struct muclog_room *room = batch->room;
	struct err err = {""};
	unsigned written;
	int result = muclog_files_write(
	    &room->log->settings, batch->head, batch->events, room->log->started_us, &room->place, &written, &err);
	metric_add(instance, MUCLOG_METRIC_LINES, written);
	if (result < 0)
		lose(room->log, room, batch->count - written, err.text);
}

/* Back on the room's home. */
static void batch_done(struct module_instance *instance, void *arg)
{
	struct batch *batch = arg;
	struct muclog_room *room = batch->room;
	__atomic_sub_fetch(&room->log->queued, batch->bytes, __ATOMIC_RELAXED);
	free_events(batch->events);
	muclog_head_unref(&batch->head);
	free(batch);
	room->writing = false;
	if (room->first)
		launch(room);
	else if (room->gone)
		room_free(room);
}

/* The room may be gone afterwards. */
static void launch(struct muclog_room *room)
{
	if (room->lost)
		append_lost(room);
	struct receipt *before;
	struct batch *batch = mem_zalloc(sizeof(*batch));
	*batch = (struct batch){room, muclog_head_ref(room->head), room->first, room->bytes, room->count};
	room->first = room->last = NULL;
	room->bytes = 0;
	room->count = 0;
	room->writing = true;
	receipt_enter(NULL, &before); /* nobody's stanza waits for a page */
	module_run(room->log->instance, write_batch, batch_done, batch);
	receipt_leave(before);
}

void muclog_room_add(struct muclog_room *room, const struct muclog_event *event)
{
	if (!has_place(room, muclog_event_size(event))) {
		room->lost++;
		return;
	}
	append(room, event);
	if (!room->writing)
		launch(room);
}

void muclog_room_end(struct muclog_room *room)
{
	room->gone = true;
	if (!room->writing)
		room_free(room);
}

void muclog_rooms_free(struct muclog *log)
{
	uint32_t position = 0;
	struct muclog_room *room;
	while ((room = map_next(&log->rooms, &position, NULL)))
		room_free(room);
	map_fini(&log->rooms);
}
