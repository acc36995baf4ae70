/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML text to a tree of option_node with marks. libyaml does the reading; this side bounds depth and number
 * of nodes, copies what an alias names (so that a small file cannot grow without end) and refuses NUL
 * characters.
 */
#pragma once

#include "conf/node.h"

/* The tree, or NULL after a problem was reported. An empty document gives an empty mapping. file must outlive
 * the snapshot; text need not. */
struct option_node *yaml_parse(struct loader *loader, struct str text, const char *file);
