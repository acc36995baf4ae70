/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The namespaces that a host delegates (XEP-0355), and to whom: the state of mod_delegation. Changed on worker 0, read
 * by any, under its lock.
 */
#pragma once

#include <pthread.h>

#include "stanzad/list.h"
#include "stanzad/module.h"

#define NS_DELEGATION "urn:xmpp:delegation:2"
/* What the version before it was called. Components that know only that one are spoken to in it. */
#define NS_DELEGATION_OLD "urn:xmpp:delegation:1"
/* What stands for requests about users and nodes that the server knows nothing of: 7.2.4, 7.2.5. */
#define ALL_INFO "urn:xmpp:delegation:2:bare:disco#info:*"
#define ALL_ITEMS "urn:xmpp:delegation:2:bare:disco#items:*"
#define NS_DISCO_INFO "http://jabber.org/protocol/disco#info"
#define NS_DISCO_ITEMS "http://jabber.org/protocol/disco#items"

struct delegation {
	char *ns, *rule; /* heap, as all here */
	char **filtering;      /* attributes that a request must have; NULL-terminated */
	char *domain;          /* of the component that has it; NULL: none that may is connected */
	bool old;              /* speaks NS_DELEGATION_OLD */
	struct strbuf info[2]; /* enum iq_component: what is to be nested in disco#info, serialised */
};

struct delegations {
	pthread_mutex_t lock;
	struct delegation *list;
	size_t count;
	struct list pending; /* requests that components have, by delegated.c */
	struct module_timer *again; /* worker 0; the core's to free */
	bool nests;          /* worker 0: the hook of disco#info is there */
};

/* From the options. NULL with err. */
struct delegations *delegations_new(struct module_instance *instance, struct err *err);
void delegations_free(struct delegations **delegations);
struct delegation *delegation_of(struct delegations *delegations, struct str ns);

/* --- managing.c: who has them --- */
/* Finds components for what has none, tells 'domain' (NULL: each that got something) what it has. Worker 0. */
void managing_refresh(struct module_instance *instance, const char *domain);
enum hook_verdict managing_on_disco_info(struct module_instance *instance, struct hook_disco_info *event);

/* --- delegated.c: requests --- */
enum iq_verdict delegated_on_iq(struct iq *iq);
/* Those of service discovery at users. */
enum iq_verdict delegated_on_info(struct iq *iq);
enum iq_verdict delegated_on_items(struct iq *iq);
/* Nobody of that domain will answer. Any thread. */
void delegated_end(struct delegations *delegations, struct str domain);
