/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"
#include "modules/mod_privilege/permission.h"
#include "modules/mod_privilege/privilege.h"
#include "stanzad/mem.h"
#include "stanzad/work.h"

#define SEEN_MAX 200000 /* of more it is not known whether a component has them already */

/* --- who is there --------------------------------------------------------------------------------------- */

struct presences {
	pthread_mutex_t lock;
	struct map seen; /* full JID -> struct seen: available, and told to components */
};

struct seen {
	struct jid jid; /* heap */
	struct stanza *stanza;
};

struct presences *presences_new(void)
{
	struct presences *presences = mem_zalloc(sizeof(*presences));
	pthread_mutex_init(&presences->lock, NULL);
	return presences;
}

static void seen_free(struct seen *seen)
{
	if (!seen)
		return;
	stanza_unref(&seen->stanza);
	free((char *)seen->jid.text);
	free(seen);
}

void presences_free(struct presences **presences)
{
	struct seen *seen;
	uint32_t position = 0;
	if (!*presences)
		return;
	while ((seen = map_next(&(*presences)->seen, &position, NULL))) {
		map_remove(&(*presences)->seen, jid_full(&seen->jid));
		seen_free(seen);
	}
	map_fini(&(*presences)->seen);
	pthread_mutex_destroy(&(*presences)->lock);
	free(*presences);
	*presences = NULL;
}

static bool is_same(const struct stanza *a, const struct stanza *b)
{
	return a == b || (a->type == b->type && str_eq(a->id, b->id) && str_eq(a->root->inner, b->root->inner) &&
			     str_eq(a->tail, b->tail));
}

/* False: that is known already. With the lock. */
static bool seen_put(struct map *map, const struct jid *jid, struct stanza *stanza)
{
	struct seen *seen = map_get(map, jid_full(jid));
	if (stanza->type == PRESENCE_UNAVAILABLE) {
		map_remove(map, jid_full(jid));
		seen_free(seen);
		return seen;
	}
	if (seen && is_same(seen->stanza, stanza))
		return false;
	if (seen) {
		stanza_unref(&seen->stanza);
		seen->stanza = stanza_ref(stanza);
	} else if (map->count < SEEN_MAX) {
		seen = mem_zalloc(sizeof(*seen));
		seen->jid = jid_dup_heap(jid);
		seen->stanza = stanza_ref(stanza);
		map_put(map, jid_full(&seen->jid), seen);
	}
	return true;
}

static bool is_news(struct module_instance *instance, const struct jid *jid, struct stanza *stanza)
{
	struct presences *presences = module_state(instance);
	pthread_mutex_lock(&presences->lock);
	bool news = seen_put(&presences->seen, jid, stanza);
	pthread_mutex_unlock(&presences->lock);
	return news;
}

/* --- telling components --------------------------------------------------------------------------------- */

struct telling {
	struct module_instance *instance;
	const struct jid *from;
	struct stanza *stanza;
	bool rosters; /* only to those who may see all that users see */
};

/* Of a user of another host of ours, by that host: 8, rule 2. */
static bool is_told_elsewhere(const struct telling *telling, struct str domain)
{
	struct host *host = host_find(jid_domain(telling->from));
	struct module_instance *other = host ? host_module(host, "mod_privilege") : NULL;
	return other && other != telling->instance && permission_roster_presence(other, domain);
}

static void tell_one(void *arg, struct str domain)
{
	const struct telling *telling = arg;
	const struct jid to = {.text = domain.ptr, .domain_len = (uint16_t)domain.len};
	if (is_told_elsewhere(telling, domain))
		return;
	if (telling->rosters ? permission_roster_presence(telling->instance, domain)
			     : permission_presence(telling->instance, domain))
		route(telling->from, &to, telling->stanza);
}

static void tell(
    struct module_instance *instance, const struct jid *from, struct stanza *stanza, bool rosters)
{
	struct telling telling = {instance, from, stanza, rosters};
	if (is_news(instance, from, stanza))
		route_each_component(tell_one, &telling);
}

