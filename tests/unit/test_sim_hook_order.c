/* SPDX-License-Identifier: Apache-2.0 */
/* In which order the functions of a hook are called, and what else is known about a host's hooks. */
#include "hook_probe.h"

/* --- modules for the order ----------------------------------------------------------------------------- */

static char order[200];

static enum hook_verdict in_order(struct module_instance *instance, struct hook_stanza *event)
{
	if (event->stanza->kind == STANZA_MESSAGE) {
		strcat(order, " ");
		strcat(order, module_of(instance)->name + strlen("mod_"));
	}
	return HOOK_PASS;
}

#define ORDERED(name_, stage, after_)                                                                        \
	static const struct hook_entry name_##_hooks[] = {                                                   \
	    HOOK_ENTRY(user_send, in_order, stage, after_), {0}};                                            \
	static const struct module mod_##name_ = {.abi = STANZAD_MODULE_ABI,                                 \
	    .size = sizeof(struct module),                                                                   \
	    .name = "mod_" #name_,                                                                           \
	    .hooks = name_##_hooks}
ORDERED(a, HOOK_NORMAL, "mod_c");
ORDERED(b, HOOK_NORMAL, NULL);
ORDERED(c, HOOK_NORMAL, "mod_d");
ORDERED(d, HOOK_NORMAL, NULL);
ORDERED(e, HOOK_NORMAL, "mod_nowhere");
ORDERED(f, HOOK_FIRST, "mod_b");
ORDERED(round, HOOK_NORMAL, "mod_trip");
ORDERED(trip, HOOK_NORMAL, "mod_round");
ORDERED(self, HOOK_NORMAL, "mod_self");

static const struct module *const modules[] = {&mod_probe, &mod_a, &mod_b, &mod_c, &mod_d, &mod_e, &mod_f,
    &mod_round, &mod_trip, &mod_self, NULL};

/* --- the order ----------------------------------------------------------------------------------------- */

static void order_is(const char *configured, const char *wanted)
{
	char rest[300];
	snprintf(rest, sizeof(rest), "modules: {%s}\n", configured);
	sim_start("", rest);
	alice = sim_login("alice@sim.example/desk");
	order[0] = '\0';
	sim_send(alice, HELLO);
	sim_settle();
	is_cstr(order, wanted);
	sim_stop();
}

static void after_is_transitive(void)
{
	order_is("mod_a: {}, mod_b: {}, mod_c: {}, mod_d: {}, mod_e: {}, mod_f: {}", " f b d c a e");
	order_is("mod_f: {}, mod_e: {}, mod_d: {}, mod_c: {}, mod_b: {}, mod_a: {}", " f b d c a e");
	order_is("mod_c: {}, mod_a: {}, mod_f: {}", " f c a");
	order_is("mod_a: {}, mod_b: {}", " a b");
}

static void circles_are_refused(void)
{
	static const struct hook_entry early = HOOK_ENTRY(user_send, in_order, HOOK_NORMAL, "mod_a");
	struct err err = {0};
	forget();
	sim_start("", "modules: {mod_probe: {}, mod_a: {}, mod_c: {}, mod_d: {}}\n");
	ok(!sim_try_reload("", "modules: {mod_round: {}, mod_trip: {}}\n", &err));
	is_cstr(err.text, "on sim.example: hook user_send: mod_round after mod_trip after mod_round goes round in "
			  "a circle");
	ok(!sim_try_reload("", "modules: {mod_self: {}}\n", &err));
	is_cstr(err.text, "on sim.example: hook user_send: mod_self after mod_self goes round in a circle");
	/* While they run. */
	struct module_instance *d = host_module(host_find(STR("sim.example")), "mod_d");
	ok(module_add_hook(d, &early, &err) < 0);
	ok(strstr(err.text, "goes round in a circle") != NULL);
	is_int(module_add_hook(probe, &early, &err), 0);
	alice = sim_login("alice@sim.example/desk");
	order[0] = '\0';
	sim_send(alice, HELLO);
	sim_settle();
	is_cstr(order, " d c a probe");
	sim_stop();
}

static void generation_changes(void)
{
	static const struct module_iq extra = {.ns = "urn:test:extra", .component = IQ_SM, .handler = NULL};
	static const struct hook_entry entry = HOOK_ENTRY(user_send, in_order, HOOK_LATE, NULL);
	struct err err;
	begin();
	struct host *host = host_find(STR("sim.example"));
	uint64_t before = host_generation(host);
	ok(module_add_iq(probe, &extra, &err) < 0);
	is_int(host_generation(host), before);
	is_int(module_add_hook(probe, &entry, &err), 0);
	ok(host_generation(host) != before);
	before = host_generation(host);
	sim_reload("", MODULES);
	ok(host_generation(host) != before);
	struct xml_tree *tree = host_ask(host, STR("<query xmlns='http://jabber.org/protocol/disco#info'/>"));
	ok(tree && xml_child(tree->root, "identity", NULL));
	xml_tree_unref(&tree);
	ok(!host_ask(host, STR("<query xmlns='urn:nobody'/>")));
	sim_stop();
}

/* Names, kinds and threads are there, and a hook that nobody listens to runs into nobody. */
static void about(void)
{
	for (unsigned i = 0; i < HOOK_COUNT; i++)
		ok(hook_about(i)->name && hook_about(i)->what[0]);
	is_cstr(hook_about(HOOK_filter)->name, "filter");
	is_int(hook_about(HOOK_filter)->kind, HOOK_IS_STANZA);
	sim_start("", "modules: {mod_ping: {}}\n");
	struct host *host = host_find(STR("sim.example"));
	ok(!hook_is_used(host, HOOK_filter));
	ok(hook_is_used(host, HOOK_session_opened));
	struct hook_session event = {NULL};
	is_int(hook_run_session_drained(host, &event), HOOK_PASS);
	sim_stop();
}

int main(void)
{
	sim_offer(modules);
	run(after_is_transitive);
	run(circles_are_refused);
	run(generation_changes);
	run(about);
	return tap_done();
}
