/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits to be written: one queue for each room that is logged, in order, one write of a room at a time. A queue
 * is bounded, and so are all of an instance together; what is beyond is counted, said in the log of the server, and
 * said on the page where it is missing.
 */
#pragma once

#include <pthread.h>

#include "base/map.h"
#include "modules/mod_muc_log/files.h"

#define MUCLOG_QUEUE_EVENTS 1000              /* of a room */
#define MUCLOG_QUEUE_BYTES (256 * 1024)       /* of a room */
#define MUCLOG_QUEUE_ALL (16 * 1024 * 1024)   /* bytes of all rooms */

enum { MUCLOG_METRIC_LINES, MUCLOG_METRIC_LOST };

/* The state of an instance. */
struct muclog {
	struct module_instance *instance;
	struct muclog_settings settings;
	int64_t started_us; /* real time */
	pthread_mutex_t lock;
	struct map rooms;     /* struct muclog_room by bare JID; behind the lock */
	uint64_t queued;      /* bytes; atomic */
	uint64_t said_ms;     /* clock_mono_ms when a loss was last said; atomic */
	uint64_t unsaid;      /* lines lost since then; atomic */
};

/* A room that is logged, or has something left to write. On the room's home. */
struct muclog_room {
	struct muclog *log;
	struct jid jid; /* on the heap */
	struct muclog_head *head;
	struct muclog_event *first, *last;
	unsigned count;
	size_t bytes;
	unsigned lost; /* since the last write */
	int64_t last_us;
	struct muclog_place place; /* of the write that is under way */
	bool writing;
	bool gone;   /* goes with its last event */
	bool closed; /* nothing is said of those who leave */
};

/* NULL: nothing is known of it. */
struct muclog_room *muclog_room_find(struct muclog *log, const struct room *room);
/* The same, made when it is not there. */
struct muclog_room *muclog_room_get(struct muclog *log, const struct room *room);
/* What its pages say on top from now on. */
void muclog_room_set_head(struct muclog_room *room, struct muclog_head *head);
/* Puts a copy of the event into the queue; its time is now. */
void muclog_room_add(struct muclog_room *room, const struct muclog_event *event);
/* It is logged no more; it may be gone at once. */
void muclog_room_end(struct muclog_room *room);
/* All that are left, whose queues are empty. In .stop. */
void muclog_rooms_free(struct muclog *log);
