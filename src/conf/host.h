/* SPDX-License-Identifier: Apache-2.0 */
/* What the file says about everybody and about each host: top-level options, host_config and its like. */
#pragma once

#include "conf/macro.h"
#include "conf/snapshot.h"

/* The nodes of top-level options, by the rows of conf_toplevel_options; NULL where nothing is said. */
struct settings {
	const struct option_node **nodes;
};

struct host_settings {
	struct settings settings; /* nodes is NULL when the host has none of its own */
	struct definitions keywords;
};

struct settings settings_new(struct loader *loader);
/* Takes the global options out of the entries; unknown and old names are reported. */
void settings_read(struct loader *loader, const struct entries *entries, struct settings *settings);
/* Takes host_config and append_host_config apart; hosts has one element for each host of the snapshot. */
void host_read(struct loader *loader, const struct entries *entries, const struct settings *global,
    struct host_settings *hosts);
/*
 * Types the options of a scope. parent NULL: the global one, with defaults. Options that a scope does not set
 * are its parent's. Modules are left to modules_build.
 */
void scope_build(struct loader *loader, struct conf_scope *scope, const struct conf_scope *parent,
    const struct settings *settings, const struct definitions *definitions);
