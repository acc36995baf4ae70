/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a link: a stream is asked for, opens, breaks, is resumed or replaced, or cannot be had. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/rand.h"
#include "conf/conf.h"
#include "loop/worker.h"
#include "route/s2s_private.h"
#include "stanzad/log.h"

#define REST_FIRST_MS 1000 /* after the first failure; doubled each time up to s2s_max_retry_delay */
#define HOLD_MS 60000      /* how long a broken stream is tried to be resumed, or replaced */
#define PAUSE_FIRST_MS 500 /* between attempts at that; doubled each time */
#define PAUSE_MOST_MS 5000

static struct s2s_manager managers[256]; /* one a worker */
const struct s2s_opener *s2s_opener;
static bool stopped; /* atomic */

struct s2s_manager *s2s_manager(void)
{
	return &managers[worker_index(worker_self())];
}

bool s2s_is_stopped(void)
{
	return __atomic_load_n(&stopped, __ATOMIC_RELAXED);
}

/* --- a link --------------------------------------------------------------------------------------------- */

size_t s2s_pair_key(char *key, struct str local, struct str remote)
{
	memcpy(key, local.ptr, local.len);
	key[local.len] = ' ';
	memcpy(key + local.len + 1, remote.ptr, remote.len);
	return local.len + 1 + remote.len;
}

struct s2s_link *s2s_link_find(struct str local, struct str remote)
{
	char key[2 * JID_PART_MAX + 1];
	return map_get(&s2s_manager()->links, (struct str){key, s2s_pair_key(key, local, remote)});
}

static struct str link_key(const struct s2s_link *link)
{
	return (struct str){link->key, link->local.len + 1 + link->remote.len};
}

struct s2s_link *s2s_link_new(struct str local, struct str remote)
{
	struct s2s_link *link = mem_zalloc(sizeof(*link) + local.len + 1 + remote.len);
	s2s_pair_key(link->key, local, remote);
	link->local = (struct str){link->key, local.len};
	link->remote = (struct str){link->key + local.len + 1, remote.len};
	map_put(&s2s_manager()->links, link_key(link), link);
	return link;
}

/* What was sent once has its time anew: it must not be bounced for having waited for an acknowledgement. */
static void put_back(struct s2s_link *link, struct s2s_queue *unsent)
{
	for (struct s2s_item *item = unsent->first; item; item = item->next) {
		if (!item->again)
			item->expires_ms = clock_mono_ms() + HOLD_MS;
		item->again = true;
	}
	s2s_queue_join(&link->queue, unsent);
}

/* What is left of the broken stream is not resumed. */
static void link_lose(struct s2s_link *link)
{
	struct s2s_queue unsent = {0};
	struct s2s_remains *remains = link->remains;
	link->remains = NULL;
	if (!remains)
		return;
	remains->give_up(remains, &unsent);
	put_back(link, &unsent);
}

void s2s_link_free(struct s2s_link *link)
{
	struct s2s_item *item;
	link_lose(link);
	timer_stop(&link->timer);
	timer_stop(&link->pause);
	while ((item = s2s_queue_take(&link->queue)))
		s2s_item_free(item);
	map_remove(&s2s_manager()->links, link_key(link));
	free(link);
}

static void set_state(struct s2s_link *link, enum s2s_link_state state)
{
	s2s_manager()->opening -= link->state == S2S_LINK_OPENING;
	s2s_manager()->opening += state == S2S_LINK_OPENING;
	link->state = state;
	link->since_ms = clock_mono_ms();
	timer_stop(&link->pause);
}

/* --- opening -------------------------------------------------------------------------------------------- */

static void on_expiry(struct timer *timer);

void s2s_link_watch(struct s2s_link *link)
{
	uint64_t now = clock_mono_ms();
	/* Nothing comes back before what was sent earlier. */
	if (!link->queue.first || link->remains)
		timer_stop(&link->timer);
	else
		timer_start(&link->timer,
		    link->queue.first->expires_ms > now ? link->queue.first->expires_ms - now : 0, on_expiry);
}

static void on_expiry(struct timer *timer)
{
	struct s2s_link *link = list_entry(timer, struct s2s_link, timer);
	struct s2s_queue late = {0};
	uint64_t now = clock_mono_ms();
	while (link->queue.first && link->queue.first->expires_ms <= now)
		s2s_queue_add(&late, s2s_queue_take(&link->queue));
	s2s_link_watch(link);
	s2s_queue_bounce(&late, SE_remote_server_timeout, "no stream to that server could be opened in time");
}

