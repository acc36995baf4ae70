/* SPDX-License-Identifier: Apache-2.0 */
/* What belongs to a module on a host while it runs, and ends with it: timers, work, slots. */
#include "base/clock.h"
#include "conf/conf.h"
#include "loop/worker.h"
#include "route/offered.h"
#include "sim.h"
#include "stanzad/timer.h"
#include "stanzad/work.h"

static struct module_instance *instance;
static char story[400];
static struct module_timer *once, *often, *forgotten;

static void tell(const char *what)
{
	if (story[0])
		strcat(story, " ");
	strcat(story, what);
}

#define story_is(want) \
	do {                                                                                                 \
		sim_settle();                                                                                \
		is_cstr(story, (want));                                                                      \
		story[0] = '\0';                                                                             \
	} while (0)

/* --- mod_busy: timers and work -------------------------------------------------------------------------- */

static void on_timer(struct module_instance *self, void *arg)
{
	ok(self == instance);
	tell(arg);
}

static void on_last_turn(struct module_instance *self, void *arg)
{
	tell(arg);
	module_timer_free(&often);
}

static void work(struct module_instance *self, void *arg)
{
	*(const char **)arg = worker_self() ? "on a worker" : "elsewhere";
}

static void done(struct module_instance *self, void *arg)
{
	tell(*(const char **)arg);
	tell(worker_self() ? "done" : "done elsewhere");
}

static int busy_start(struct module_instance *self, struct err *err)
{
	instance = self;
	once = module_timer_new(self, on_timer, "once");
	often = module_timer_new(self, on_timer, "often");
	forgotten = module_timer_new(self, on_timer, "forgotten");
	module_timer_repeat(forgotten, 100000);
	tell("start");
	return 0;
}

static void busy_leave(struct module_instance *self)
{
	module_timer_start(once, 0);
	ok(!module_timer_is_running(once));
	tell("leave");
}

static void busy_stop(struct module_instance *self)
{
	module_timer_stop(once);
	module_timer_free(&once);
	module_timer_free(&often);
	tell("stop");
}

static const struct module mod_busy = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_busy",
    .start = busy_start,
    .leave = busy_leave,
    .stop = busy_stop,
};

/* --- mod_hasty: begins work in a start that fails ------------------------------------------------------- */

static const char *hasty_where;

static int hasty_start(struct module_instance *self, struct err *err)
{
	module_timer_repeat(module_timer_new(self, on_timer, "hasty"), 1);
	module_run(self, work, done, &hasty_where);
	return err_set(err, "not today");
}

static void hasty_stop(struct module_instance *self)
{
	tell("hasty stop");
}

static const struct module mod_hasty = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_hasty",
    .start = hasty_start,
    .stop = hasty_stop,
};

/* --- mod_late: offered while the server runs ------------------------------------------------------------ */

static const struct module mod_late;
static char user_state[] = "user", session_state[] = "session";

static enum hook_verdict on_loaded(struct module_instance *self, struct hook_user_loaded *event)
{
	ok(!user_slot(event->user, &mod_late));
	user_set_slot(event->user, &mod_late, user_state);
	for (struct session *at = user_first_session(event->user); at; at = session_next(at)) {
		ok(!session_slot(at, &mod_late));
		session_set_slot(at, &mod_late, session_state);
	}
	return HOOK_PASS;
}

static enum hook_verdict on_opened(struct module_instance *self, struct hook_session *event)
{
	session_set_slot(event->session, &mod_late, session_state);
	return HOOK_PASS;
}

static enum hook_verdict on_closed(struct module_instance *self, struct hook_session *event)
{
	tell(session_slot(event->session, &mod_late));
	return HOOK_PASS;
}

static enum hook_verdict on_unload(struct module_instance *self, struct hook_user *event)
{
	tell(user_slot(event->user, &mod_late));
	return HOOK_PASS;
}

static enum iq_verdict on_iq(struct iq *iq)
{
	xml_put_element(iq->reply, "slot", "urn:late", str_of(user_slot(iq->user, &mod_late)));
	return IQ_ANSWER;
}

static const struct hook_entry late_hooks[] = {
    HOOK_ENTRY(user_loaded, on_loaded, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_unload, on_unload, HOOK_NORMAL, NULL),
    HOOK_ENTRY(session_opened, on_opened, HOOK_NORMAL, NULL),
    HOOK_ENTRY(session_closed, on_closed, HOOK_NORMAL, NULL),
    {0},
};
static const struct module_iq late_iqs[] = {
    {.ns = "urn:late", .component = IQ_SM, .handler = on_iq, .owner_only = true},
    {0},
};
static const struct module mod_late = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_late",
    .hooks = late_hooks,
    .iqs = late_iqs,
    .user_slot = true,
    .session_slot = true,
};

/* --- tests ---------------------------------------------------------------------------------------------- */

static void begin(void)
{
	story[0] = '\0';
	sim_start("", "modules: {mod_busy: {}}\n");
	story_is("start");
}

