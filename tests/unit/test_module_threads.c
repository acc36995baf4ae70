/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IQ handlers, timers and work on real threads, while the module that has them comes and goes. A service asks on
 * behalf of some users, each on a worker of its own: each request must have exactly one answer.
 */
#include <sched.h>

#include "base/log_sink.h"
#include "base/map.h"
#include "conf/conf.h"
#include "conf_load.h"
#include "loop/executor.h"
#include "loop/worker.h"
#include "route/hosts.h"
#include "route/iq_request.h"
#include "route/offered.h"
#include "route/user_private.h"
#include "stanzad/timer.h"
#include "stanzad/work.h"
#include "tap.h"
#include "test_store.h"

enum { WORKERS = 3, THREADS = 4, ASKERS = 12, ASKED = 300, AT_ONCE = 8, RELOADS = 60, PUSHED = 60000 };

#define CONF_TEXT "hosts: [sim.example]\nauth_password_format: plain\nmodules: {mod_asker: {}%s}\n"

static const char *const namespaces[] = {
    "urn:here", "urn:one", "urn:many", "urn:later", "urn:run", "urn:twice", "urn:forgets"};
enum { NAMESPACES = 7, NS_ONE = 1 };

static struct asker {
	struct jid jid;
	char text[40];
	unsigned asked, answered, results, last_in_order;
	unsigned waits[AT_ONCE]; /* id + 1; 0: free */
} askers[ASKERS];

static const struct jid server = {"sim.example", 0, 11, 0};
static unsigned faults, finished, reloads, wanted_reloads;
static struct conf *confs[2];

static void check(bool held)
{
	if (!held)
		__atomic_add_fetch(&faults, 1, __ATOMIC_RELAXED);
}

/* --- mod_answerer --------------------------------------------------------------------------------------- */

/* An old instance may still be inside a call while the next one runs. */
static struct instance_state {
	unsigned in_one; /* not atomic: one call at a time */
} states[RELOADS + 1];
static unsigned state_count;

static void put_answer(struct iq *iq)
{
	xml_put_element(iq->reply, "done", "urn:done", iq->id);
}

static enum iq_verdict here(struct iq *iq)
{
	check(worker_self() != NULL);
	put_answer(iq);
	return IQ_ANSWER;
}

static enum iq_verdict one(struct iq *iq)
{
	struct instance_state *state = module_state(iq->instance);
	check(!worker_self() && ++state->in_one == 1);
	put_answer(iq);
	state->in_one--;
	return IQ_ANSWER;
}

static enum iq_verdict many(struct iq *iq)
{
	check(!worker_self());
	put_answer(iq);
	return IQ_ANSWER;
}

static void finish_posted(struct module_instance *self, void *arg)
{
	struct iq *iq = arg;
	check(worker_self() != NULL);
	put_answer(iq);
	iq_finish(&iq, IQ_ANSWER);
}

static enum iq_verdict later(struct iq *iq)
{
	struct iq *copy = iq_later(iq);
	module_post(iq->instance, copy->id, finish_posted, copy);
	return IQ_LATER;
}

static void finish_run(struct module_instance *self, void *arg)
{
	struct iq *iq = arg;
	check(!worker_self());
	put_answer(iq);
	iq_finish(&iq, IQ_ANSWER);
}

static enum iq_verdict runs(struct iq *iq)
{
	module_run(iq->instance, finish_run, NULL, iq_later(iq));
	return IQ_LATER;
}

struct stale {
	struct iq *iq;
	bool done;
};

static void finish_stale(struct module_instance *self, void *arg)
{
	struct stale *stale = arg;
	iq_finish(&stale->iq, IQ_ANSWER);
	__atomic_store_n(&stale->done, true, __ATOMIC_RELEASE);
}