void s2s_link_open(struct s2s_link *link)
{
	set_state(link, S2S_LINK_OPENING);
	s2s_link_watch(link);
	void *opening = s2s_opener->open(link);
	if (link->state == S2S_LINK_OPENING)
		link->opening = opening;
}

static void on_rested(struct timer *timer)
{
	s2s_link_free(list_entry(timer, struct s2s_link, timer));
}

/* As long as it is there it remembers that and how the last attempts failed. */
static void link_rest(struct s2s_link *link)
{
	uint64_t most = (uint64_t)conf_int(conf_current(), link->local, "s2s_max_retry_delay");
	link->rest_ms = link->rest_ms ? link->rest_ms * 2 : REST_FIRST_MS;
	if (link->rest_ms > most)
		link->rest_ms = most;
	set_state(link, S2S_LINK_RESTING);
	/* Twice as long: when it is tried again and fails, it is the next failure, not the first. */
	timer_start(&link->timer, 2 * link->rest_ms, on_rested);
}

struct str s2s_link_local(const struct s2s_link *link)
{
	return link->local;
}

struct str s2s_link_remote(const struct s2s_link *link)
{
	return link->remote;
}

void s2s_link_flush(struct s2s_link *link)
{
	while (link->queue.first && !link->full) {
		struct s2s_item *item = s2s_queue_take(&link->queue);
		if (link->ops->send(link->stream, item))
			continue;
		struct s2s_queue one = {0};
		s2s_queue_add(&one, item);
		s2s_queue_join(&link->queue, &one);
		link->full = true;
	}
	s2s_link_watch(link);
}

/* --- after a break -------------------------------------------------------------------------------------- */

static bool has_patience(const struct s2s_link *link)
{
	return clock_mono_ms() - link->trouble_ms < HOLD_MS;
}

/* Jittered, so that not everybody comes back to a server at the same moment. */
static uint64_t pause_for(struct s2s_link *link)
{
	link->pause_ms = link->pause_ms ? link->pause_ms * 2 : PAUSE_FIRST_MS;
	if (link->pause_ms > PAUSE_MOST_MS)
		link->pause_ms = PAUSE_MOST_MS;
	return link->pause_ms / 2 + rand_u64() % (link->pause_ms / 2 + 1);
}

void s2s_link_hold_no_more(struct s2s_link *link)
{
	if (link->awaited)
		link_lose(link);
	link->awaited = false;
	s2s_link_open(link);
}

static void on_pause_over(struct timer *timer)
{
	s2s_link_hold_no_more(list_entry(timer, struct s2s_link, pause));
}

/* Everything waits. */
static void link_hold(struct s2s_link *link, uint64_t ms)
{
	set_state(link, S2S_LINK_HELD);
	timer_start(&link->pause, ms, on_pause_over);
	s2s_link_watch(link);
}

/* Without a stream, and without a reason to wait. */
static void link_go_on(struct s2s_link *link)
{
	if ((link->queue.count || link->remains) && s2s_opener) {
		s2s_link_open(link);
		return;
	}
	set_state(link, S2S_LINK_RESTING);
	s2s_link_free(link);
}

/* Whether something got through since the break before this one, or that is long ago. */
static bool is_new_trouble(struct s2s_link *link)
{
	if (link->troubled && clock_mono_ms() - link->trouble_ms < 2 * HOLD_MS)
		return false;
	link->troubled = true;
	link->trouble_ms = clock_mono_ms();
	link->pause_ms = 0;
	return true;
}

void s2s_link_ended(struct s2s_link *link, struct s2s_queue *unsent)
{
	bool again = unsent->count > 0 && !is_new_trouble(link) && !s2s_is_stopped();
	link->troubled &= unsent->count > 0;
	link->ops = NULL;
	link->stream = NULL;
	if (again && !has_patience(link)) {
		link->troubled = false;
		s2s_queue_bounce(unsent, SE_remote_server_timeout, "the stream ended each time that it was sent");
	}
	put_back(link, unsent);
	if (again && link->troubled)
		link_hold(link, pause_for(link));
	else
		link_go_on(link);
}

