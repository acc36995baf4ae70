/* SPDX-License-Identifier: Apache-2.0 */
/* The body of components' domains, for the files component*.c. */
#pragma once

#include "conf/components.h"
#include "route/component.h"
#include "route/local_route.h"
#include "route/router.h"

/* Made and closed by its worker; worker 0 puts it into groups and frees it. */
struct component_link {
	struct list all; /* worker 0: of every link */
	struct worker *worker;
	const struct component_ops *ops;
	void *stream;        /* the worker's; NULL: closed, what comes goes back */
	bool closed;         /* atomic: not to be chosen for what comes back */
	struct str *domains; /* worker 0 until opened, then fixed: those that it serves */
	size_t count;
	bool refused;
	struct mail mail; /* between its worker and worker 0, one at a time */
	struct mail close_mail;
	char reason[160]; /* of a refusal */
	bool released[];  /* one a worker, its own: what waited for the end of this link goes on */
};

struct member {
	struct component_link *link;
	unsigned slot; /* what the choice depends on: who comes back in the same one gets the same share */
	bool leaving;
};

/* Immutable; replaced by worker 0, freed when each worker has passed its loop. */
struct members {
	struct component_balancing balancing;
	size_t count;
	struct member list[];
};

/* A domain. Worker 0's but for members. */
struct group {
	struct local_route local;
	struct members *members; /* atomic */
	bool expected;           /* by the configuration */
};

/* --- component.c: on every worker ---- */
void component_deliver(
    void *arg, const struct jid *from, const struct jid *to, struct stanza *stanza);
void component_explain(void *arg, const struct jid *from, const struct jid *to);
/* What waited for the end of the link goes on. */
void component_release(void *link);
/* After workers_fini. */
void component_held_fini(void);

/* The members at present, until the calling worker returns to its loop. */
static inline const struct members *members_now(const struct group *group)
{
	return __atomic_load_n(&group->members, __ATOMIC_ACQUIRE);
}
