/* SPDX-License-Identifier: Apache-2.0 */
/*
 * define_macro and define_keyword. A definition replaces a scalar that is its name, and @NAME@ inside any
 * scalar. Macros are replaced first and everywhere; keywords after them, in the scope of one host.
 */
#pragma once

#include "conf/include.h"

/* Names and what they stand for. A name that is not here is looked for in parent. */
struct definitions {
	struct map names; /* to const struct option_node */
	const struct definitions *parent;
	bool only_marked; /* NAME alone stays as it is, only @NAME@ is replaced */
};

void definitions_fini(struct definitions *definitions);
/* Takes the names of a mapping, or of a list of mappings. Names given twice are errors. */
void definitions_read(
    struct loader *loader, struct definitions *definitions, const struct option_node *value);
/* All of one option's entries. */
void definitions_read_entries(struct loader *loader, struct definitions *definitions,
    const struct entries *entries, const char *option);
void definitions_put(
    struct loader *loader, struct definitions *definitions, const char *name, struct str text);
/* True when something in the node is a name that stands for something. */
bool definitions_concern(const struct definitions *definitions, const struct option_node *node);
/* The node itself when nothing in it is replaced; else a copy. Never NULL. */
const struct option_node *definitions_expand(
    struct loader *loader, const struct definitions *definitions, const struct option_node *node);
