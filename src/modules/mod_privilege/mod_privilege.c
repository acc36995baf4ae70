/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/everywhere.h"
#include "modules/mod_privilege/permission.h"
#include "modules/mod_privilege/privilege.h"
#include "stanzad/mem.h"
#include "stanzad/rand.h"

#define ID_LEN 16

static struct everywhere everywhere = EVERYWHERE_INIT;

/* --- telling components what they may do: XEP-0356 4.2 -------------------------------------------------- */

static void advertise(void *arg, struct str domain)
{
	struct module_instance *instance = arg;
	const struct jid to = {.text = domain.ptr, .domain_len = (uint16_t)domain.len};
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	char id[ID_LEN + 1];
	rand_id(id, ID_LEN);
	xml_open(&writer, "message", NULL);
	xml_put_attr(&writer, "id", str_of(id));
	bool any = permission_put(&writer, NS_PRIVILEGE, instance, domain);
	permission_put(&writer, NS_PRIVILEGE_OLD, instance, domain);
	xml_close(&writer);
	struct stanza *message = stanza_from_writer(&writer);
	if (any)
		route(host_jid(module_host(instance)), &to, message);
	stanza_unref(&message);
	xml_writer_fini(&writer);
}

static void on_there(struct module_instance *instance, void *arg)
{
	char *domain = arg;
	advertise(instance, str_of(domain));
	presences_tell_all(instance, str_of(domain));
	free(domain);
}

static enum hook_verdict on_connected(struct module_instance *instance, struct hook_component_connected *event)
{
	(void)instance;
	everywhere_post(&everywhere, on_there, event->domain);
	return HOOK_PASS;
}

static enum hook_verdict on_reloaded(struct module_instance *instance, struct hook_config_reloaded *event)
{
	(void)event;
	route_each_component(advertise, instance);
	return HOOK_PASS;
}

/* --- stanzas -------------------------------------------------------------------------------------------- */

static struct module_instance *instance_at(const struct jid *to)
{
	struct host *host = host_find(jid_domain(to));
	return host ? host_module(host, "mod_privilege") : NULL;
}

static bool is_presence(const struct stanza *stanza)
{
	return stanza->kind == STANZA_PRESENCE &&
	       (stanza->type == PRESENCE_AVAILABLE || stanza->type == PRESENCE_UNAVAILABLE);
}

static enum hook_verdict on_filter(struct module_instance *instance, struct hook_filter *event)
{
	const struct jid *to = event->to;
	(void)instance;
	if (to->resource_len)
		return HOOK_PASS;
	if (event->stanza->kind == STANZA_MESSAGE && !to->local_len) {
		struct module_instance *there = instance_at(to);
		return there ? behalf_on_message(there, event) : HOOK_PASS;
	}
	if (to->local_len && !event->explain && is_presence(event->stanza)) {
		struct module_instance *there = instance_at(to);
		if (there)
			presences_arrived(there, event->from, to, event->stanza);
	}
	return HOOK_PASS;
}

/* --- the module ----------------------------------------------------------------------------------------- */

static void begin(struct module_instance *instance, void *arg)
{
	(void)arg;
	route_each_component(advertise, instance);
}

static int on_start(struct module_instance *instance, struct err *err)
{
	if (permission_check(instance, err) < 0)
		return -1;
	module_set_state(instance, presences_new());
	everywhere_add(&everywhere, instance);
	module_post(instance, STR_NULL, begin, NULL);
	return 0;
}

static int on_reload(struct module_instance *instance, struct err *err)
{
	return permission_check(instance, err);
}

static void on_leave(struct module_instance *instance)
{
	everywhere_remove(&everywhere, instance);
}

static void on_stop(struct module_instance *instance)
{
	struct presences *presences = module_state(instance);
	everywhere_remove(&everywhere, instance);
	presences_free(&presences);
}

static const struct option options[] = {
    {"roster", OPTION_MAP, NULL,
	"Access rules of components that may read (`get`), change (`set`), or read and change (`both`) the rosters "
	"of users."},
    {"message", OPTION_MAP, NULL,
	"`outgoing`: access rule of components that may send messages in the name of the server and its users."},
    {"presence", OPTION_MAP, NULL,
	"Access rules of components that are told the presence of users (`managed_entity`), or of users and of "
	"the contacts in their rosters (`roster`)."},
    {"iq", OPTION_MAP, NULL,
	"Namespaces, and for each the access rules of components that may ask for it in the name of users: `get`, "
	"`set` or `both`."},
    {0},
};

static const struct module_iq iqs[] = {
    {.ns = NS_PRIVILEGE, .component = IQ_LOCAL, .handler = behalf_on_iq},
    {.ns = NS_PRIVILEGE, .component = IQ_SM, .handler = behalf_on_iq, .needs_user = true, .for_nobody = true},
    {0},
};

static const struct hook_entry hooks[] = {
    HOOK_ENTRY_GLOBAL(component_connected, on_connected, HOOK_NORMAL, NULL),
    HOOK_ENTRY(config_reloaded, on_reloaded, HOOK_NORMAL, NULL),
    HOOK_ENTRY_GLOBAL(filter, on_filter, HOOK_LATE, NULL),
    HOOK_ENTRY(user_inbound, behalf_on_inbound, HOOK_LATE, NULL),
    HOOK_ENTRY(roster_changed, behalf_on_roster_changed, HOOK_NORMAL, NULL),
    HOOK_ENTRY(presence_out, presences_on_out, HOOK_LATE, NULL),
    HOOK_ENTRY(session_closed, presences_on_closed, HOOK_LATE, NULL),
    {0},
};

static const char *const features[] = {NS_PRIVILEGE, NULL};

const struct module mod_privilege = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_privilege",
    .doc = "Lets components act in the name of users (XEP-0356).",
    .options = options,
    .iqs = iqs,
    .hooks = hooks,
    .features = features,
    .start = on_start,
    .leave = on_leave,
    .stop = on_stop,
    .reload = on_reload,
};
