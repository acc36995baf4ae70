/* SPDX-License-Identifier: Apache-2.0 */
#include "route/s2s.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/rand.h"
#include "conf/access.h"
#include "loop/timer.h"
#include "route/host_private.h"
#include "route/router.h"
#include "route/session.h"
#include "stanzad/log.h"

#define QUEUE_MAX 1000     /* stanzas that wait for a stream */
#define QUEUE_SLOW 500     /* above it their senders are slowed down */
#define OPENING_MAX 256    /* streams that one worker opens at a time */
#define ITEM_WAIT_MS 60000 /* how long a stanza may wait for a stream */
#define REST_FIRST_MS 1000 /* after the first failure; doubled each time up to s2s_max_retry_delay */
#define HOLD_MS 60000      /* how long a broken stream is tried to be resumed, or replaced */
#define PAUSE_FIRST_MS 500 /* between attempts at that; doubled each time */
#define PAUSE_MOST_MS 5000
#define TEXT_SIZE 200

struct s2s_link {
	enum s2s_link_state state;
	struct str local, remote; /* in key */
	struct s2s_queue queue;
	const struct s2s_stream_ops *ops; /* S2S_LINK_OPEN */
	void *stream;
	void *opening; /* S2S_LINK_OPENING: the opener's */
	bool full;     /* the stream takes nothing for now */
	uint64_t since_ms, rest_ms;
	struct timer timer; /* the first item expires; the rest is over */
	/* After a break. */
	struct s2s_remains *remains; /* NULL */
	bool awaited;                /* the other server resumes it */
	uint64_t trouble_ms;         /* since when nothing gets through; 0: something did */
	uint64_t pause_ms;
	struct timer pause; /* S2S_LINK_HELD */
	enum stanza_condition condition;
	char text[TEXT_SIZE]; /* why the last attempt failed */
	char key[];           /* "local remote" */
};

/* One for each worker. */
static struct manager {
	struct map links;
	unsigned opening;
} managers[256];

static const struct s2s_opener *opener;
static bool stopped; /* atomic */

static bool is_stopped(void)
{
	return __atomic_load_n(&stopped, __ATOMIC_RELAXED);
}

static struct manager *manager(void)
{
	return &managers[worker_index(worker_self())];
}

/* --- queues --------------------------------------------------------------------------------------------- */

static struct s2s_item *item_new(const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct str from_text = jid_full(from), to_text = jid_full(to);
	struct s2s_item *item = mem_alloc(sizeof(*item) + from_text.len + to_text.len);
	*item = (struct s2s_item){.stanza = stanza_ref(stanza), .from = *from, .to = *to};
	item->from.text = memcpy(item->text, from_text.ptr, from_text.len);
	item->to.text = memcpy(item->text + from_text.len, to_text.ptr, to_text.len);
	item->expires_ms = clock_mono_ms() + ITEM_WAIT_MS;
	item->receipt = receipt_carry();
	return item;
}

void s2s_item_free(struct s2s_item *item)
{
	receipt_drop(&item->receipt);
	stanza_unref(&item->stanza);
	free(item);
}

void s2s_queue_add(struct s2s_queue *queue, struct s2s_item *item)
{
	item->next = NULL;
	if (queue->last)
		queue->last->next = item;
	else
		queue->first = item;
	queue->last = item;
	queue->count++;
}

struct s2s_item *s2s_queue_take(struct s2s_queue *queue)
{
	struct s2s_item *item = queue->first;
	if (!item)
		return NULL;
	queue->first = item->next;
	if (!queue->first)
		queue->last = NULL;
	queue->count--;
	return item;
}

/* Puts 'first' in front of queue. */
static void queue_join(struct s2s_queue *queue, struct s2s_queue *first)
{
	if (!first->count)
		return;
	first->last->next = queue->first;
	if (!queue->count)
		queue->last = first->last;
	queue->first = first->first;
	queue->count += first->count;
	*first = (struct s2s_queue){0};
}

