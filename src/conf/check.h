/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes to typed values: every row of an option table is checked here, and says what it expected. */
#pragma once

#include "conf/macro.h"

/* False after a problem was reported; the value is then absent. */
bool check_value(struct loader *loader, const struct option *option, const struct option_node *node,
    struct option_value *value_r);
/* The default of a row, which is written as in YAML; NULL without one. */
const struct option_node *check_default_node(struct loader *loader, const struct option *option);
/*
 * One value for each row of a table: what the mapping (or NULL) gives, defaults for the rest. Definitions are
 * replaced in both. owner names the place in messages ("module 'mod_ping'"). Unknown names are left to
 * check_names.
 */
struct option_value *check_table(struct loader *loader, const char *owner, const struct option *table,
    const struct option_node *map, const struct definitions *definitions);
/* Reports the keys of a mapping that come twice or are in none of the tables, which end with NULL. */
void check_names(struct loader *loader, const char *owner, const struct option_node *map,
    const struct option *const *tables);
/* Says so when an option that was given is not read by anything. owner may be empty. */
void check_flags(
    struct loader *loader, const char *owner, const struct option *option, const struct option_node *at);
