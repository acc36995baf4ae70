/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What modules with domains of their own have in common: the domains, and what everybody may ask of such a
 * domain (service discovery, vCard, ping).
 */
#pragma once

#include "stanzad/module.h"

struct service {
	const char *category, *type; /* of its identity, XEP-0030 3.1 */
	const char *const *features; /* further ones, NULL-terminated */
	module_deliver *deliver;     /* what comes for its domains */
	bool per_domain;             /* has the option append_module_config */
};

/* clang-format off */
/* For its table of options; the default of hosts is prefix.@HOST@. */
#define SERVICE_OPTIONS(prefix, title) \
	{"host", OPTION_DOMAIN, NULL, "The old form of `hosts`, which goes before it."}, \
	{"hosts", OPTION_DOMAINS, "['" prefix ".@HOST@']", "The domains of the service."}, \
	{"name", OPTION_STRING, title, "The name of the service, as service discovery tells it."}, \
	{"vcard", OPTION_MAP, NULL, "The vCard of the service: elements of `vcard-temp` as a map."}
/* clang-format on */

/* Within .start: serves the domains. */
int service_start(struct module_instance *instance, const struct service *service, struct err *err);
/* Within .reload: serves the new ones, and no longer those that went. < 0: nothing has changed. */
int service_reload(struct module_instance *instance, const struct service *service, struct err *err);
bool service_has_domain(const struct module_instance *instance, struct str domain);
/*
 * Answers what can be asked of any service; true: it was answered. An IQ that is neither request of these nor
 * taken by the module is for service_refuse, as are IQs to other addresses than the domain itself.
 */
bool service_answer(struct module_instance *instance, const struct service *service, const struct jid *from,
    const struct jid *to, struct stanza *stanza);
/* text: a literal, or NULL. Nothing when the stanza wants no answer. */
void service_refuse(const struct jid *from, const struct jid *to, struct stanza *stanza,
    enum stanza_condition condition, const char *text);
/* For the hook disco_items: lists among the server's items the domains that are not below the host; mod_disco
 * finds the others by itself. */
void service_list(
    const struct module_instance *instance, const struct service *service, struct hook_disco *event);
