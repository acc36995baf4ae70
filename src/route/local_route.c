/* SPDX-License-Identifier: Apache-2.0 */
#include "route/local_route.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "route/component.h"
#include "route/host_private.h"
#include "route/router.h"

/* Immutable; replaced by worker 0, freed when each worker has passed its loop. */
struct routes {
	struct map by_domain;
	struct local_route **list;
	size_t count;
};

static struct routes *current; /* atomic */

static struct local_route *find(struct str domain)
{
	const struct routes *routes = __atomic_load_n(&current, __ATOMIC_ACQUIRE);
	if (!routes || !routes->count)
		return NULL;
	struct local_route *local = map_get(&routes->by_domain, domain);
	char name[JID_PART_MAX + 2];
	/* Longest suffix first: "*.b.c" before "*.c". */
	for (struct str rest = domain; !local && rest.len;) {
		struct str behind;
		str_cut(rest, '.', &behind);
		if (!behind.len || behind.len > JID_PART_MAX - 2)
			break;
		name[0] = '*';
		name[1] = '.';
		memcpy(name + 2, behind.ptr, behind.len);
		local = map_get(&routes->by_domain, (struct str){name, behind.len + 2});
		rest = behind;
	}
	return local;
}

bool local_route_serves(struct str domain)
{
	return find(domain) != NULL;
}

bool local_route_deliver(const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct local_route *local = find(jid_domain(to));
	if (!local)
		return false;
	if (!trace_on())
		local->deliver(local->arg, from, to, stanza);
	else if (local->explain)
		local->explain(local->arg, from, to);
	else
		TRACE(STAGE_HANDLED, "by the service %.*s", STR_FMT(local->domain));
	return true;
}

static struct routes *routes_build(struct local_route *with, struct local_route *without)
{
	struct routes *fresh = mem_zalloc(sizeof(*fresh));
	size_t old = current ? current->count : 0;
	fresh->list = mem_zalloc((old + 1) * sizeof(*fresh->list));
	for (size_t i = 0; i < old; i++)
		if (current->list[i] != without)
			fresh->list[fresh->count++] = current->list[i];
	if (with)
		fresh->list[fresh->count++] = with;
	for (size_t i = 0; i < fresh->count; i++)
		map_put(&fresh->by_domain, fresh->list[i]->domain, fresh->list[i]);
	return fresh;
}

struct retired {
	struct routes *routes;
	void (*gone)(void *arg);
	void *arg;
};

static void nothing(void *arg)
{
	(void)arg;
}

static void routes_free(struct routes *routes)
{
	if (!routes)
		return;
	map_fini(&routes->by_domain);
	free(routes->list);
	free(routes);
}

static void on_retired(void *arg)
{
	struct retired *retired = arg;
	routes_free(retired->routes);
	if (retired->gone)
		retired->gone(retired->arg);
	free(retired);
}

static void publish(struct routes *fresh, void (*gone)(void *arg), void *arg)
{
	struct retired *retired = mem_zalloc(sizeof(*retired));
	*retired = (struct retired){current, gone, arg};
	__atomic_store_n(&current, fresh, __ATOMIC_RELEASE);
	workers_each(nothing, on_retired, retired);
}

const struct local_route *local_route_of(struct str domain)
{
	const struct routes *routes = __atomic_load_n(&current, __ATOMIC_ACQUIRE);
	return routes ? map_get(&routes->by_domain, domain) : NULL;
}

struct host *host_above(struct str domain)
{
	struct host *host = NULL;
	for (struct str behind = domain; behind.len && !host;) {
		str_cut(behind, '.', &behind);
		host = behind.len ? host_find(behind) : NULL;
	}
	return host;
}

static bool is_served(const struct local_route *local)
{
	return !str_starts(local->domain, "*.") &&
	       (!component_route_is(local) || component_route_is_served(local));
}

void route_each_service(const struct host *host, void (*each)(void *arg, struct str domain), void *arg)
{
	const struct routes *routes = __atomic_load_n(&current, __ATOMIC_ACQUIRE);
	for (size_t i = 0; routes && i < routes->count; i++)
		if (is_served(routes->list[i]) && host_above(routes->list[i]->domain) == host)
			each(arg, routes->list[i]->domain);
}

int route_register(struct local_route *local, struct err *err)
{
	if (host_find(local->domain) || (current && map_get(&current->by_domain, local->domain)))
		return err_set(err, "the domain %.*s is served already", STR_FMT(local->domain));
	publish(routes_build(local, NULL), NULL, NULL);
	return 0;
}

void route_unregister(struct local_route *local, void (*gone)(void *arg))
{
	publish(routes_build(NULL, local), gone, local->arg);
}

void local_routes_fini(void)
{
	routes_free(current);
	current = NULL;
}
