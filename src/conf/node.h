/* SPDX-License-Identifier: Apache-2.0 */
/* Trees of option_node: walking, copying and joining them. Nodes live in the snapshot's arena. */
#pragma once

#include "conf/loader.h"

/* Collects children in order. Start zeroed. */
struct node_list {
	struct option_node *first, *last;
};

void node_list_add(struct node_list *list, struct option_node *node);
/* A copy of one node whose children are shared; key and next are empty. NULL when there are too many. */
struct option_node *node_copy(struct loader *loader, const struct option_node *node);
/* A copy with all below it. */
struct option_node *node_copy_deep(struct loader *loader, const struct option_node *node);
/* A plain scalar at the place of another node. */
struct option_node *node_scalar(struct loader *loader, const struct option_node *at, struct str text);
/* A list at the place of another node, with a copy of one item or empty (NULL). Never NULL. */
const struct option_node *node_list(
    struct loader *loader, const struct option_node *item, const struct option_node *at);
/* True for a plain empty scalar: "key:" with nothing behind it. */
bool node_is_null(const struct option_node *node);
/*
 * A mapping, or what may stand for one: a list of mappings, an empty list, nothing. NULL when it is something
 * else, which is reported as "WHAT: expected a mapping".
 */
const struct option_node *node_as_map(
    struct loader *loader, const struct option_node *node, const char *what);
bool node_same(const struct option_node *a, const struct option_node *b);
/* Reports keys that come twice; what names the things in the message ("option", "module"). */
void node_check_unique(struct loader *loader, const struct option_node *map, const char *what);
/*
 * append_host_config: two values of one option joined. Mappings are joined key by key, for rules (acl,
 * access_rules, shaper_rules) the values below a name become one list; lists follow each other; else the
 * second replaces.
 */
const struct option_node *node_append(
    struct loader *loader, const struct option_node *base, const struct option_node *more, bool rules);
