/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slowing down other servers: when a recipient or storage cannot keep up with what comes from a domain, its
 * streams are not read for a moment. A stream carries many senders, and one recipient that never reads must
 * not stop them all: a pause is short, and an equal time to read follows it.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "loop/worker.h"
#include "route/session.h"
#include "stream/s2s_in_private.h"
#include "stream/s2s_out.h"

#define BUCKETS 64
#define PAUSE_MS 50 /* as long again it is not paused */

/* Pairs of one worker, by the hash of the remote domain, and when it was last told to slow down. */
static struct slow_table {
	struct list pairs[BUCKETS];
	uint64_t told_ms[BUCKETS];
} *tables[256];

static struct slow_table *table_here(void)
{
	struct slow_table **table = &tables[worker_index(worker_self())];
	if (*table)
		return *table;
	*table = mem_zalloc(sizeof(**table));
	for (unsigned i = 0; i < BUCKETS; i++)
		list_init(&(*table)->pairs[i]);
	return *table;
}

static unsigned bucket_of(struct str remote)
{
	return map_hash(remote) % BUCKETS;
}

void s2s_in_slow_add(struct s2s_pair *pair)
{
	list_add_before(&table_here()->pairs[bucket_of(pair->remote)], &pair->slow);
}

/* --- one stream ----------------------------------------------------------------------------------------- */

static void on_over(struct timer *timer)
{
	struct s2s_in *in = list_entry(timer, struct s2s_in, slow_timer);
	in->slowed = false;
	in->slow_free_ms = clock_mono_ms() + PAUSE_MS;
	peer_unpause(&in->peer);
}

void s2s_in_slow_down(struct s2s_in *in)
{
	if (in->slowed || in->peer.is_closing)
		return;
	in->slowed = true;
	peer_pause(&in->peer);
	timer_start(&in->slow_timer, PAUSE_MS, on_over);
}

void s2s_in_slow_fini(struct s2s_in *in)
{
	timer_stop(&in->slow_timer);
	if (in->slowed)
		peer_unpause(&in->peer);
	in->slowed = false;
}

/* --- all streams of a domain ---------------------------------------------------------------------------- */

struct slow_mail {
	struct mail mail;
	struct str remote;
	char text[];
};

static void slow_here(struct str remote)
{
	struct list *pairs = &table_here()->pairs[bucket_of(remote)];
	for (struct list *at = pairs->next; at != pairs; at = at->next) {
		struct s2s_pair *pair = list_entry(at, struct s2s_pair, slow);
		if (str_eq(pair->remote, remote) && clock_mono_ms() >= pair->in->slow_free_ms)
			s2s_in_slow_down(pair->in);
	}
	s2s_out_slow(remote);
}

static void on_mail(struct mail *mail)
{
	slow_here(((struct slow_mail *)mail)->remote);
	free(mail);
}

static void tell(struct worker *worker, struct str remote)
{
	struct slow_mail *slow = mem_zalloc(sizeof(*slow) + remote.len);
	slow->mail.receive = on_mail;
	slow->remote = (struct str){memcpy(slow->text, remote.ptr, remote.len), remote.len};
	worker_post(worker, &slow->mail);
}

static void slow_domain(struct str remote)
{
	uint64_t *told_ms = &table_here()->told_ms[bucket_of(remote)];
	uint64_t now = clock_mono_ms();
	if (*told_ms && now < *told_ms + PAUSE_MS)
		return;
	*told_ms = now;
	for (unsigned i = 0; i < worker_count(); i++)
		if (worker_at(i) == worker_self())
			slow_here(remote);
		else
			tell(worker_at(i), remote);
}

void s2s_in_slow_init(void)
{
	session_set_remote_slow(slow_domain);
}

static void end_one(void *arg, struct peer *peer)
{
	if (peer->ops == &s2s_in_peer_ops)
		s2s_in_dane_cancel(list_entry(peer, struct s2s_in, peer));
	(void)arg;
}

void s2s_in_fini(void)
{
	peers_each(end_one, NULL);
	s2s_mgmt_table_fini();
	struct slow_table **table = &tables[worker_index(worker_self())];
	free(*table);
	*table = NULL;
}
