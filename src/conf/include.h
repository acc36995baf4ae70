/* SPDX-License-Identifier: Apache-2.0 */
/* Files: reading them within bounds, and include_config_file. */
#pragma once

#include "conf/node.h"

/* One top-level option as it was written. */
struct entry {
	const struct option_node
	    *value; /* its key is the name; the value has macros replaced after macro_replace */
	struct str name;
	struct entry *next;
};

/* All top-level options of the main file and what it includes, in order. */
struct entries {
	struct entry *first, *last;
};

void entries_add(
    struct loader *loader, struct entries *entries, struct str name, const struct option_node *value);
struct entry *entries_find(const struct entries *entries, const char *name);
/*
 * Takes the options of a file's root and, in their place, those of the files that it includes. An option
 * given twice is an error, except those whose parts are joined (definitions, host_config,
 * append_host_config).
 */
void include_collect(struct loader *loader, const struct option_node *root, struct entries *entries);
/* The bytes of a regular file of at most LOADER_FILE_MAX; < 0 with the reason. free(text_r->ptr). */
int include_read_file(const char *path, struct str *text_r, struct err *err);
/* A path beside a file; absolute paths stay as they are. In the snapshot's arena. */
const char *include_path_beside(struct loader *loader, const char *directory, struct str path);
