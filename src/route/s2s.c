/* SPDX-License-Identifier: Apache-2.0 */
#include "route/s2s.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rand.h"
#include "conf/access.h"
#include "loop/receipt.h"
#include "loop/worker.h"
#include "route/host_private.h"
#include "route/router.h"
#include "route/s2s_private.h"
#include "route/session.h"

#define QUEUE_MAX 1000     /* stanzas that wait for a stream */
#define QUEUE_SLOW 500     /* above it their senders are slowed down */
#define OPENING_MAX 256    /* streams that one worker opens at a time */
#define ITEM_WAIT_MS 60000 /* how long a stanza may wait for a stream */

/* --- one stanza ----------------------------------------------------------------------------------------- */

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

static void link_take(struct s2s_link *link, struct s2s_item *item)
{
	if (link->queue.count >= QUEUE_MAX) {
		s2s_bounce(&item->from, &item->to, item->stanza, SE_resource_constraint,
		    "too much waits for that server already");
		s2s_item_free(item);
		return;
	}
	if (link->queue.count >= QUEUE_SLOW)
		session_slow_sender(&item->from, SESSION_SLOW_MS);
	s2s_queue_add(&link->queue, item);
	if (link->state == S2S_LINK_OPEN)
		s2s_link_flush(link);
	else if (link->queue.count == 1 && (link->state == S2S_LINK_OPENING || link->state == S2S_LINK_HELD))
		s2s_link_watch(link);
}

/* Jittered, so that not everybody comes back to a server at the same moment. */
static bool rested(const struct s2s_link *link)
{
	return clock_mono_ms() - link->since_ms >= link->rest_ms / 2 + rand_u64() % (link->rest_ms / 2 + 1);
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
	if (!s2s_opener)
		return "this server does not talk to other servers";
	if (!host_find(local) && !local_route_serves(local))
		return "the sender's domain is not served here";
	*condition_r = SE_forbidden;
	return s2s_allowed(local, remote) ? NULL : "this server may not talk to that one";
}

static struct s2s_link *link_for(
    const struct jid *from, struct str remote, struct err *err, enum stanza_condition *condition_r)
{
	struct s2s_link *link = s2s_link_find(jid_domain(from), remote);
	const char *text = refusal(from, remote, condition_r);
	if (!text && link && link->state == S2S_LINK_RESTING && !rested(link)) {
		*condition_r = link->condition;
		text = link->text;
	} else if (!text && s2s_manager()->opening >= OPENING_MAX && (!link || link->state == S2S_LINK_RESTING)) {
		*condition_r = SE_resource_constraint;
		text = "streams to too many servers are being opened";
		session_slow_sender(from, SESSION_SLOW_MS);
	}
	if (text) {
		err_set(err, "%s", text);
		return NULL;
	}
	return link ? link : s2s_link_new(jid_domain(from), remote);
}

static void deliver_home(const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	enum stanza_condition condition;
	struct err err;
	struct s2s_link *link = link_for(from, jid_domain(to), &err, &condition);
	if (!link) {
		s2s_bounce(from, to, stanza, condition, err.text);
		return;
	}
	link_take(link, item_new(from, to, stanza));
	if (link->state == S2S_LINK_NEW || link->state == S2S_LINK_RESTING)
		s2s_link_open(link);
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
	return worker_home(map_hash((struct str){key, s2s_pair_key(key, local, remote)}));
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

void s2s_set_opener(const struct s2s_opener *opener)
{
	s2s_opener = opener;
}

/* Both servers open one at the same time: if each took the other's and gave up its own, none would be left. */
static bool is_ours_to_keep(const struct s2s_link *link)
{
	return link->state == S2S_LINK_OPENING && str_cmp(link->local, link->remote) < 0;
}

struct s2s_link *s2s_offer(
    struct str local, struct str remote, const struct s2s_stream_ops *ops, void *stream)
{
	if (s2s_home(local, remote) != worker_self())
		return NULL;
	struct s2s_link *link = s2s_link_find(local, remote);
	if (link && (link->state == S2S_LINK_OPEN || link->remains || is_ours_to_keep(link)))
		return NULL;
	if (!link)
		link = s2s_link_new(local, remote);
	if (link->opening)
		s2s_opener->cancel(link->opening);
	s2s_link_opened(link, ops, stream);
	return link;
}

void s2s_is_back(struct str local, struct str remote)
{
	if (s2s_home(local, remote) != worker_self())
		return;
	struct s2s_link *link = s2s_link_find(local, remote);
	if (link && link->state == S2S_LINK_RESTING)
		s2s_link_free(link);
}

void s2s_links_each(void (*each)(void *arg, const struct s2s_link_about *about), void *arg)
{
	const struct s2s_link *link;
	uint32_t position = 0;
	while ((link = map_next(&s2s_manager()->links, &position, NULL))) {
		size_t sent = link->remains ? link->remains->count(link->remains) : 0;
		struct s2s_link_about about = {link->local, link->remote, link->state, link->ops,
		    link->stream, link->queue.count + sent, link->since_ms, link->text};
		each(arg, &about);
	}
}

/* Those to remote (empty: all); what is done with them may bring new ones. */
static struct s2s_link **links_to(struct str remote, unsigned *count_r)
{
	struct map *links = &s2s_manager()->links;
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
			s2s_link_hold_no_more(list[i]);
		} else if (list[i]->state == S2S_LINK_RESTING) {
			s2s_link_free(list[i]);
		}
	}
	free(list);
	return open;
}
