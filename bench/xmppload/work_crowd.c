/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "room.h"
#include "work.h"

enum {
	TIMES = 9, /* messages, and joins one by one */
};

static struct room room;
static uint64_t deadline;

static int give_up(struct load *load, const char *what)
{
	load->result.given_up = what;
	return 1;
}

static int compare(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left;
	uint64_t b = *(const uint64_t *)right;

	return a < b ? -1 : a > b;
}

static struct cost median_of(const struct cost costs[TIMES])
{
	uint64_t wall[TIMES];
	uint64_t cpu[TIMES];

	for (unsigned i = 0; i < TIMES; i++) {
		wall[i] = costs[i].wall_ns;
		cpu[i] = costs[i].cpu_ns;
	}
	qsort(wall, TIMES, sizeof(wall[0]), compare);
	qsort(cpu, TIMES, sizeof(cpu[0]), compare);
	return (struct cost){.wall_ns = wall[TIMES / 2], .cpu_ns = cpu[TIMES / 2]};
}

/* Clients of a range enter; the CPU time is what it takes until all others know. */
static int enter(struct load *load, unsigned from, unsigned end, struct cost *cost_r)
{
	struct proc_cpu before, after;

	proc_cpu_read(load->pids, load->n_pids, &before);
	uint64_t begun = load_now();
	int outcome = room_enter(&room, load, from, end, deadline);
	if (outcome != 0)
		return outcome;
	cost_r->wall_ns = load_now() - begun;
	room_settle(&room, load, deadline);
	proc_cpu_read(load->pids, load->n_pids, &after);
	cost_r->cpu_ns = proc_cpu_between(&before, &after);
	return load->failed ? -1 : 0;
}

static int all_enter(struct load *load)
{
	struct crowd *crowd = &load->result.crowd;

	int outcome = enter(load, 0, load->n_clients - TIMES, &crowd->all_join);
	crowd->joined = room.joined;
	crowd->presences = room.presences;
	return outcome > 0 ? give_up(load, "all join") : outcome;
}

static int message(struct load *load, struct cost *cost_r)
{
	struct proc_cpu before, after;

	proc_cpu_read(load->pids, load->n_pids, &before);
	uint64_t begun = load_now();
	room_send(&room, &room.slots[0], &load->clients[1]);
	room_drain(&room, load, deadline);
	cost_r->wall_ns = load_now() - begun;
	proc_cpu_read(load->pids, load->n_pids, &after);
	cost_r->cpu_ns = proc_cpu_between(&before, &after);
	if (load->failed)
		return -1;
	return room.copies > 0 ? give_up(load, "a message reaches all") : 0;
}

static int messages(struct load *load)
{
	struct cost costs[TIMES];
	struct cost first; /* it finds cold caches and buffers that have yet to grow */
	int outcome = message(load, &first);

	for (unsigned i = 0; outcome == 0 && i < TIMES; i++)
		outcome = message(load, &costs[i]);
	if (outcome == 0)
		load->result.crowd.message = median_of(costs);
	return outcome;
}

static int one_by_one(struct load *load)
{
	struct cost costs[TIMES];
	unsigned from = load->n_clients - TIMES;
	int outcome = 0;

	for (unsigned i = 0; outcome == 0 && i < TIMES; i++)
		outcome = enter(load, from + i, from + i + 1, &costs[i]);
	if (outcome == 0)
		load->result.crowd.one_joins = median_of(costs);
	return outcome > 0 ? give_up(load, "one more joins") : outcome;
}

static int measure(struct load *load)
{
	int outcome;

	load_measure_begin(load);
	deadline = load->begun_ns + (uint64_t)(load->options->patience * 1e9);
	outcome = all_enter(load);
	load->measuring = false; /* the latencies are those of the joins */
	if (outcome == 0)
		outcome = messages(load);
	if (outcome == 0)
		outcome = one_by_one(load);
	load_measure_end(load);
	return outcome;
}

int work_crowd(struct load *load)
{
	room_init(&room, load, 1);
	int outcome = load_login(load, 0, load->n_clients);
	if (outcome == 0) {
		load_run(load, load_now() + 500000000u);
		outcome = measure(load);
	}
	room_fini(&room);
	return outcome < 0 || load->failed ? -1 : 0;
}
