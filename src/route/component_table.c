/* SPDX-License-Identifier: Apache-2.0 */
/* Which components serve which domains: on worker 0, but for what says otherwise. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/mem.h"
#include "route/component_private.h"
#include "route/host_private.h"
#include "stanzad/log.h"

static struct map groups; /* domain -> struct group */
static struct list links = {&links, &links};

static void nothing(void *arg)
{
	(void)arg;
}

/* --- groups --------------------------------------------------------------------------------------------- */

bool component_route_is(const struct local_route *local)
{
	return local->deliver == component_deliver;
}

bool component_route_is_served(const struct local_route *local)
{
	const struct members *members = members_now(local->arg);
	for (size_t i = 0; i < members->count; i++)
		if (!members->list[i].leaving)
			return true;
	return false;
}

static struct members *members_new(const struct group *group, size_t room)
{
	struct members *members = mem_zalloc(sizeof(*members) + room * sizeof(members->list[0]));
	members->balancing = conf_component_balancing(conf_current(), group->local.domain);
	return members;
}

static void free_it(void *arg)
{
	free(arg);
}

static void members_publish(struct group *group, struct members *fresh)
{
	struct members *old = group->members;
	__atomic_store_n(&group->members, fresh, __ATOMIC_RELEASE);
	workers_each(nothing, free_it, old);
}

static void group_free(void *arg)
{
	struct group *group = arg;
	free(group->members);
	free((char *)group->local.domain.ptr);
	free(group);
}

static struct group *group_make(struct str domain, struct err *err)
{
	struct group *group = map_get(&groups, domain);
	if (group)
		return group;
	group = mem_zalloc(sizeof(*group));
	group->local = (struct local_route){
	    .domain = {str_dup(domain), domain.len},
	    .deliver = component_deliver,
	    .explain = component_explain,
	    .arg = group,
	};
	group->members = members_new(group, 0);
	if (route_register(&group->local, err) < 0) {
		group_free(group);
		return NULL;
	}
	map_put(&groups, group->local.domain, group);
	return group;
}

/* When nobody serves it and it is not in the configuration, it is free. */
static void group_settle(struct group *group)
{
	if (group->members->count || group->expected)
		return;
	map_remove(&groups, group->local.domain);
	route_unregister(&group->local, group_free);
}

/* --- members -------------------------------------------------------------------------------------------- */

static unsigned slot_free(const struct members *members)
{
	unsigned slot = 0;
	for (size_t i = 0; i < members->count; i++)
		if (members->list[i].slot == slot) {
			slot++;
			i = (size_t)-1;
		}
	return slot;
}

static int group_join(struct group *group, struct component_link *link, struct err *err)
{
	const struct members *old = group->members;
	struct members *fresh = members_new(group, old->count + 1);
	unsigned staying = 0;
	for (size_t i = 0; i < old->count; i++)
		staying += !old->list[i].leaving;
	if (fresh->balancing.number && staying >= fresh->balancing.number) {
		free(fresh);
		return err_set(err, "%u components serve %.*s already, and that is its component_number",
		    staying, STR_FMT(group->local.domain));
	}
	memcpy(fresh->list, old->list, old->count * sizeof(fresh->list[0]));
	fresh->list[old->count] = (struct member){link, slot_free(old), false};
	fresh->count = old->count + 1;
	members_publish(group, fresh);
	return 0;
}

/* The link's row says 'leaving' from now on, or it is gone. */
static void group_part(struct group *group, const struct component_link *link, bool only_mark)
{
	const struct members *old = group->members;
	struct members *fresh = members_new(group, old->count);
	for (size_t i = 0; i < old->count; i++) {
		struct member member = old->list[i];
		if (member.link == link && !only_mark)
			continue;
		member.leaving |= member.link == link;
		fresh->list[fresh->count++] = member;
	}
	members_publish(group, fresh);
}

static void link_part(struct component_link *link, bool only_mark)
{
	for (size_t i = 0; i < link->count; i++) {
		struct group *group = map_get(&groups, link->domains[i]);
		assert(group);
		group_part(group, link, only_mark);
		if (!only_mark)
			group_settle(group);
	}
}

/* --- opening a link: its worker, worker 0, its worker --------------------------------------------------- */

static void link_free(struct component_link *link)
{
	list_remove(&link->all);
	for (size_t i = 0; i < link->count; i++)
		free((char *)link->domains[i].ptr);
	free(link->domains);
	free(link);
}

static void on_opened(struct mail *mail)
{
	struct component_link *link = list_entry(mail, struct component_link, mail);
	if (link->stream)
		link->ops->opened(
		    link->stream, link->domains, link->count, link->refused ? link->reason : NULL);
}

static int link_join(struct component_link *link, struct str domain, struct err *err)
{
	struct group *group = group_make(domain, err);
	if (!group)
		return -1;
	int result = group_join(group, link, err);
	group_settle(group);
	return result;
}

