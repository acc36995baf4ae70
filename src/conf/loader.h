/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the stages of a load share: the arena of the snapshot in the making, the report, and the bounds that
 * keep a hostile or broken file from costing more than its size deserves. One thread, from conf_load to its
 * return.
 */
#pragma once

#include "base/map.h"
#include "conf/conf.h"

enum {
	LOADER_FILE_MAX = 4 * 1024 * 1024, /* bytes of one file */
	LOADER_DEPTH_MAX = 64,             /* nested lists and mappings */
	LOADER_INCLUDE_MAX = 8,            /* files that include each other */
	LOADER_FILES_MAX = 256,            /* files in all */
	LOADER_NODES_MAX = 500000,         /* nodes in all, copies by aliases and macros counted */
	LOADER_STRING_MAX = 64 * 1024,     /* bytes of a string after keywords */
	LOADER_PROBLEMS_MAX = 1000,        /* reported; the rest is counted */
};

struct loader {
	struct conf *conf;
	struct arena *arena; /* the snapshot's */
	struct conf_report *report;
	const char *directory;               /* of the main file; relative names start here */
	struct map seen;                     /* problems already reported, by their text and place */
	const char *files[LOADER_FILES_MAX]; /* in the order in which they were opened */
	unsigned file_count;
	size_t nodes;
	bool exhausted; /* LOADER_NODES_MAX was reached and said so */
};

/* A node in the snapshot's arena, zeroed; NULL when there are too many, which is reported at near. */
struct option_node *loader_node(struct loader *loader, const struct option_node *near);

/* Reports a problem at a node (NULL: in the main file as a whole). Each place and text is reported once. */
void problem_error(struct loader *loader, const struct option_node *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void problem_warning(struct loader *loader, const struct option_node *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void problem_later(struct loader *loader, const struct option_node *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with a place that has no node. */
void problem_add(struct loader *loader, enum conf_severity severity, const char *file, unsigned line,
    unsigned column, const char *text);
/* What the administrator wrote, fit for a one-line message: control characters replaced, long text cut. */
const char *problem_quote(struct loader *loader, struct str s);
/* The scalar of a node quoted, or "a list", "a mapping". */
const char *problem_got(struct loader *loader, const struct option_node *node);
/* Puts the problems in the order of files, lines and columns. */
void problem_sort(struct loader *loader);