static void timers_fire(void)
{
	begin();
	module_timer_start(once, 1000);
	ok(module_timer_is_running(once));
	sim_advance(999);
	story_is("");
	sim_advance(1);
	story_is("once");
	ok(!module_timer_is_running(once));
	sim_advance(5000);
	story_is("");
	module_timer_start(once, 1000);
	module_timer_start(once, 3000);
	sim_advance(2000);
	story_is("");
	module_timer_stop(once);
	sim_advance(2000);
	story_is("");
	module_timer_repeat(often, 10);
	sim_advance(10);
	sim_advance(10);
	sim_advance(1000);
	story_is("often often often");
	sim_stop();
	is_cstr(story, "stop");
}

static void a_timer_frees_itself(void)
{
	begin();
	module_timer_free(&often);
	ok(!often);
	often = module_timer_new(instance, on_last_turn, "last");
	module_timer_repeat(often, 10);
	sim_advance(10);
	sim_advance(10);
	story_is("last");
	sim_stop();
}

static void no_timer_fires_after_the_module_left(void)
{
	begin();
	module_timer_start(once, 10);
	module_timer_repeat(often, 5);
	sim_reload("", "modules: {}\n");
	story_is("leave stop");
	sim_advance(100);
	story_is("");
	sim_stop();
}

static void work_is_done_elsewhere(void)
{
	const char *where = NULL;
	begin();
	module_run(instance, work, done, &where);
	module_run(instance, work, NULL, &where);
	module_post(instance, STR("alice@sim.example"), on_timer, "posted");
	is_cstr(story, "");
	sim_settle();
	ok(strstr(story, "elsewhere done") && strstr(story, "posted"));
	sim_stop();
}

static void unloading_waits_for_work(void)
{
	const char *where = NULL;
	begin();
	sim_hold_jobs();
	module_run(instance, work, done, &where);
	module_post(instance, STR_NULL, on_timer, "posted");
	sim_reload("", "modules: {}\n");
	sim_advance(10000);
	story_is("posted leave");
	sim_release_jobs();
	sim_settle();
	sim_advance(10);
	story_is("elsewhere done stop");
	sim_stop();
}

static void work_ends_with_the_server(void)
{
	const char *where = NULL;
	begin();
	module_run(instance, work, done, &where);
	module_post(instance, STR_NULL, on_timer, "posted");
	sim_stop();
	ok(strstr(story, "elsewhere done") && strstr(story, "posted"));
	ok(strstr(story, " stop"));
	begin();
	sim_hold_jobs();
	module_run(instance, work, done, &where);
	sim_reload("", "modules: {}\n");
	sim_release_jobs();
	sim_stop();
	is_cstr(story, "leave elsewhere done stop");
}

static void a_start_that_fails_leaves_nothing(void)
{
	struct err err;
	begin();
	ok(!sim_try_reload("", "modules: {mod_busy: {}, mod_hasty: {}}\n", &err));
	is_cstr(err.text, "module mod_hasty on sim.example: not today");
	sim_settle();
	sim_advance(100);
	story_is("elsewhere done");
	sim_stop();
}

#define LATE "modules: {mod_busy: {}, mod_late: {}}\n"

static void offer_late(void)
{
	offered_add(&mod_late);
}

static void a_late_module_has_slots(void)
{
	struct err err;
	begin();
	struct sim_client *alice = sim_login("alice@sim.example/desk");
	offer_late();
	sim_reload("", LATE);
	sim_send(alice, "<iq type='get' id='1'><q xmlns='urn:late'/></iq>");
	expect(alice, "<slot xmlns='urn:late'>user</slot>");
	struct sim_client *second = sim_login("alice@sim.example/hall");
	sim_cut(second);
	story_is("session");
	ok(offered_remove(&mod_late, &err) < 0);
	is_cstr(err.text, "module mod_late still runs on 1 host");
	sim_reload("", "modules: {mod_busy: {}}\n");
	story_is("session user");
	/* on_loaded checks that nothing is left of the first time */
	sim_reload("", LATE);
	story_is("");
	sim_reload("", "modules: {mod_busy: {}}\n");
	story_is("session user");
	is_int(offered_remove(&mod_late, &err), 0);
	ok(!module_named("mod_late"));
	sim_stop();
}

static void late_slots_end_with_their_user(void)
{
	begin();
	offer_late();
	sim_reload("", LATE);
	struct sim_client *alice = sim_login("alice@sim.example/desk");
	struct sim_client *bob = sim_login("bob@sim.example/desk");
	sim_cut(alice);
	story_is("session");
	sim_advance(60000);
	story_is("user");
	alice = sim_login("alice@sim.example/desk");
	sim_send(alice, "<iq type='get' id='1'><q xmlns='urn:late'/></iq>");
	expect(alice, "<slot xmlns='urn:late'>user</slot>");
	sim_cut(bob);
	story_is("session");
	sim_stop();
}

int main(void)
{
	static const struct module *const modules[] = {&mod_busy, &mod_hasty, NULL};
	sim_offer(modules);
	conf_register_module("mod_late", NULL, CONF_AVAILABLE);
	run(timers_fire);
	run(a_timer_frees_itself);
	run(no_timer_fires_after_the_module_left);
	run(work_is_done_elsewhere);
	run(unloading_waits_for_work);
	run(work_ends_with_the_server);
	run(a_start_that_fails_leaves_nothing);
	run(a_late_module_has_slots);
	run(late_slots_end_with_their_user);
	return tap_done();
}
