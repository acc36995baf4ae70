/* SPDX-License-Identifier: Apache-2.0 */
/* How stanzas reach components: on every worker. */
#include "route/component.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/rand.h"
#include "route/component_private.h"
#include "route/session.h"

#define BACKLOG_MAX 10000 /* pieces of mail for a worker; above it whoever sends more is slowed down */
#define HELD_MAX 10000    /* stanzas that wait on a worker; above it they bounce */

/* --- choosing ------------------------------------------------------------------------------------------- */

static uint64_t key_of(enum component_balance type, const struct jid *from, const struct jid *to)
{
	switch (type) {
	case BALANCE_SOURCE:
		return map_hash(jid_full(from));
	case BALANCE_DESTINATION:
		return map_hash(jid_full(to));
	case BALANCE_BARE_SOURCE:
		return map_hash(jid_bare(from));
	case BALANCE_BARE_DESTINATION:
		return map_hash(jid_bare(to));
	default:
		return rand_u64();
	}
}

/* The finaliser of SplitMix64: every bit of the result depends on every bit of both. */
static uint64_t weight(uint64_t key, unsigned slot)
{
	uint64_t x = key + (slot + 1) * UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* One that is leaving counts until what it left behind has gone on from this worker. */
static bool counts(const struct member *member)
{
	return !member->leaving || !member->link->released[worker_index(worker_self())];
}

/* Nothing comes back from it at once. */
static bool stays(const struct member *member)
{
	return !member->leaving && !__atomic_load_n(&member->link->closed, __ATOMIC_ACQUIRE);
}

/* Rendezvous hashing: when one comes or goes, only its own share moves. NULL: nobody is there. */
static const struct member *choose(const struct members *members, const struct jid *from,
    const struct jid *to, bool (*usable)(const struct member *member))
{
	const struct member *best = NULL;
	uint64_t key = key_of(members->balancing.type, from, to), best_weight = 0;
	for (size_t i = 0; i < members->count; i++) {
		const struct member *member = &members->list[i];
		uint64_t its_weight = weight(key, member->slot);
		if (!usable(member) || (best && its_weight <= best_weight))
			continue;
		best = member;
		best_weight = its_weight;
	}
	return best;
}

/* --- handing over --------------------------------------------------------------------------------------- */

/* A stanza on its way to the worker of a link, or waiting for the end of one. */
struct parcel {
	struct mail mail;
	struct parcel *next;
	struct component_link *link;
	struct envelope *envelope;
};

static struct parcel *parcel_new(
    struct component_link *link, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct parcel *parcel = mem_zalloc(sizeof(*parcel));
	parcel->link = link;
	parcel->envelope = envelope_new(from, to, stanza);
	return parcel;
}

static void parcel_free(struct parcel *parcel)
{
	envelope_free(parcel->envelope);
	free(parcel);
}

static void bounce_absent(const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct stanza_error error = {
	    .condition = SE_service_unavailable,
	    .text = "the component that serves this domain is not connected",
	};
	route_error(from, to, stanza, &error);
}

/* On the worker of the link. */
static void hand_here(
    struct component_link *link, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct stanza_error error = {
	    .condition = SE_resource_constraint,
	    .text = "too much waits for the component that serves this domain",
	    .type = 'w',
	};
	if (!link->stream)
		component_link_return(link, from, to, stanza);
	else if (!link->ops->deliver(link->stream, from, to, stanza))
		route_error(from, to, stanza, &error);
}

static void on_parcel(struct mail *mail)
{
	struct parcel *parcel = (struct parcel *)mail;
	struct envelope_before before;
	envelope_enter(parcel->envelope, &before);
	hand_here(parcel->link, &parcel->envelope->from, &parcel->envelope->to, parcel->envelope->stanza);
	parcel_free(parcel);
	envelope_leave(&before);
}

static void hand(
    struct component_link *link, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	if (link->worker == worker_self()) {
		hand_here(link, from, to, stanza);
		return;
	}
	struct parcel *parcel = parcel_new(link, from, to, stanza);
	parcel->mail.receive = on_parcel;
	worker_post(link->worker, &parcel->mail);
	if (worker_backlog(link->worker) > BACKLOG_MAX)
		session_slow_sender(from, SESSION_SLOW_MS);
}

/* --- waiting for the end of a link ---------------------------------------------------------------------- */

static struct held {
	struct parcel *first, *last;
	unsigned count;
} held[256]; /* one a worker */

static struct held *held_here(void)
{
	return &held[worker_index(worker_self())];
}

static void held_add(struct held *here, struct parcel *parcel)
{
	parcel->next = NULL;
	if (here->last)
		here->last->next = parcel;
	else
		here->first = parcel;
	here->last = parcel;
	here->count++;
}

static void hold(
    struct component_link *link, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct held *here = held_here();
	struct stanza_error error = {
	    .condition = SE_resource_constraint,
	    .text = "too much waits for a component of this domain",
	    .type = 'w',
	};
	if (here->count >= HELD_MAX)
		route_error(from, to, stanza, &error);
	else
		held_add(here, parcel_new(link, from, to, stanza));
}

static void deliver_domain(const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	if (!local_route_deliver(from, to, stanza))
		bounce_absent(from, to, stanza);
}

void component_release(void *arg)
{
	struct component_link *link = arg;
	struct held *here = held_here(), all = *here;
	*here = (struct held){0};
	link->released[worker_index(worker_self())] = true;
	while (all.first) {
		struct parcel *parcel = all.first;
		all.first = parcel->next;
		if (parcel->link != link) {
			held_add(here, parcel);
			continue;
		}
		struct envelope_before before;
		envelope_enter(parcel->envelope, &before);
		deliver_domain(&parcel->envelope->from, &parcel->envelope->to, parcel->envelope->stanza);
		parcel_free(parcel);
		envelope_leave(&before);
	}
}

void component_held_fini(void)
{
	for (unsigned i = 0; i < 256; i++) {
		while (held[i].first) {
			struct parcel *parcel = held[i].first;
			held[i].first = parcel->next;
			parcel_free(parcel);
		}
		held[i] = (struct held){0};
	}
}

/* --- arriving ------------------------------------------------------------------------------------------- */

void component_deliver(void *arg, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	const struct group *group = arg;
	const struct member *member = choose(members_now(group), from, to, counts);
	if (!member)
		bounce_absent(from, to, stanza);
	else if (member->leaving)
		hold(member->link, from, to, stanza);
	else
		hand(member->link, from, to, stanza);
}

void component_explain(void *arg, const struct jid *from, const struct jid *to)
{
	const struct group *group = arg;
	const struct members *members = members_now(group);
	const struct member *member = choose(members, from, to, counts);
	if (member)
		TRACE(STAGE_HANDLED, "by component %u of %zu that serve %.*s, chosen by %s, on worker %u",
		    member->slot + 1, members->count, STR_FMT(group->local.domain),
		    component_balance_text(members->balancing.type), worker_index(member->link->worker));
	else
		TRACE(STAGE_BOUNCED, "service-unavailable: no component that serves %.*s is connected",
		    STR_FMT(group->local.domain));
}

/* On the recipient's home worker. */
static void on_returned(struct mail *mail)
{
	struct envelope *envelope = (struct envelope *)mail;
	const struct jid *from = &envelope->from, *to = &envelope->to;
	const struct local_route *local = local_route_of(jid_domain(to));
	const struct member *member = NULL;
	struct envelope_before before;
	envelope_enter(envelope, &before);
	if (local && component_route_is(local))
		member = choose(members_now(local->arg), from, to, stays);
	if (member)
		hand(member->link, from, to, envelope->stanza);
	else
		bounce_absent(from, to, envelope->stanza);
	envelope_free(envelope);
	envelope_leave(&before);
}

/* Always by mail: what is older is on its way back the same way. */
void component_link_return(
    struct component_link *link, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	__atomic_store_n(&link->closed, true, __ATOMIC_RELEASE);
	struct envelope *envelope = envelope_new(from, to, stanza);
	envelope->mail.receive = on_returned;
	worker_post(worker_home(map_hash(jid_bare(to))), &envelope->mail);
}
