/* SPDX-License-Identifier: Apache-2.0 */
/* The option tables by name: what code has registered goes before what is only known. */
#pragma once

#include "conf/nearest.h"

/* A module or listener and its options. */
struct registered {
	const char *name;
	const struct option *options;
	enum conf_availability availability;
	bool takes_tls;   /* listeners: the shared TLS options belong to it too */
	uint64_t edition; /* of a found module (conf_found), whose row belongs to a snapshot; else 0 */
};

/* ejabberd's modules and listeners, with the options they have there. The last row has no name. */
extern const struct registered known_modules[];
extern const struct registered known_listeners[];
/* Options of every listener, and those of every listener that speaks TLS. */
extern const struct option listener_common_options[];
extern const struct option listener_tls_options[];

/* NULL when no such thing is known. */
const struct registered *registry_module(struct str name);
/* Only what code has registered. */
const struct registered *registry_module_of_code(struct str name);
const struct registered *registry_listener(struct str name);
void registry_nearest_module(struct nearest *nearest);
void registry_nearest_listener(struct nearest *nearest);

const struct option *option_find(const struct option *table, struct str name);
void option_nearest(const struct option *table, struct nearest *nearest);
size_t option_count(const struct option *table);

/* The place of a name in conf_toplevel_options, or -1. */
int toplevel_index(struct str name);
size_t toplevel_count(void);
