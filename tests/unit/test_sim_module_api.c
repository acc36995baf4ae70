/* SPDX-License-Identifier: Apache-2.0 */
/* What a module can register, as data and while it runs: handlers, hooks, services, needs. */
#include "sim.h"
#include "stanzad/log.h"

static struct sim_client *alice;
static char started[200];
static struct module_instance *probe;

/* --- mod_probe: everything as data ---------------------------------------------------------------------- */

static enum iq_verdict answer_name(struct iq *iq)
{
	xml_put_element(iq->reply, "name", "urn:test:probe", str_of(module_of(iq->instance)->name));
	return IQ_ANSWER;
}

static void echo(
    struct module_instance *instance, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	metric_add(instance, 0, 1);
	route(to, from, stanza);
}

static enum hook_verdict stamp(struct module_instance *instance, struct hook_stanza *event)
{
	if (event->stanza->kind != STANZA_MESSAGE)
		return HOOK_PASS;
	struct stanza *stamped = stanza_with_tail(event->stanza, STR("<stamp xmlns='urn:test'/>"));
	stanza_unref(&event->stanza);
	event->stanza = stamped;
	return HOOK_PASS;
}

static int probe_start(struct module_instance *instance, struct err *err)
{
	probe = instance;
	strcat(started, " probe");
	return 0;
}

static void probe_stop(struct module_instance *instance)
{
	strcat(started, " -probe");
	probe = NULL;
}

static struct str old_host;

static int probe_reload(struct module_instance *instance, struct err *err)
{
	old_host = module_option_before(instance, "host")->string;
	ok(str_is(module_option(instance, "host")->string, "other.sim.example"));
	is_text(old_host, "probe.sim.example");
	return 0;
}

static const struct option probe_options[] = {
    {"host", OPTION_DOMAIN, "probe.@HOST@", "The domain of the service."},
    {0},
};
static const struct module_iq probe_iqs[] = {
    {.ns = "urn:test:probe", .component = IQ_LOCAL, .handler = answer_name, .announce = true},
    {0},
};
static const struct module_route probe_routes[] = {{"host", echo}, {0}};
static const struct metric probe_metrics[] = {{"echoed_stanzas", METRIC_COUNTER, "Stanzas sent back."}, {0}};
static const char *const probe_needs[] = {"mod_base", NULL};

static const struct module mod_probe = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_probe",
    .options = probe_options,
    .iqs = probe_iqs,
    .routes = probe_routes,
    .metrics = probe_metrics,
    .needs = probe_needs,
    .start = probe_start,
    .stop = probe_stop,
    .reload = probe_reload,
};

/* --- mod_base: what mod_probe needs; mod_rival: claims what mod_probe has ------------------------------- */

static int base_start(struct module_instance *instance, struct err *err)
{
	strcat(started, " base");
	return 0;
}

static const struct hook_entry base_hooks[] = {
    HOOK_ENTRY_GLOBAL(user_send, stamp, HOOK_NORMAL, NULL),
    {0},
};
static const struct module mod_base = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_base",
    .hooks = base_hooks,
    .start = base_start,
};

static const struct module mod_rival_iq = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_rival_iq",
    .iqs = probe_iqs,
};
static const struct module mod_rival_route = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_rival_route",
    .options = probe_options,
    .routes = probe_routes,
};

static int fail_start(struct module_instance *instance, struct err *err)
{
	module_add_route(instance, STR("failed.sim.example"), echo, err);
	return err_set(err, "the moon is in the wrong phase");
}

static const struct module mod_failing = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_failing",
    .start = fail_start,
};

/* --- mod_swap: replaces its handler on reload; keeps something in a table of its own -------------------- */

static int rows_found = -1;

static int find_rows(void *arg, struct db *db, struct err *err)
{
	struct db_rows *rows = DB_QUERY(db, err, "SELECT count(*) FROM mod_swap WHERE {host=} word = ?",
	    DB_P_TEXT(STR("sim.example")), DB_P_TEXT(STR("a")));
	int rc = rows ? db_next(rows, err) : -1;
	rows_found = rc > 0 ? (int)db_int(rows, 0) : -1;
	db_end(&rows);
	return rc;
}

static enum iq_verdict count_rows(struct iq *iq)
{
	struct err err;
	return store_call(STORE_READ, STR_NULL, find_rows, NULL, &err) < 0 ? iq_refuse(iq, SE_gone, NULL)
									     : IQ_ANSWER;
}

static int swap_register(struct module_instance *instance, struct err *err)
{
	const struct module_iq iq = {
	    .ns = "urn:test:swap",
	    .component = IQ_LOCAL,
	    .handler = count_rows,
	    .discipline = module_option(instance, "parallel")->boolean ? IQ_PARALLEL : IQ_ONE_QUEUE,
	    .announce = true,
	};
	return module_add_iq(instance, &iq, err);
}

