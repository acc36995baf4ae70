/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_push/push.h"

#include <stdlib.h>

#include "stanzad/log.h"
#include "stanzad/mem.h"

static int64_t cutoff_us; /* atomic: delete_old_push_sessions removed what is older */

void push_forget_before(int64_t us)
{
	int64_t before = __atomic_load_n(&cutoff_us, __ATOMIC_ACQUIRE);
	while (before < us &&
	       !__atomic_compare_exchange_n(
		   &cutoff_us, &before, us, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		;
}

int64_t push_cutoff_us(void)
{
	return __atomic_load_n(&cutoff_us, __ATOMIC_ACQUIRE);
}

static void forget_old(struct push *push)
{
	int64_t cutoff = push_cutoff_us();
	struct push_registration *next;
	if (push->cutoff_us == cutoff)
		return;
	push->cutoff_us = cutoff;
	for (struct push_registration *at = push->registrations; at; at = next) {
		next = at->next;
		if (at->since_us < cutoff)
			push_drop(at);
	}
}

struct push *push_of(struct user *user)
{
	struct push *push = user_slot(user, &mod_push);
	if (push)
		forget_old(push);
	return push && push->registrations ? push : NULL;
}

struct push *push_needed(struct user *user)
{
	struct push *push = user_slot(user, &mod_push);
	if (!push) {
		push = mem_zalloc(sizeof(*push));
		push->user = user;
		push->cutoff_us = push_cutoff_us();
		user_set_slot(user, &mod_push, push);
	}
	return push;
}

struct push_registration *push_find(struct push *push, const struct jid *service, struct str node)
{
	struct push_registration *at = push ? push->registrations : NULL;
	while (at && !(jid_eq(&at->service, service) && str_is(node, at->node)))
		at = at->next;
	return at;
}

static __thread uint64_t last_id;

struct push_registration *push_add(
    struct push *push, const struct jid *service, struct str node, struct str options, int64_t since_us)
{
	struct push_registration *added = mem_zalloc(sizeof(*added));
	struct push_registration **end = &push->registrations;
	while (*end)
		end = &(*end)->next;
	*end = added;
	push->count++;
	added->push = push;
	added->id = ++last_id;
	added->service = jid_dup_heap(service);
	added->node = str_dup(node);
	added->options = options.len ? str_dup(options) : NULL;
	added->since_us = since_us;
	list_init(&added->line);
	return added;
}

void push_drop(struct push_registration *registration)
{
	struct push_registration **at = &registration->push->registrations;
	while (*at != registration)
		at = &(*at)->next;
	*at = registration->next;
	registration->push->count--;
	push_silence(registration);
	free((char *)registration->service.text);
	free(registration->node);
	free(registration->options);
	free(registration);
}

void push_remove(struct push_registration *registration, const char *reason)
{
	struct user *user = registration->push->user;
	struct module_instance *instance = host_module(user_host(user), "mod_push");
	LOG_INFO("push.removed", LOG_STR("user", jid_bare(user_jid(user))),
	    LOG_STR("service", jid_full(&registration->service)), LOG_CSTR("reason", reason));
	if (instance)
		metric_add(instance, PUSH_METRIC_REMOVED, 1);
	if (registration->session)
		session_state_changed(registration->session);
	push_delete_later(user_jid(user), jid_full(&registration->service), str_of(registration->node));
	push_drop(registration);
}

void push_calm(struct push_registration *registration)
{
	registration->messages = 0;
	push_silence(registration);
}

void push_set_pending(struct push *push, struct str contact, bool pending)
{
	char *known = map_get(&push->pending, contact);
	if (pending && !known && push->pending.count < PUSH_CONTACTS_MAX) {
		known = str_dup(contact);
		map_put(&push->pending, str_of(known), known);
	} else if (!pending && known) {
		map_remove(&push->pending, contact);
		free(known);
	}
}

void push_free(struct push **push_ptr)
{
	struct push *push = *push_ptr;
	uint32_t position = 0;
	char *contact;
	*push_ptr = NULL;
	if (!push)
		return;
	while (push->registrations)
		push_drop(push->registrations);
	while ((contact = map_next(&push->pending, &position, NULL))) {
		map_remove(&push->pending, str_of(contact));
		free(contact);
	}
	map_fini(&push->pending);
	user_set_slot(push->user, &mod_push, NULL);
	free(push);
}