/* From an executor thread and from a worker, at the same time. */
static enum iq_verdict twice(struct iq *iq)
{
	struct iq *copy = iq_later(iq);
	struct stale stale = {.iq = copy};
	put_answer(copy);
	module_post(iq->instance, copy->id, finish_stale, &stale);
	iq_finish(&copy, IQ_ANSWER);
	while (!__atomic_load_n(&stale.done, __ATOMIC_ACQUIRE))
		sched_yield();
	return IQ_LATER;
}

static enum iq_verdict forgets(struct iq *iq)
{
	return IQ_LATER;
}

static const struct module_iq iqs[] = {
    {.ns = "urn:here", .handler = here},
    {.ns = "urn:one", .handler = one, .discipline = IQ_ONE_QUEUE},
    {.ns = "urn:many", .handler = many, .discipline = IQ_PARALLEL},
    {.ns = "urn:later", .handler = later, .discipline = IQ_PARALLEL},
    {.ns = "urn:run", .handler = runs},
    {.ns = "urn:twice", .handler = twice, .discipline = IQ_PARALLEL},
    {.ns = "urn:forgets", .handler = forgets, .discipline = IQ_PARALLEL},
    {0},
};

/* Its own timers, on each worker that it sees, are for the end of the module only. */
static void on_tick(struct module_instance *self, void *arg)
{
	check(module_state(self) == arg);
}

static void tick_here(struct module_instance *self, void *arg)
{
	module_timer_repeat(module_timer_new(self, on_tick, arg), 1);
}

static int answerer_start(struct module_instance *self, struct err *err)
{
	struct instance_state *state = &states[state_count++];
	module_set_state(self, state);
	for (unsigned i = 0; i < ASKERS; i++)
		module_post(self, jid_bare(&askers[i].jid), tick_here, state);
	return 0;
}

static void answerer_stop(struct module_instance *self)
{
	module_set_state(self, NULL);
}

static const struct module mod_answerer = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_answerer",
    .iqs = iqs,
    .start = answerer_start,
    .stop = answerer_stop,
};

/* --- mod_asker ------------------------------------------------------------------------------------------ */

static void swap_wait(struct asker *asker, unsigned from, unsigned to)
{
	unsigned i = 0;
	while (i < AT_ONCE && asker->waits[i] != from)
		i++;
	check(i < AT_ONCE);
	if (i < AT_ONCE)
		asker->waits[i] = to;
}

static void ask(struct asker *asker)
{
	char id[12];
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	snprintf(id, sizeof(id), "%u", asker->asked);
	xml_open(&writer, "iq", NULL);
	xml_put_attr(&writer, "type", STR("get"));
	xml_put_attr(&writer, "id", str_of(id));
	xml_put_element(&writer, "q", namespaces[asker->asked % NAMESPACES], STR_NULL);
	xml_close(&writer);
	struct stanza *stanza = stanza_from_writer(&writer);
	xml_writer_fini(&writer);
	swap_wait(asker, 0, ++asker->asked);
	route(&asker->jid, &server, stanza);
	stanza_unref(&stanza);
}

static bool goes_on(const struct asker *asker)
{
	return asker->asked < ASKED || __atomic_load_n(&reloads, __ATOMIC_RELAXED) < wanted_reloads;
}

static void answered(struct asker *asker, unsigned id, bool result)
{
	swap_wait(asker, id + 1, 0);
	asker->results += result;
	if (id % NAMESPACES == NS_ONE && !wanted_reloads) {
		check(!asker->last_in_order || id > asker->last_in_order);
		asker->last_in_order = id;
	}
	asker->answered++;
	if (goes_on(asker))
		ask(asker);
	else if (asker->answered == asker->asked)
		__atomic_add_fetch(&finished, 1, __ATOMIC_RELEASE);
}

/* --- pushing more than a worker takes ------------------------------------------------------------------- */

static bool pushing, blocked, pushed;
static unsigned came_back;

static void block(struct module_instance *self, void *arg)
{
	__atomic_store_n(&blocked, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&pushed, __ATOMIC_ACQUIRE))
		sched_yield();
}