static void count_feature(void *arg, const char *feature)
{
	*(int *)arg += strcmp(feature, "urn:test:swap") == 0;
}

static int swap_reload(struct module_instance *instance, struct err *err)
{
	int seen = 0;
	is_int(module_remove_iq(instance, IQ_LOCAL, "urn:test:swap", err), 0);
	host_each_feature(module_host(instance), IQ_LOCAL, count_feature, &seen);
	is_int(seen, 1); /* others do not see the gap */
	is_int(swap_register(instance, err), 0);
	ok(swap_register(instance, err) < 0);
	return 0;
}

static const struct option swap_options[] = {{"parallel", OPTION_BOOL, "false", "Many at once."}, {0}};
static const struct db_column swap_columns[] = {{.name = "word", .type = DB_TYPE_KEY}, {0}};
static const struct db_table swap_tables[] = {
    {.name = "mod_swap", .columns = swap_columns, .key = "{host,} word"}, {0}};
static const struct db_schema swap_schema = {.version = 1, .tables = swap_tables};

static const struct module mod_swap = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_swap",
    .options = swap_options,
    .schema = &swap_schema,
    .start = swap_register,
    .reload = swap_reload,
};

static const struct db_table stolen_tables[] = {{.name = "users", .columns = swap_columns}, {0}};
static const struct db_schema stolen_schema = {.version = 1, .tables = stolen_tables};
static const struct module mod_thief = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_thief",
    .schema = &stolen_schema,
};

static const struct module *const modules[] = {&mod_probe, &mod_base, &mod_rival_iq, &mod_rival_route, &mod_failing,
    &mod_swap, &mod_thief, NULL};

static void begin(const char *rest)
{
	started[0] = '\0';
	sim_start("", rest);
	alice = sim_login("alice@sim.example/desk");
	sim_send(alice, "<presence/>");
	sim_settle();
	sim_skip(alice);
}

#define BOTH "modules: {mod_probe: {}, mod_base: {}}\n"

/* --- tests ---------------------------------------------------------------------------------------------- */

static void needed_modules_start_first(void)
{
	struct err err = {0};
	begin(BOTH);
	is_cstr(started, " base probe");
	ok(!sim_try_reload("", "modules: {mod_probe: {}}\n", &err));
	is_cstr(err.text, "module mod_probe on sim.example needs mod_base, which is not in its modules");
	sim_reload("", "modules: {mod_base: {}}\n");
	is_cstr(started, " base probe -probe");
	sim_stop();
}

static void a_handler_answers(void)
{
	begin(BOTH);
	sim_send(alice, "<iq type='get' id='1' to='sim.example'><q xmlns='urn:test:probe'/></iq>");
	expect(alice, "<name xmlns='urn:test:probe'>mod_probe</name></iq>");
	sim_stop();
}

static void handlers_come_and_go(void)
{
	static const struct module_iq extra = {
	    .ns = "urn:test:extra", .component = IQ_SM, .handler = answer_name};
	struct err err = {0};
	begin(BOTH);
	is_int(module_add_iq(probe, &extra, &err), 0);
	ok(module_add_iq(probe, &extra, &err) < 0);
	is_cstr(err.text, "the namespace urn:test:extra is answered by mod_probe already");
	sim_send(alice, "<iq type='get' id='2'><q xmlns='urn:test:extra'/></iq>");
	expect(alice, "<name xmlns='urn:test:probe'>mod_probe</name></iq>");
	is_int(module_remove_iq(probe, IQ_SM, "urn:test:extra", &err), 0);
	ok(module_remove_iq(probe, IQ_SM, "urn:test:extra", &err) < 0);
	sim_send(alice, "<iq type='get' id='3'><q xmlns='urn:test:extra'/></iq>");
	expect(alice, "service-unavailable");
	sim_stop();
}

static void services_are_served(void)
{
	struct err err = {0};
	begin(BOTH);
	sim_send(alice, "<message id='m' to='someone@probe.sim.example'><body>hi</body></message>");
	expect(alice, "from='someone@probe.sim.example'");
	is_int(metric_value(probe, 0), 1);
	sim_reload("", "modules: {mod_probe: {host: other.sim.example}, mod_base: {}}\n");
	sim_skip(alice);
	sim_send(alice, "<message id='n' to='probe.sim.example'><body>hi</body></message>");
	expect(alice, "remote-server-not-found");
	sim_send(alice, "<message id='o' to='other.sim.example'><body>hi</body></message>");
	expect(alice, "from='other.sim.example'");
	is_int(module_add_route(probe, STR("*.wild.example"), echo, &err), 0);
	sim_send(alice, "<message id='p' to='a.b.wild.example'><body>hi</body></message>");
	expect(alice, "from='a.b.wild.example'");
	ok(module_add_route(probe, STR("sim.example"), echo, &err) < 0);
	ok(module_add_route(probe, STR("other.sim.example"), echo, &err) < 0);
	ok(module_add_route(probe, STR("not a domain"), echo, &err) < 0);
	is_int(module_remove_route(probe, STR("*.wild.example"), &err), 0);
	sim_send(alice, "<message id='q' to='a.b.wild.example'><body>hi</body></message>");
	expect(alice, "remote-server-not-found");
	sim_reload("", "modules: {mod_base: {}}\n");
	sim_send(alice, "<message id='r' to='other.sim.example'><body>hi</body></message>");
	expect(alice, "remote-server-not-found");
	sim_stop();
}