/* link->domains are those that are asked for; afterwards those that it got, the others freed. */
static void link_join_all(struct component_link *link)
{
	size_t asked = link->count;
	struct err err;
	link->count = 0;
	for (size_t i = 0; i < asked; i++) {
		struct str domain = link->domains[i];
		if (!link->refused && link_join(link, domain, &err) == 0) {
			link->domains[link->count++] = domain;
			continue;
		}
		if (!link->refused)
			LOG_WARNING("component.domain_refused", LOG_STR("domain", domain),
			    LOG_CSTR("reason", err.text));
		if (i == 0) {
			link->refused = true;
			snprintf(link->reason, sizeof(link->reason), "%s", err.text);
		}
		free((char *)domain.ptr);
	}
}

static void on_open(struct mail *mail)
{
	struct component_link *link = list_entry(mail, struct component_link, mail);
	list_add_before(&links, &link->all);
	link_join_all(link);
	link->mail.receive = on_opened;
	worker_post(link->worker, &link->mail);
}

struct component_link *component_link_open(
    const struct str *domains, size_t count, const struct component_ops *ops, void *stream)
{
	struct component_link *link = mem_zalloc(sizeof(*link) + worker_count() * sizeof(link->released[0]));
	list_init(&link->all);
	link->worker = worker_self();
	link->ops = ops;
	link->stream = stream;
	link->domains = mem_zalloc(count * sizeof(*link->domains));
	for (; link->count < count; link->count++)
		link->domains[link->count] =
		    (struct str){str_dup(domains[link->count]), domains[link->count].len};
	link->mail.receive = on_open;
	worker_post(worker_at(0), &link->mail);
	return link;
}

/* --- closing a link ------------------------------------------------------------------------------------- */

static void on_forgotten(void *arg)
{
	link_free(arg);
}

/* Worker 0: all of it has gone on. */
static void on_over(struct mail *mail)
{
	struct component_link *link = list_entry(mail, struct component_link, close_mail);
	link_part(link, false);
	workers_each(nothing, on_forgotten, link);
}

/* Its worker: every worker has seen what came back, and what waited for it. */
static void on_released(void *arg)
{
	struct component_link *link = arg;
	link->close_mail.receive = on_over;
	worker_post(worker_at(0), &link->close_mail);
}

/* Its worker: nothing comes for it any more, and all that came is on its way back. */
static void on_last(struct mail *mail)
{
	struct component_link *link = list_entry(mail, struct component_link, close_mail);
	workers_each(component_release, on_released, link);
}

/* Worker 0: nobody sends to it any more. */
static void on_marked(void *arg)
{
	struct component_link *link = arg;
	link->close_mail.receive = on_last;
	worker_post(link->worker, &link->close_mail);
}

static void on_close(struct mail *mail)
{
	struct component_link *link = list_entry(mail, struct component_link, close_mail);
	link_part(link, true);
	workers_each(nothing, on_marked, link);
}

void component_link_close(struct component_link **link_ptr)
{
	struct component_link *link = *link_ptr;
	*link_ptr = NULL;
	link->stream = NULL;
	__atomic_store_n(&link->closed, true, __ATOMIC_RELEASE);
	link->close_mail.receive = on_close;
	worker_post(worker_at(0), &link->close_mail);
}

/* --- what the configuration expects --------------------------------------------------------------------- */

static bool is_named(const struct conf *conf, struct str domain)
{
	for (size_t i = 0; i < conf_listener_count(conf); i++) {
		const struct component_host *host;
		for (size_t j = 0; (host = conf_component_host(conf_listener_at(conf, i), j)); j++)
			if (str_eq(host->domain, domain))
				return true;
	}
	return false;
}

void components_drop(const struct conf *conf)
{
	struct group *group;
	uint32_t position = 0;
	while ((group = map_next(&groups, &position, NULL))) {
		group->expected = is_named(conf, group->local.domain) &&
				  !conf_is_host(conf, group->local.domain);
		group_settle(group);
	}
}

static void expect(struct str domain)
{
	struct err err;
	struct group *group = group_make(domain, &err);
	if (group)
		group->expected = true;
	else
		LOG_WARNING("component.domain_refused", LOG_STR("domain", domain),
		    LOG_CSTR("reason", err.text));
}

void components_expect(const struct conf *conf)
{
	for (size_t i = 0; i < conf_listener_count(conf); i++) {
		const struct component_host *host;
		for (size_t j = 0; (host = conf_component_host(conf_listener_at(conf, i), j)); j++)
			expect(host->domain);
	}
	/* Another rule of domain_balancing counts at once. */
	struct group *group;
	uint32_t position = 0;
	while ((group = map_next(&groups, &position, NULL)))
		group_part(group, NULL, true);
}

void components_fini(void)
{
	struct group *group;
	uint32_t position;
	while ((position = 0, group = map_next(&groups, &position, NULL))) {
		map_remove(&groups, group->local.domain);
		group_free(group);
	}
	map_fini(&groups);
	while (!list_empty(&links))
		link_free(list_entry(links.next, struct component_link, all));
	component_held_fini();
}
