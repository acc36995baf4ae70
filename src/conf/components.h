/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Components (XEP-0114): the domains that a listener of module ejabberd_service takes them for, and how
 * stanzas are spread over several components of one domain (domain_balancing). Any thread.
 */
#pragma once

#include "conf/conf.h"

/* One entry of 'hosts' of a listener. */
struct component_host {
	struct str domain;   /* prepared */
	struct str password; /* of this domain, or else of the listener; ptr NULL: there is none */
};

/* NULL at the end. A listener without 'hosts' has none, and takes every domain that nobody else serves. */
const struct component_host *conf_component_host(const struct conf_listener *listener, size_t index);
/* What a component must know to serve the domain at this listener; ptr NULL: it cannot. */
struct str conf_component_password(const struct conf_listener *listener, struct str domain);
/* Some ejabberd_service listener takes components for the domain. */
bool conf_component_allowed(const struct conf *conf, struct str domain);
bool conf_listener_is_service(const struct conf_listener *listener);

/* What a component is chosen by among those of a domain. */
enum component_balance {
	BALANCE_RANDOM,
	BALANCE_SOURCE,      /* the sender's full JID */
	BALANCE_DESTINATION, /* the recipient's full JID */
	BALANCE_BARE_SOURCE,
	BALANCE_BARE_DESTINATION,
};

struct component_balancing {
	struct str domain;
	enum component_balance type;
	unsigned number; /* of components at most; 0: as many as come */
};
const char *component_balance_text(enum component_balance type);
/* The rule of a domain; random and 0 when there is none. */
struct component_balancing conf_component_balancing(const struct conf *conf, struct str domain);

struct loader;
/* While loading: reads and checks 'hosts' and 'password' of a listener, and domain_balancing. */
void components_read_listener(struct loader *loader, struct conf_listener *listener);
void components_read_balancing(struct loader *loader);