void s2s_link_broken(struct s2s_link *link, struct s2s_remains *remains, enum s2s_resumer resumer)
{
	struct s2s_queue unsent = {0};
	bool first = is_new_trouble(link);
	if (s2s_is_stopped() || !has_patience(link)) {
		remains->give_up(remains, &unsent);
		s2s_link_ended(link, &unsent);
		return;
	}
	link->ops = NULL;
	link->stream = NULL;
	link->remains = remains;
	link->awaited = resumer == S2S_THEY_RESUME;
	if (link->awaited)
		link_hold(link, HOLD_MS);
	else if (first)
		link_go_on(link);
	else
		link_hold(link, pause_for(link));
}

struct s2s_remains *s2s_link_take_remains(struct s2s_link *link)
{
	struct s2s_remains *remains = link->remains;
	link->remains = NULL;
	link->awaited = false;
	return remains;
}

void s2s_link_put_back(struct s2s_link *link, struct s2s_queue *unsent)
{
	put_back(link, unsent);
}

void s2s_link_got_through(struct s2s_link *link)
{
	link->troubled = false;
}

void s2s_not_resumed(struct str local, struct str remote)
{
	struct s2s_link *link = s2s_home(local, remote) == worker_self() ? s2s_link_find(local, remote) : NULL;
	if (!link || link->state != S2S_LINK_HELD || !link->awaited)
		return;
	link->awaited = false;
	link_lose(link);
	if (link->queue.count) /* somebody may offer one in the same turn */
		link_hold(link, 0);
	else
		link_go_on(link);
}

/* --- what the opener reports ---------------------------------------------------------------------------- */

void s2s_link_opened(struct s2s_link *link, const struct s2s_stream_ops *ops, void *stream)
{
	set_state(link, S2S_LINK_OPEN);
	link->opening = NULL;
	link->ops = ops;
	link->stream = stream;
	link->full = false;
	link->rest_ms = 0;
	LOG_INFO("s2s.open", LOG_STR("local", link->local), LOG_STR("remote", link->remote));
	s2s_link_flush(link);
}

void s2s_link_failed(struct s2s_link *link, enum stanza_condition condition, const char *text)
{
	link->opening = NULL;
	if (link->remains && condition == SE_remote_server_timeout && !s2s_is_stopped() && has_patience(link)) {
		link_hold(link, pause_for(link));
		return;
	}
	link_lose(link);
	struct s2s_queue all = link->queue;
	link->queue = (struct s2s_queue){0};
	link->troubled = false;
	link->condition = condition;
	snprintf(link->text, sizeof(link->text), "%s", text);
	LOG_INFO("s2s.failed", LOG_STR("local", link->local), LOG_STR("remote", link->remote),
	    LOG_CSTR("reason", link->text), LOG_INT("bounced", (int64_t)all.count));
	link_rest(link);
	s2s_queue_bounce(&all, condition, link->text);
}

void s2s_link_drained(struct s2s_link *link)
{
	link->full = false;
	s2s_link_flush(link);
}

/* --- the end -------------------------------------------------------------------------------------------- */

static void stop_here(void *unused)
{
	struct map *links = &s2s_manager()->links;
	struct s2s_link *link, **list = mem_zalloc((links->count + 1) * sizeof(*list));
	unsigned count = 0;
	uint32_t position = 0;
	while ((link = map_next(links, &position, NULL)))
		if (link->state != S2S_LINK_OPEN)
			list[count++] = link;
	for (unsigned i = 0; i < count; i++) {
		if (list[i]->opening)
			s2s_opener->cancel(list[i]->opening);
		s2s_link_failed(list[i], SE_remote_server_timeout, "the server is being shut down");
	}
	free(list);
	(void)unused;
}

static void on_stopped(void *unused)
{
	(void)unused;
}

void s2s_stop(void)
{
	__atomic_store_n(&stopped, true, __ATOMIC_RELAXED);
	workers_each(stop_here, on_stopped, NULL);
}

void s2s_fini(void *unused)
{
	struct s2s_link *link;
	uint32_t position;
	while ((position = 0, link = map_next(&s2s_manager()->links, &position, NULL))) {
		if (link->opening)
			s2s_opener->cancel(link->opening);
		s2s_link_free(link);
	}
	map_fini(&s2s_manager()->links);
	s2s_manager()->opening = 0;
	(void)unused;
}