static void bounce(const struct jid *from, const struct jid *to, struct stanza *stanza,
    enum stanza_condition condition, const char *text)
{
	struct stanza_error error = {.condition = condition, .text = text};
	route_error(from, to, stanza, &error);
}

static void queue_bounce(struct s2s_queue *queue, enum stanza_condition condition, const char *text)
{
	/* What the errors cause may queue again. */
	struct s2s_queue all = *queue;
	struct s2s_item *item;
	*queue = (struct s2s_queue){0};
	while ((item = s2s_queue_take(&all))) {
		struct receipt *before;
		receipt_enter(item->receipt, &before);
		item->receipt = NULL;
		bounce(&item->from, &item->to, item->stanza, condition, text);
		s2s_item_free(item);
		receipt_leave(before);
	}
}

/* --- links ---------------------------------------------------------------------------------------------- */

static size_t pair_key(char *key, struct str local, struct str remote)
{
	memcpy(key, local.ptr, local.len);
	key[local.len] = ' ';
	memcpy(key + local.len + 1, remote.ptr, remote.len);
	return local.len + 1 + remote.len;
}

static struct s2s_link *link_find(struct str local, struct str remote)
{
	char key[2 * JID_PART_MAX + 1];
	return map_get(&manager()->links, (struct str){key, pair_key(key, local, remote)});
}

static struct str link_key(const struct s2s_link *link)
{
	return (struct str){link->key, link->local.len + 1 + link->remote.len};
}