/*
 * XEP-0356 7.1: the first available presence, and unavailable. What comes between is for those who see all that
 * users receive: a user receives the presence of all their resources.
 */
enum hook_verdict presences_on_out(struct module_instance *instance, struct hook_presence_out *event)
{
	bool gone = event->stanza->type == PRESENCE_UNAVAILABLE;
	if (permission_presence_is_given(instance) && (event->previous || !gone))
		tell(instance, session_jid(event->session), event->stanza, event->previous && !gone);
	return HOOK_PASS;
}

static struct stanza *unavailable_make(void)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	xml_open(&writer, "presence", NULL);
	xml_put_attr(&writer, "type", STR("unavailable"));
	xml_close(&writer);
	struct stanza *stanza = stanza_from_writer(&writer);
	xml_writer_fini(&writer);
	return stanza;
}

enum hook_verdict presences_on_closed(struct module_instance *instance, struct hook_session_closed *event)
{
	if (!permission_presence_is_given(instance) || !session_presence(event->session))
		return HOOK_PASS;
	struct stanza *unavailable = unavailable_make();
	tell(instance, session_jid(event->session), unavailable, false);
	stanza_unref(&unavailable);
	return HOOK_PASS;
}

/* --- contacts: XEP-0356 7.4 ----------------------------------------------------------------------------- */

struct arrival {
	struct module_instance *instance;
	struct jid from, to; /* heap */
	struct stanza *stanza;
};

/* The instance may be gone by now; host_module knows. */
static void on_user(void *arg, struct user *user)
{
	struct arrival *arrival = arg;
	struct host *host = host_find(jid_domain(&arrival->to));
	bool there = host && host_module(host, "mod_privilege") == arrival->instance;
	if (user && there && user_exists(user)) {
		enum roster_subscription subscription = roster_subscription_of(user, &arrival->from);
		if (subscription == ROSTER_TO || subscription == ROSTER_BOTH)
			tell(arrival->instance, &arrival->from, arrival->stanza, true);
	}
	stanza_unref(&arrival->stanza);
	free((char *)arrival->from.text);
	free((char *)arrival->to.text);
	free(arrival);
}

static void on_home(struct module_instance *instance, void *arg)
{
	struct arrival *arrival = arg;
	(void)instance;
	user_load(&arrival->to, on_user, arrival);
}

static void look(void *arg, struct str domain)
{
	struct telling *telling = arg;
	telling->rosters |= permission_roster_presence(telling->instance, domain);
}

void presences_arrived(
    struct module_instance *instance, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct telling anybody = {.instance = instance};
	/* Users of the same host are seen when they send it. */
	if (!permission_presence_is_given(instance) || !from->resource_len ||
	    str_eq(jid_domain(from), jid_domain(to)))
		return;
	route_each_component(look, &anybody);
	if (!anybody.rosters)
		return;
	struct arrival *arrival = mem_zalloc(sizeof(*arrival));
	*arrival = (struct arrival){instance, jid_dup_heap(from), jid_dup_heap(to), stanza_ref(stanza)};
	module_post(instance, jid_bare(to), on_home, arrival);
}

/* --- a component has come ------------------------------------------------------------------------------- */

void presences_tell_all(struct module_instance *instance, struct str domain)
{
	struct presences *presences = module_state(instance);
	const struct jid to = {.text = domain.ptr, .domain_len = (uint16_t)domain.len};
	bool all = permission_roster_presence(instance, domain);
	uint32_t position = 0;
	struct seen *seen;
	if (!permission_presence(instance, domain))
		return;
	pthread_mutex_lock(&presences->lock);
	while ((seen = map_next(&presences->seen, &position, NULL)))
		if (all || str_eq(jid_domain(&seen->jid), host_name(module_host(instance))))
			route(&seen->jid, &to, seen->stanza);
	pthread_mutex_unlock(&presences->lock);
}