/* Some user whose home is neither worker 0 nor where answers to us arrive. */
static struct jid far_user(void)
{
	static char text[40];
	const struct worker *answers = worker_home(map_hash(STR("asker.example")));
	for (unsigned i = 0;; i++) {
		int len = snprintf(text, sizeof(text), "v%u@sim.example", i);
		const struct worker *home = worker_home(map_hash(str_of(text)));
		if (home != worker_at(0) && home != answers)
			return (struct jid){text, (uint16_t)(len - 12), 11, 0};
	}
}

static void push(struct module_instance *self, void *arg)
{
	static const struct jid from = {"asker.example", 0, 13, 0};
	struct err err;
	struct jid to = far_user();
	struct worker *home = worker_home(map_hash(jid_bare(&to)));
	struct stanza *stanza =
	    stanza_parse(STR("<message id='m'><body>x</body></message>"), &xml_limits_default, &err);
	module_post(self, jid_bare(&to), block, NULL);
	while (!__atomic_load_n(&blocked, __ATOMIC_ACQUIRE))
		sched_yield();
	for (unsigned i = 0; i < PUSHED; i++)
		route(&from, &to, stanza);
	check(worker_backlog(home) <= 50002);
	stanza_unref(&stanza);
	__atomic_store_n(&pushed, true, __ATOMIC_RELEASE);
}

/* --- work that goes round ------------------------------------------------------------------------------- */

enum { TOURS = 50 };

/* Neither atomic nor locked: one thread after the other. */
static struct tour {
	struct asker *asker;
	unsigned number, visits;
	struct worker *caller;
} tours[ASKERS][TOURS];
static unsigned latest[WORKERS][ASKERS]; /* of an asker on a worker: how many tours were there */
static bool touring;
static unsigned toured;

static void visit(struct module_instance *self, void *arg)
{
	struct tour *tour = arg;
	unsigned here = worker_index(worker_self());
	check(here == tour->visits++);
	check(latest[here][tour->asker - askers]++ == tour->number);
}

static void come_back(struct module_instance *self, void *arg)
{
	const struct tour *tour = arg;
	check(tour->visits == WORKERS && tour->caller == worker_self());
	if (__atomic_add_fetch(&toured, 1, __ATOMIC_RELAXED) == ASKERS * TOURS)
		workers_stop();
}

static void begin_touring(struct module_instance *self, void *arg)
{
	struct asker *asker = arg;
	for (unsigned i = 0; i < TOURS; i++) {
		struct tour *tour = &tours[asker - askers][i];
		*tour = (struct tour){asker, i, 0, worker_self()};
		module_post_workers(self, visit, come_back, tour);
	}
}

static void take_back(const struct stanza *stanza)
{
	check(stanza->type == STANZA_ERROR);
	if (__atomic_add_fetch(&came_back, 1, __ATOMIC_RELAXED) == PUSHED)
		workers_stop();
}

static void take(
    struct module_instance *self, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	if (pushing) {
		take_back(stanza);
		return;
	}
	uint64_t number = 0, id = 0;
	struct str local = jid_local(to);
	bool good = local.len > 1 && str_to_u64((struct str){local.ptr + 1, local.len - 1}, &number) &&
		    number < ASKERS && str_to_u64(stanza->id, &id);
	check(good && jid_eq(from, &server));
	if (good)
		answered(&askers[number], (unsigned)id, stanza->type == IQ_RESULT);
}

static void begin_asking(struct module_instance *self, void *arg)
{
	for (unsigned i = 0; i < AT_ONCE; i++)
		ask(arg);
}

static void on_turn(struct module_instance *self, void *arg)
{
	struct err err;
	if (reloads < wanted_reloads) {
		check(hosts_apply(confs[(reloads + 1) % 2], &err) == 0);
		__atomic_add_fetch(&reloads, 1, __ATOMIC_RELAXED);
	} else if (__atomic_load_n(&finished, __ATOMIC_ACQUIRE) == ASKERS) {
		workers_stop();
	}
}

