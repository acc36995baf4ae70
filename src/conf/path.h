/* SPDX-License-Identifier: Apache-2.0 */
/* Paths of the configuration: relative to the main file, wildcards, files that must be there. */
#pragma once

#include "conf/node.h"

/* Files that are read at the start: certificates, CA lists, DH parameters. A missing one is a mistake of the
 * file. */
bool path_must_exist(const char *option);
/* The absolute or file-relative form of what was written; false after a missing file was reported. */
bool path_check(
    struct loader *loader, const char *option, const struct option_node *node, struct str *path_r);
/* All files that a pattern with wildcards names, added to strings (a growing heap array of count). A pattern
 * that names none is a warning. */
void path_glob(struct loader *loader, const char *option, const struct option_node *node,
    struct str **strings, size_t *count);
bool path_has_wildcards(struct str path);