static void claims_that_collide_are_refused(void)
{
	struct err err = {0};
	begin(BOTH);
	ok(!sim_try_reload("", "modules: {mod_probe: {}, mod_base: {}, mod_rival_iq: {}}\n", &err));
	is_cstr(
	    err.text, "on sim.example both mod_rival_iq and mod_probe answer the namespace urn:test:probe");
	ok(!sim_try_reload("", "modules: {mod_probe: {}, mod_base: {}, mod_rival_route: {}}\n", &err));
	is_cstr(err.text, "both mod_rival_route on sim.example and mod_probe on sim.example serve the domain "
			  "probe.sim.example");
	/* The domain can pass from one to the other. */
	sim_reload("", "modules: {mod_rival_route: {}}\n");
	sim_send(alice, "<message id='m' to='someone@probe.sim.example'><body>hi</body></message>");
	expect(alice, "from='someone@probe.sim.example'");
	sim_stop();
}

static void a_module_that_fails_leaves_no_trace(void)
{
	struct err err = {0};
	begin(BOTH);
	ok(!sim_try_reload("", "modules: {mod_probe: {}, mod_base: {}, mod_failing: {}}\n", &err));
	is_cstr(err.text, "module mod_failing on sim.example: the moon is in the wrong phase");
	sim_send(alice, "<message id='m' to='failed.sim.example'><body>hi</body></message>");
	expect(alice, "remote-server-not-found");
	sim_send(alice, "<iq type='get' id='1' to='sim.example'><q xmlns='urn:test:probe'/></iq>");
	expect(alice, "mod_probe");
	sim_stop();
}

static void a_global_hook_is_called_once(void)
{
	begin(BOTH);
	struct sim_client *bob = sim_login("bob@sim.example/desk");
	sim_send(alice, "<message id='m' to='bob@sim.example/desk'><body>hi</body></message>");
	is_int(sim_count(bob, "<stamp "), 1);
	sim_stop();
}

static void a_hook_comes_and_goes(void)
{
	static const struct hook_entry entry = HOOK_ENTRY(user_send, stamp, HOOK_LATE, NULL);
	struct err err = {0};
	begin(BOTH);
	struct sim_client *bob = sim_login("bob@sim.example/desk");
	is_int(module_add_hook(probe, &entry, &err), 0);
	sim_send(alice, "<message id='m' to='bob@sim.example/desk'><body>hi</body></message>");
	is_int(sim_count(bob, "<stamp "), 2);
	is_int(module_remove_hook(probe, &entry, &err), 0);
	ok(module_remove_hook(probe, &entry, &err) < 0);
	sim_send(alice, "<message id='m' to='bob@sim.example/desk'><body>hi</body></message>");
	is_int(sim_count(bob, "<stamp "), 1);
	sim_stop();
}

static void a_reload_leaves_no_gap(void)
{
	begin("modules: {mod_swap: {}}\n");
	sim_reload("", "modules: {mod_swap: {parallel: true}}\n");
	sim_send(alice, "<iq type='get' id='1' to='sim.example'><q xmlns='urn:test:swap'/></iq>");
	expect(alice, "type='result'");
	is_int(rows_found, 0);
	sim_stop();
}

static void a_schema_that_is_refused_leaves_no_trace(void)
{
	struct err err = {0};
	begin(BOTH);
	ok(!sim_try_reload("", "modules: {mod_probe: {}, mod_base: {}, mod_thief: {}}\n", &err));
	is_cstr(err.text, "module mod_thief on sim.example: the table users must be called mod_thief, or mod_thief_ "
			  "and more");
	sim_stop();
}

int main(void)
{
	sim_offer(modules);
	run(needed_modules_start_first);
	run(a_handler_answers);
	run(handlers_come_and_go);
	run(services_are_served);
	run(claims_that_collide_are_refused);
	run(a_module_that_fails_leaves_no_trace);
	run(a_global_hook_is_called_once);
	run(a_hook_comes_and_goes);
	run(a_reload_leaves_no_gap);
	run(a_schema_that_is_refused_leaves_no_trace);
	return tap_done();
}