static int asker_start(struct module_instance *self, struct err *err)
{
	if (pushing) {
		module_post(self, STR_NULL, push, NULL);
		return module_add_route(self, STR("asker.example"), take, err);
	}
	for (unsigned i = 0; i < ASKERS; i++)
		module_post(self, jid_bare(&askers[i].jid), touring ? begin_touring : begin_asking, &askers[i]);
	if (touring)
		return 0;
	module_timer_repeat(module_timer_new(self, on_turn, NULL), 2);
	return module_add_route(self, STR("asker.example"), take, err);
}

static const struct module mod_asker = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_asker",
    .start = asker_start,
    .reload = module_reload_nothing,
};

/* --- tests ---------------------------------------------------------------------------------------------- */

static void begin(void)
{
	static const struct module *const modules[] = {&mod_asker, &mod_answerer, NULL};
	char text[200];
	struct err err;
	finished = reloads = state_count = 0;
	for (unsigned i = 0; i < ASKERS; i++) {
		askers[i] = (struct asker){0};
		int len = snprintf(askers[i].text, sizeof(askers[i].text), "u%u@asker.example/x", i);
		askers[i].jid = (struct jid){askers[i].text, (uint16_t)(len - 16), 13, 1};
	}
	fresh_dir();
	modules_offer(modules);
	for (unsigned i = 0; i < 2; i++) {
		snprintf(text, sizeof(text), CONF_TEXT, i ? "" : ", mod_answerer: {}");
		confs[i] = must_load(text);
	}
	ok(workers_init(WORKERS, &err) == 0 && executor_init(THREADS, &err) == 0);
	ok(store_open(confs[0], test_dir, &err) == 0);
	conf_install(conf_ref(confs[0]));
	ok(hosts_apply(confs[0], &err) == 0);
}

static void end(void)
{
	executor_fini();
	store_close();
	workers_visit(iq_requests_fini, NULL);
	workers_visit(users_fini, NULL);
	workers_fini();
	hosts_fini();
	struct conf *conf = conf_install(NULL);
	conf_unref(&conf);
	conf_unref(&confs[0]);
	conf_unref(&confs[1]);
	remove_dir();
}

static unsigned results(void)
{
	unsigned all = 0;
	for (unsigned i = 0; i < ASKERS; i++) {
		all += askers[i].results;
		is_int(askers[i].answered, askers[i].asked);
	}
	return all;
}

static void each_request_has_one_answer(void)
{
	wanted_reloads = 0;
	begin();
	workers_run();
	end();
	/* All but those to the handler that forgets. */
	is_int(results(), ASKERS * (ASKED - ASKED / NAMESPACES));
	is_int(faults, 0);
}

static void also_while_the_module_comes_and_goes(void)
{
	wanted_reloads = RELOADS;
	begin();
	workers_run();
	end();
	ok(results() > 0);
	is_int(reloads, RELOADS);
	is_int(faults, 0);
}

/* There is no such user: what is taken comes back, too. */
static void a_mailbox_is_bounded(void)
{
	pushing = true;
	begin();
	workers_run();
	end();
	is_int(came_back, PUSHED);
	is_int(faults, 0);
}

static void work_goes_round(void)
{
	pushing = false;
	touring = true;
	begin();
	workers_run();
	end();
	is_int(toured, ASKERS * TOURS);
	is_int(faults, 0);
}

int main(void)
{
	log_set_level(LOG_LEVEL_NONE);
	conf_register_module("mod_asker", NULL, CONF_AVAILABLE);
	conf_register_module("mod_answerer", NULL, CONF_AVAILABLE);
	run(each_request_has_one_answer);
	run(also_while_the_module_comes_and_goes);
	run(a_mailbox_is_bounded);
	run(work_goes_round);
	return tap_done();
}
