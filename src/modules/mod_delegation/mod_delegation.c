/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/everywhere.h"
#include "modules/mod_delegation/delegation.h"
#include "stanzad/mem.h"
#include "stanzad/timer.h"

/* A component that was not read to the end keeps its domain a little longer than its stream. */
#define AGAIN_MS 1000

static struct everywhere everywhere = EVERYWHERE_INIT;

/* --- components come and go ----------------------------------------------------------------------------- */

static void on_there(struct module_instance *instance, void *arg)
{
	managing_refresh(instance, arg);
	free(arg);
}

static enum hook_verdict on_connected(struct module_instance *instance, struct hook_component_connected *event)
{
	(void)instance;
	everywhere_post(&everywhere, on_there, event->domain);
	return HOOK_PASS;
}

static void look_again(struct module_instance *instance, void *arg)
{
	(void)arg;
	managing_refresh(instance, NULL);
}

static void on_left(struct module_instance *instance, void *arg)
{
	struct delegations *delegations = module_state(instance);
	managing_refresh(instance, NULL);
	if (route_is_component(str_of(arg)))
		module_timer_start(delegations->again, AGAIN_MS);
	free(arg);
}

static void nothing(struct module_instance *instance, void *arg)
{
	(void)instance;
	(void)arg;
}

static void after_close(struct module_instance *instance, void *arg)
{
	(void)instance;
	everywhere_post(&everywhere, on_left, str_of(arg));
	free(arg);
}

/* The domain is served until the stream has told worker 0, which it does after this hook: worker 0 looks when it has
 * heard that. */
static enum hook_verdict on_disconnected(
    struct module_instance *instance, struct hook_component_disconnected *event)
{
	module_run(instance, nothing, after_close, str_dup(event->domain));
	return HOOK_PASS;
}

static enum hook_verdict on_reloaded(struct module_instance *instance, struct hook_config_reloaded *event)
{
	(void)event;
	managing_refresh(instance, NULL);
	return HOOK_PASS;
}

/* --- the module ----------------------------------------------------------------------------------------- */

static void begin(struct module_instance *instance, void *arg)
{
	(void)arg;
	managing_refresh(instance, NULL);
}

static int add_disco_row(struct module_instance *instance, bool items, struct err *err)
{
	const struct module_iq row = {
	    .ns = items ? NS_DISCO_ITEMS : NS_DISCO_INFO,
	    .component = IQ_SM,
	    .handler = items ? delegated_on_items : delegated_on_info,
	    .needs_user = true,
	    .for_nobody = items, /* as the row that it replaces: mod_disco shows no difference */
	    .replaces = true,
	};
	return module_add_iq(instance, &row, err);
}

static int add_rows(struct module_instance *instance, const struct delegations *delegations, struct err *err)
{
	for (size_t i = 0; i < delegations->count; i++) {
		struct module_iq row = {
		    .ns = delegations->list[i].ns, .handler = delegated_on_iq, .replaces = true};
		if (strcmp(row.ns, ALL_INFO) == 0 || strcmp(row.ns, ALL_ITEMS) == 0) {
			if (add_disco_row(instance, strcmp(row.ns, ALL_ITEMS) == 0, err) < 0)
				return -1;
			continue;
		}
		for (unsigned component = 0; component < 2; component++) {
			row.component = component;
			if (module_add_iq(instance, &row, err) < 0)
				return -1;
		}
	}
	return 0;
}

static int on_start(struct module_instance *instance, struct err *err)
{
	struct delegations *delegations = delegations_new(instance, err);
	if (!delegations)
		return -1;
	module_set_state(instance, delegations);
	if (add_rows(instance, delegations, err) < 0) {
		delegations_free(&delegations);
		return -1;
	}
	delegations->again = module_timer_new(instance, look_again, NULL);
	everywhere_add(&everywhere, instance);
	module_post(instance, STR_NULL, begin, NULL);
	return 0;
}

static void on_leave(struct module_instance *instance)
{
	everywhere_remove(&everywhere, instance);
}

static void on_stop(struct module_instance *instance)
{
	struct delegations *delegations = module_state(instance);
	everywhere_remove(&everywhere, instance);
	delegations_free(&delegations);
}

static const struct option options[] = {
    {"namespaces", OPTION_MAP, NULL,
	"Namespaces, and for each `access`, the access rule of the component that answers IQs in it, and `filtering`, "
	"attributes that the element of a request must have."},
    {0},
};

static const struct hook_entry hooks[] = {
    HOOK_ENTRY_GLOBAL(component_connected, on_connected, HOOK_NORMAL, NULL),
    HOOK_ENTRY_GLOBAL(component_disconnected, on_disconnected, HOOK_NORMAL, NULL),
    HOOK_ENTRY(config_reloaded, on_reloaded, HOOK_NORMAL, NULL),
    {0},
};

static const char *const features[] = {NS_DELEGATION, NULL};

const struct module mod_delegation = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_delegation",
    .doc = "Hands IQs in chosen namespaces to components (XEP-0355).",
    .options = options,
    .hooks = hooks,
    .features = features,
    .start = on_start,
    .leave = on_leave,
    .stop = on_stop,
};