static struct s2s_link *link_new(struct str local, struct str remote)
{
	struct s2s_link *link = mem_zalloc(sizeof(*link) + local.len + 1 + remote.len);
	pair_key(link->key, local, remote);
	link->local = (struct str){link->key, local.len};
	link->remote = (struct str){link->key + local.len + 1, remote.len};
	map_put(&manager()->links, link_key(link), link);
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
	queue_join(&link->queue, unsent);
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

static void link_free(struct s2s_link *link)
{
	struct s2s_item *item;
	link_lose(link);
	timer_stop(&link->timer);
	timer_stop(&link->pause);
	while ((item = s2s_queue_take(&link->queue)))
		s2s_item_free(item);
	map_remove(&manager()->links, link_key(link));
	free(link);
}

static void set_state(struct s2s_link *link, enum s2s_link_state state)
{
	manager()->opening -= link->state == S2S_LINK_OPENING;
	manager()->opening += state == S2S_LINK_OPENING;
	link->state = state;
	link->since_ms = clock_mono_ms();
	timer_stop(&link->pause);
}

/* --- opening -------------------------------------------------------------------------------------------- */

static void on_expiry(struct timer *timer);

static void watch_expiry(struct s2s_link *link)
{
	uint64_t now = clock_mono_ms();
	if (!link->queue.first)
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
	watch_expiry(link);
	queue_bounce(&late, SE_remote_server_timeout, "no stream to that server could be opened in time");
}

static void link_open(struct s2s_link *link)
{
	set_state(link, S2S_LINK_OPENING);
	watch_expiry(link);
	void *opening = opener->open(link);
	if (link->state == S2S_LINK_OPENING)
		link->opening = opening;
}

static void on_rested(struct timer *timer)
{
	link_free(list_entry(timer, struct s2s_link, timer));
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

/* Jittered, so that not everybody comes back to a server at the same moment. */
static bool rested(const struct s2s_link *link)
{
	return clock_mono_ms() - link->since_ms >= link->rest_ms / 2 + rand_u64() % (link->rest_ms / 2 + 1);
}

struct str s2s_link_local(const struct s2s_link *link)
{
	return link->local;
}

struct str s2s_link_remote(const struct s2s_link *link)
{
	return link->remote;
}

/* --- sending -------------------------------------------------------------------------------------------- */

static void link_flush(struct s2s_link *link)
{
	while (link->queue.first && !link->full) {
		struct s2s_item *item = s2s_queue_take(&link->queue);
		if (link->ops->send(link->stream, item))
			continue;
		struct s2s_queue one = {0};
		s2s_queue_add(&one, item);
		queue_join(&link->queue, &one);
		link->full = true;
	}
	watch_expiry(link);
}

static void link_take(struct s2s_link *link, struct s2s_item *item)
{
	if (link->queue.count >= QUEUE_MAX) {
		bounce(&item->from, &item->to, item->stanza, SE_resource_constraint,
		    "too much waits for that server already");
		s2s_item_free(item);
		return;
	}
	if (link->queue.count >= QUEUE_SLOW)
		session_slow_sender(&item->from, SESSION_SLOW_MS);
	s2s_queue_add(&link->queue, item);
	if (link->state == S2S_LINK_OPEN)
		link_flush(link);
	else if (link->state != S2S_LINK_NEW && link->queue.count == 1)
		watch_expiry(link);
}

/* --- holding -------------------------------------------------------------------------------------------- */

static bool has_patience(const struct s2s_link *link)
{
	return !is_stopped() && clock_mono_ms() - link->trouble_ms < HOLD_MS;
}

/* Jittered, so that not everybody comes back to a server at the same moment. */
static uint64_t pause_for(struct s2s_link *link)
{
	link->pause_ms = link->pause_ms ? link->pause_ms * 2 : PAUSE_FIRST_MS;
	if (link->pause_ms > PAUSE_MOST_MS)
		link->pause_ms = PAUSE_MOST_MS;
	return link->pause_ms / 2 + rand_u64() % (link->pause_ms / 2 + 1);
}

static void on_pause_over(struct timer *timer)
{
	struct s2s_link *link = list_entry(timer, struct s2s_link, pause);
	if (link->awaited)
		link_lose(link);
	link->awaited = false;
	link_open(link);
}

/* Everything waits. */
static void link_hold(struct s2s_link *link, uint64_t ms)
{
	set_state(link, S2S_LINK_HELD);
	timer_start(&link->pause, ms, on_pause_over);
	watch_expiry(link);
}

/* --- what becomes of streams ---------------------------------------------------------------------------- */

void s2s_link_opened(struct s2s_link *link, const struct s2s_stream_ops *ops, void *stream)
{
	set_state(link, S2S_LINK_OPEN);
	link->opening = NULL;
	link->ops = ops;
	link->stream = stream;
	link->full = false;
	link->rest_ms = 0;
	LOG_INFO("s2s.open", LOG_STR("local", link->local), LOG_STR("remote", link->remote));
	link_flush(link);
}

void s2s_link_failed(struct s2s_link *link, enum stanza_condition condition, const char *text)
{
	link->opening = NULL;
	if (link->remains && condition == SE_remote_server_timeout && has_patience(link)) {
		link_hold(link, pause_for(link));
		return;
	}
	link_lose(link);
	struct s2s_queue all = link->queue;
	link->queue = (struct s2s_queue){0};
	link->trouble_ms = 0;
	link->condition = condition;
	snprintf(link->text, sizeof(link->text), "%s", text);
	LOG_INFO("s2s.failed", LOG_STR("local", link->local), LOG_STR("remote", link->remote),
	    LOG_CSTR("reason", link->text), LOG_INT("bounced", (int64_t)all.count));
	link_rest(link);
	queue_bounce(&all, condition, link->text);
}

void s2s_link_drained(struct s2s_link *link)
{
	link->full = false;
	link_flush(link);
}

/* --- after a break -------------------------------------------------------------------------------------- */

static void link_go_on(struct s2s_link *link)
{
	if ((link->queue.count || link->remains) && opener) {
		link_open(link);
		return;
	}
	set_state(link, S2S_LINK_RESTING);
	link_free(link);
}

/* The first break since something got through. */
static bool is_first_break(struct s2s_link *link)
{
	if (link->trouble_ms)
		return false;
	link->trouble_ms = clock_mono_ms();
	link->pause_ms = 0;
	return true;
}

/* It ends each time before anything gets through, whatever is to blame. */
static void link_despair(struct s2s_link *link, struct s2s_queue *unsent)
{
	link->trouble_ms = 0;
	queue_bounce(unsent, SE_remote_server_timeout, "the stream ended each time that it was sent");
}

static void link_left(struct s2s_link *link)
{
	link->ops = NULL;
	link->stream = NULL;
}

void s2s_link_ended(struct s2s_link *link, struct s2s_queue *unsent)
{
	bool broke = unsent->count > 0, first = broke && is_first_break(link);
	link_left(link);
	if (broke && !first && !has_patience(link))
		link_despair(link, unsent);
	put_back(link, unsent);
	if (broke && !first && link->queue.count && has_patience(link))
		link_hold(link, pause_for(link));
	else
		link_go_on(link);
}

void s2s_link_broken(struct s2s_link *link, struct s2s_remains *remains, enum s2s_resumer resumer)
{
	bool first = is_first_break(link);
	struct s2s_queue unsent = {0};
	link_left(link);
	link->remains = remains;
	link->awaited = resumer == S2S_THEY_RESUME;
	if (!has_patience(link)) {
		link->remains = NULL;
		remains->give_up(remains, &unsent);
		link_despair(link, &unsent);
	} else if (link->awaited || !first) {
		link_hold(link, link->awaited ? HOLD_MS : pause_for(link));
		return;
	}
	link_go_on(link);
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
	link->trouble_ms = 0;
}

void s2s_not_resumed(struct str local, struct str remote)
{
	struct s2s_link *link = s2s_home(local, remote) == worker_self() ? link_find(local, remote) : NULL;
	if (!link || link->state != S2S_LINK_HELD || !link->awaited)
		return;
	link->awaited = false;
	link_lose(link);
	link_go_on(link);
}

/* --- arriving ------------------------------------------------------------------------------------------- */

bool s2s_allowed(struct str local, struct str remote)
{
	const struct conf *conf = conf_current();
	struct jid jid = {remote.ptr, 0, (uint16_t)remote.len, 0};
	const struct access_subject subject = {.jid = &jid};
	return access_allowed(conf, local, conf_get(conf, local, "s2s_access")->access, &subject);
}

/* Why nothing can be sent; NULL. */
static const char *refusal(const struct jid *from, struct str remote, enum stanza_condition *condition_r)
{
	struct str local = jid_domain(from);
	*condition_r = SE_remote_server_not_found;
	if (!opener)
		return "this server does not talk to other servers";
	if (!host_find(local) && !local_route_serves(local))
		return "the sender's domain is not served here";
	*condition_r = SE_forbidden;
	return s2s_allowed(local, remote) ? NULL : "this server may not talk to that one";
}

static struct s2s_link *link_for(
    const struct jid *from, struct str remote, struct err *err, enum stanza_condition *condition_r)
{
	struct s2s_link *link = link_find(jid_domain(from), remote);
	const char *text = refusal(from, remote, condition_r);
	if (!text && link && link->state == S2S_LINK_RESTING && !rested(link)) {
		*condition_r = link->condition;
		text = link->text;
	} else if (!text && manager()->opening >= OPENING_MAX && (!link || link->state == S2S_LINK_RESTING)) {
		*condition_r = SE_resource_constraint;
		text = "streams to too many servers are being opened";
		session_slow_sender(from, SESSION_SLOW_MS);
	}
	if (text) {
		err_set(err, "%s", text);
		return NULL;
	}
	return link ? link : link_new(jid_domain(from), remote);
}

static void deliver_home(const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	enum stanza_condition condition;
	struct err err;
	struct s2s_link *link = link_for(from, jid_domain(to), &err, &condition);
	if (!link) {
		bounce(from, to, stanza, condition, err.text);
		return;
	}
	link_take(link, item_new(from, to, stanza));
	if (link->state == S2S_LINK_NEW || link->state == S2S_LINK_RESTING)
		link_open(link);
}

static void on_home(struct mail *mail)
{
	struct envelope *envelope = (struct envelope *)mail;
	struct envelope_before before;
	envelope_enter(envelope, &before);
	deliver_home(&envelope->from, &envelope->to, envelope->stanza);
	envelope_free(envelope);
	envelope_leave(&before);
}

struct worker *s2s_home(struct str local, struct str remote)
{
	char key[2 * JID_PART_MAX + 1];
	return worker_home(map_hash((struct str){key, pair_key(key, local, remote)}));
}

static void explain(const struct jid *from, const struct jid *to)
{
	enum stanza_condition condition;
	const char *text = refusal(from, jid_domain(to), &condition);
	if (text)
		TRACE(STAGE_BOUNCED, "%s: %s", stanza_condition_text(condition), text);
	else
		TRACE(STAGE_CHOSEN, "the stream from %.*s to %.*s, opened when there is none",
		    STR_FMT(jid_domain(from)), STR_FMT(jid_domain(to)));
}

void s2s_deliver(const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	if (trace_on()) {
		explain(from, to);
		return;
	}
	struct worker *home = s2s_home(jid_domain(from), jid_domain(to));
	if (home == worker_self()) {
		deliver_home(from, to, stanza);
		return;
	}
	struct envelope *envelope = envelope_new(from, to, stanza);
	envelope->mail.receive = on_home;
	worker_post(home, &envelope->mail);
}

/* --- from the side of streams --------------------------------------------------------------------------- */

void s2s_set_opener(const struct s2s_opener *with)
{
	opener = with;
}

struct s2s_link *s2s_offer(
    struct str local, struct str remote, const struct s2s_stream_ops *ops, void *stream)
{
	if (s2s_home(local, remote) != worker_self())
		return NULL;
	struct s2s_link *link = link_find(local, remote);
	if (link && (link->state == S2S_LINK_OPEN || link->remains))
		return NULL;
	if (!link)
		link = link_new(local, remote);
	if (link->opening)
		opener->cancel(link->opening);
	s2s_link_opened(link, ops, stream);
	return link;
}

void s2s_links_each(void (*each)(void *arg, const struct s2s_link_about *about), void *arg)
{
	const struct s2s_link *link;
	uint32_t position = 0;
	while ((link = map_next(&manager()->links, &position, NULL))) {
		size_t sent = link->remains ? link->remains->count(link->remains) : 0;
		struct s2s_link_about about = {link->local, link->remote, link->state, link->ops,
		    link->stream, link->queue.count + sent, link->since_ms, link->text};
		each(arg, &about);
	}
}

/* Those to remote (empty: all); what is done with them may bring new ones. */
static struct s2s_link **links_to(struct str remote, unsigned *count_r)
{
	struct map *links = &manager()->links;
	struct s2s_link **list = mem_zalloc((links->count + 1) * sizeof(*list));
	struct s2s_link *link;
	uint32_t position = 0;
	*count_r = 0;
	while ((link = map_next(links, &position, NULL)))
		if (!remote.len || str_eq(link->remote, remote))
			list[(*count_r)++] = link;
	return list;
}

unsigned s2s_links_close(struct str remote, const char *stream_condition, const char *text)
{
	unsigned count, open = 0;
	struct s2s_link **list = links_to(remote, &count);
	for (unsigned i = 0; i < count; i++) {
		if (list[i]->state == S2S_LINK_OPEN) {
			list[i]->ops->close(list[i]->stream, stream_condition, text);
			open++;
		} else if (list[i]->state == S2S_LINK_HELD) {
			on_pause_over(&list[i]->pause);
		} else if (list[i]->state == S2S_LINK_RESTING) {
			link_free(list[i]);
		}
	}
	free(list);
	return open;
}

static void stop_here(void *unused)
{
	unsigned count;
	struct s2s_link **list = links_to(STR(""), &count);
	for (unsigned i = 0; i < count; i++) {
		struct s2s_link *link = list[i];
		if (link->state == S2S_LINK_OPEN)
			continue;
		if (link->opening)
			opener->cancel(link->opening);
		s2s_link_failed(link, SE_remote_server_timeout, "the server is being shut down");
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
	while ((position = 0, link = map_next(&manager()->links, &position, NULL))) {
		if (link->opening)
			opener->cancel(link->opening);
		link_free(link);
	}
	map_fini(&manager()->links);
	manager()->opening = 0;
	(void)unused;
}
