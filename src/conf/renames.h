/* SPDX-License-Identifier: Apache-2.0 */
/* Names and words of older ejabberd versions, and what they are called now. */
#pragma once

#include "conf/node.h"
#include "conf/registry.h"

enum rename_kind {
	RENAME_TO,   /* the same option under a new name */
	RENAME_JOIN, /* its value joins a list option */
	RENAME_DROP, /* without meaning today; to explains, or is empty */
	RENAME_REFUSE, /* what it protected would be open without it: an error; to says what to write */
};

struct rename {
	const char *from;
	enum rename_kind kind;
	const char *to;
};

/* NULL when the name is not an old one. */
const struct rename *rename_toplevel(struct str name);
const struct rename *rename_listener_option(struct str name);
const struct rename *rename_module(struct str name);
const struct rename *rename_module_option(struct str name);
/* Today's word for an old one as the value of an option; NULL. *old_r says whether to warn. */
const char *rename_word(const char *option, struct str word, bool *old_r);
/*
 * A mapping of options whose old names are replaced or left out, with warnings. Names that one of the tables
 * has (the list ends with NULL) are never old. The mapping itself when there are none.
 */
const struct option_node *rename_options(struct loader *loader, const char *owner,
    const struct option_node *map, const struct option *const *tables,
    const struct rename *(*find)(struct str));
/* Warns of an old name. */
void rename_warn(
    struct loader *loader, const char *what, const struct option_node *key, const struct rename *rename);
/* A scalar with another text at the same place, for a new key. */
const struct option_node *rename_key(struct loader *loader, const struct option_node *key, const char *to);
