/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modules: one const struct with everything that they bring, as data. The core starts and stops them per
 * virtual host, registers and undoes their handlers, hooks, commands and features, and can list and explain
 * them.
 */
#pragma once

#include "stanzad/command.h"
#include "stanzad/disco.h"
#include "stanzad/hooks.h"
#include "stanzad/iq.h"
#include "stanzad/metric.h"
#include "stanzad/option.h"
#include "stanzad/route.h"
#include "stanzad/store.h"
#include "stanzad/user.h"

#define STANZAD_MODULE_ABI 6

struct module_iq {
	const char *ns; /* NULL ends the list */
	enum iq_component component;
	iq_handler *handler;
	enum iq_discipline discipline;
	bool needs_user; /* IQ_SM: load the user first; a user without account gets service-unavailable anyway
			  */
	bool owner_only; /* IQ_SM: others than the user themselves get forbidden */
	bool for_nobody; /* IQ_SM: called for local parts without an account, too; user_exists tells */
	bool announce;   /* ns is a disco#info feature of the component */
	/*
	 * IQ_NO_QUEUE: called before the row of another module that answers the namespace, and may hand a request
	 * on to that one with IQ_PASS. While it is there the other is not announced; afterwards all is as before.
	 * Two that replace the same namespace are refused like two that answer it.
	 */
	bool replaces;
};

/* A service: domains whose every stanza comes to the module. */
struct module_route {
	/* The option of the module that names them: OPTION_DOMAIN or OPTION_DOMAINS, with a default such as
	 * "echo.@HOST@". NULL ends the list. */
	const char *option;
	module_deliver *deliver;
};

struct module {
	unsigned abi;                      /* STANZAD_MODULE_ABI */
	unsigned size;                     /* sizeof(struct module) */
	const char *name;                  /* "mod_ping": what the configuration calls it */
	const char *version;               /* for people; NULL: the server's */
	const char *doc;                   /* one sentence */
	const struct option *options;      /* ends with name NULL; may be NULL, as all lists here */
	const struct module_iq *iqs;       /* ends with ns NULL */
	const struct hook_entry *hooks;    /* ends with used false */
	const struct module_route *routes; /* ends with option NULL */
	const struct command *commands;    /* ends with name NULL; there while it runs on any host */
	const struct metric *metrics;      /* ends with name NULL; stanzad/metric.h */
	const struct db_schema *schema;    /* tables of its own; stanzad/store.h */
	const char *const *features;       /* further disco#info features of the server, NULL-terminated */
	const char *const *user_features;  /* of users' bare JIDs */
	const char *const *needs;          /* modules that must run on the same host, NULL-terminated: they
					      are started before it and cannot be unloaded while it runs */
	bool user_slot, session_slot;      /* wants a slot in each user, in each session */
	/* Worker 0, before any of its functions is called. < 0 with err: the module does not run on this
	 * host, and nothing of it is left. */
	int (*start)(struct module_instance *instance, struct err *err);
	/* Worker 0: nothing new will come to it. What it still owes (iq_later) is due now; the core waits for
	 * that, and gives the answers itself that do not come. May be NULL. */
	void (*leave)(struct module_instance *instance);
	/* Worker 0, after its last function returned. Frees instance state. May be NULL. */
	void (*stop)(struct module_instance *instance);
	/* Worker 0: options changed; module_option gives the new ones, module_option_before the old. NULL:
	 * stopped and started instead. < 0: the old ones stay in force and the reload says why. What it
	 * registers and takes back counts at once, when it has returned: nobody meets a gap. */
	int (*reload)(struct module_instance *instance, struct err *err);
};

/* For .reload of a module that reads its options when it needs them: nothing is to be done. */
int module_reload_nothing(struct module_instance *instance, struct err *err);

/* What an instance is of, and where. Never NULL. */
const struct module *module_of(const struct module_instance *instance);
struct host *module_host(const struct module_instance *instance);
/* Never NULL; the name must be in the module's table. Valid until the next reload of this instance. */
const struct option_value *module_option(const struct module_instance *instance, const char *name);
/* Within .reload only: what it was before. */
const struct option_value *module_option_before(const struct module_instance *instance, const char *name);
void *module_state(const struct module_instance *instance);
void module_set_state(struct module_instance *instance, void *state);

/*
 * Registrations that depend on options, or come and go while the module runs: the same as the rows above, for
 * this instance. Worker 0, from .start on; what is still there when the module leaves is undone by the core.
 * What is handed in is copied. < 0 with err: another module answers that namespace, or serves that domain.
 */
int module_add_iq(struct module_instance *instance, const struct module_iq *iq, struct err *err);
/* A call that is under way ends as usual. < 0: there is no such handler of this instance. */
int module_remove_iq(
    struct module_instance *instance, enum iq_component component, const char *ns, struct err *err);
int module_add_hook(struct module_instance *instance, const struct hook_entry *entry, struct err *err);
int module_remove_hook(struct module_instance *instance, const struct hook_entry *entry, struct err *err);
/* domain: prepared; one that begins with "*." stands for all below it that nobody else serves. */
int module_add_route(
    struct module_instance *instance, struct str domain, module_deliver *deliver, struct err *err);
/* A stanza that is on its way to deliver may still arrive. */
int module_remove_route(struct module_instance *instance, struct str domain, struct err *err);

/* A virtual host. */
struct str host_name(const struct host *host);
/* NULL when domain is not one of ours. Valid until the calling worker returns to its loop. */
struct host *host_find(struct str domain);
struct module_instance *host_module(const struct host *host, const char *name);
/* The bare JID of the host. */
const struct jid *host_jid(const struct host *host);
/* Calls each once for every disco#info feature of the server (IQ_LOCAL) or of its users (IQ_SM), in order of
 * names. */
void host_each_feature(const struct host *host, enum iq_component component,
    void (*each)(void *arg, const char *feature), void *arg);
/* A number that changes whenever the host's modules, what they registered, or their options change. Any
 * thread. */
uint64_t host_generation(const struct host *host);
/*
 * What the host itself would answer to an IQ get with this payload (XML with its namespace), asked by the
 * host: the element, unref it. NULL when nobody answers, refuses, or would answer later. On a worker.
 */
struct xml_tree *host_ask(struct host *host, struct str payload);
