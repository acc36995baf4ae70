/* SPDX-License-Identifier: Apache-2.0 */
/* What a loaded configuration is made of. Written by one loader, read-only afterwards. */
#pragma once

#include <stdatomic.h>

#include "base/map.h"
#include "conf/access.h"
#include "conf/registry.h"

enum { CONF_MAGIC = 0x636f6e66 };

/* A map that lives as long as the snapshot. */
struct conf_map {
	struct map map;
	struct conf_map *next;
};

struct conf_module {
	const struct registered *registered;
	const char *name;
	const struct option_node *node;    /* what the file says */
	const struct option_node *plain;   /* the same with keywords replaced */
	const struct option_value *values; /* by the rows of registered->options */
	struct conf *part;                 /* which holds it, when it is not the snapshot of a file */
	uint64_t restart;                  /* a number of its own: conf_module_restarts */
};

struct conf_listener {
	const struct registered *registered;
	const char *module;
	const char *label;
	/* By the rows of the module's own table, the common one and the one for TLS (when it takes TLS). */
	const struct option_value *own, *common, *tls;
	/* Of ejabberd_service: 'hosts' (NULL: not given), and 'password' when there are no hosts. */
	const struct component_host *components;
	size_t component_count;
	struct str component_password;
};

/* Options as one host sees them, or as everybody does. What a host does not set itself it shares. */
struct conf_scope {
	struct str host;                          /* empty: global */
	const struct option_value **values;       /* by the rows of conf_toplevel_options */
	const struct map *acls;                   /* to struct acl */
	const struct map *access_rules;           /* to struct access */
	const struct map *shaper_rules;           /* to struct access */
	const struct conf_module *const *modules; /* in the order of the file */
	size_t module_count;
	struct map module_names; /* to struct conf_module */
};

struct pattern;

struct conf {
	unsigned magic;
	atomic_uint refs;
	struct arena arena;
	struct conf_scope global;
	struct conf_scope *hosts;
	size_t host_count;
	struct map host_names;     /* to struct conf_scope */
	const struct map *shapers; /* to struct shaper */
	const struct conf_listener *const *listeners;
	size_t listener_count;
	const struct component_balancing *balancing; /* of domain_balancing */
	size_t balancing_count;
	struct conf_map *maps;
	struct pattern *patterns; /* compiled expressions, to be given back */
	const char *directory;    /* where relative names in the file start */
	/* Of a derived snapshot: references to the file's, and to those that hold one module each. */
	struct conf *root;
	struct conf **parts;
	size_t part_count;
};

/* An empty snapshot with one reference. */
struct conf *conf_new(void);
/* A map that is given back with the snapshot. */
struct map *conf_new_map(struct conf *conf);
/* The scope of a host, or the global one when it is empty or not served. */
const struct conf_scope *conf_scope(const struct conf *conf, struct str host);
/* Typed values are equal, or the nodes that they came from. */
bool option_value_same(const struct option_value *a, const struct option_value *b);
