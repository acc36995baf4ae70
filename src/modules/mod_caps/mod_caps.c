/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>

#include "modules/mod_caps/caps.h"
#include "stanzad/module.h"

#define NS_DISCO_INFO "http://jabber.org/protocol/disco#info"
#define NS_CAPS "http://jabber.org/protocol/caps"
#define CAPS_NODE "urn:x-stanzad:server"

/* What disco#info answers changes only when what is registered on the host does, or an option: on a reload. */
struct caps {
	pthread_mutex_t lock;
	uint64_t generation;     /* of the host, of which the rest was made; 0: nothing yet */
	char ver[CAPS_VER_SIZE]; /* empty: nobody answers disco#info */
	struct str info;         /* what is inside the answer; heap */
};

static void make(struct caps *caps, struct host *host)
{
	struct xml_tree *tree = host_ask(host, STR("<query xmlns='" NS_DISCO_INFO "'/>"));
	free((char *)caps->info.ptr);
	caps->info = STR_NULL;
	caps->ver[0] = '\0';
	if (tree) {
		caps_ver(tree->root, caps->ver);
		caps->info = (struct str){str_dup(tree->root->inner), tree->root->inner.len};
	}
	xml_tree_unref(&tree);
}

/* Locked until caps_leave; up to date. */
static struct caps *caps_enter(struct module_instance *instance)
{
	struct caps *caps = module_state(instance);
	struct host *host = module_host(instance);
	uint64_t generation = host_generation(host);
	pthread_mutex_lock(&caps->lock);
	if (caps->generation != generation)
		make(caps, host);
	caps->generation = generation;
	return caps;
}

static void caps_leave(struct caps *caps)
{
	pthread_mutex_unlock(&caps->lock);
}

/* XEP-0115 6.3 */
static enum hook_verdict on_features(struct module_instance *instance, struct hook_c2s_stream_features *event)
{
	if (!event->authenticated)
		return HOOK_PASS;
	struct caps *caps = caps_enter(instance);
	if (caps->ver[0]) {
		xml_open(event->features, "c", NS_CAPS);
		xml_put_attr(event->features, "hash", STR("sha-1"));
		xml_put_attr(event->features, "node", STR(CAPS_NODE));
		xml_put_attr(event->features, "ver", str_of(caps->ver));
		xml_close(event->features);
	}
	caps_leave(caps);
	return HOOK_PASS;
}

/* XEP-0115 6.2 */
static enum hook_verdict on_info(struct module_instance *instance, struct hook_disco *event)
{
	if (event->user || !str_starts(event->node, CAPS_NODE "#"))
		return HOOK_PASS;
	struct str asked = {event->node.ptr + sizeof(CAPS_NODE), event->node.len - sizeof(CAPS_NODE)};
	struct caps *caps = caps_enter(instance);
	if (caps->ver[0] && str_is(asked, caps->ver)) {
		xml_put_raw(event->reply, caps->info);
		event->found = true;
	}
	caps_leave(caps);
	return HOOK_PASS;
}

static int on_start(struct module_instance *instance, struct err *err)
{
	struct caps *caps = calloc(1, sizeof(*caps));
	if (!caps)
		return err_set(err, "out of memory");
	pthread_mutex_init(&caps->lock, NULL);
	module_set_state(instance, caps);
	return 0;
}

static void on_stop(struct module_instance *instance)
{
	struct caps *caps = module_state(instance);
	free((char *)caps->info.ptr);
	pthread_mutex_destroy(&caps->lock);
	free(caps);
}

static const struct option options[] = {
    {"db_type", OPTION_ENUM, NULL, "Nothing is stored.", "internal|mnesia|sql", .flags = OPTION_IGNORED},
    {"use_cache", OPTION_BOOL, NULL, "Nothing is cached.", .flags = OPTION_IGNORED},
    {"cache_missed", OPTION_BOOL, NULL, "See `use_cache`.", .flags = OPTION_IGNORED},
    {"cache_size", OPTION_INT, NULL, "See `use_cache`.", .flags = OPTION_IGNORED | OPTION_INFINITY},
    {"cache_life_time", OPTION_DURATION, NULL, "See `use_cache`.", .flags = OPTION_IGNORED | OPTION_INFINITY},
    {0},
};

static const struct hook_entry hooks[] = {
    HOOK_ENTRY(c2s_stream_features, on_features, HOOK_NORMAL, NULL),
    HOOK_ENTRY(disco_info, on_info, HOOK_NORMAL, NULL),
    {0},
};

static const char *const features[] = {NS_CAPS, NULL};
static const char *const needs[] = {"mod_disco", NULL};

const struct module mod_caps = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_caps",
    .doc = "Announces what the server can do as one hash (XEP-0115).",
    .options = options,
    .hooks = hooks,
    .features = features,
    .needs = needs,
    .start = on_start,
    .stop = on_stop,
};
