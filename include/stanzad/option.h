/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options as data. Every option of the server, of a listener and of a module is one row of a table: the
 * loader, the checker, the manual pages and --check all read the same rows.
 */
#pragma once

#include "stanzad/err.h"
#include "stanzad/str.h"

enum option_type {
	OPTION_BOOL,     /* true, false, on, off, yes, no */
	OPTION_INT,      /* min..max; "infinity" or "unlimited" allowed with OPTION_INFINITY */
	OPTION_DURATION, /* milliseconds: "10 minutes", "5 s", bare number = seconds; infinity with
			    OPTION_INFINITY */
	OPTION_STRING,
	OPTION_STRINGS, /* one string or a list of them */
	OPTION_ENUM,    /* one of .values */
	OPTION_ENUMS,   /* one or a list of .values */
	OPTION_PATH,    /* a string; relative names are looked up beside the configuration file */
	OPTION_PATHS,
	OPTION_JID,
	OPTION_JIDS,
	OPTION_DOMAIN,
	OPTION_DOMAINS,
	OPTION_IP,     /* an address or a network, host bits allowed */
	OPTION_ACCESS, /* name of an access rule, or a rule written in place */
	OPTION_SHAPER, /* name of a shaper rule or shaper, or a rate in bytes/s, or none */
	OPTION_MAP,    /* any mapping, kept as a node: the owner reads it with option_node_* */
	OPTION_ANY,    /* any node */
};

#define OPTION_INFINITE INT64_MAX

enum option_flag {
	OPTION_INFINITY = 1, /* infinity is a value */
	OPTION_LATER = 2,    /* known and checked, but nothing reads it yet: --check says so */
	OPTION_GLOBAL = 4,   /* not inside host_config */
	OPTION_IGNORED = 8,  /* accepted for compatibility, has no meaning here; --check says so */
	OPTION_RESTART = 16, /* a new value counts only after a restart: reload says so */
};

struct option {
	const char *name; /* NULL ends a table */
	enum option_type type;
	const char *def;    /* as it would be written in YAML; NULL: no default, the value is absent */
	const char *doc;    /* Markdown, one or more sentences */
	const char *values; /* OPTION_ENUM(S): "none|plain|scram" */
	int64_t min, max;   /* OPTION_INT, OPTION_DURATION (ms); both 0: no bound but >= 0 */
	unsigned flags;
};

/* A node of the configuration file after macros and includes: what OPTION_MAP and OPTION_ANY values are. */
struct option_node {
	enum { OPTION_NODE_SCALAR, OPTION_NODE_LIST, OPTION_NODE_MAP } kind;
	bool quoted; /* a scalar that was written in quotes */
	const char *file;
	unsigned line, column; /* from 1 */
	struct str scalar;
	const struct option_node *key;   /* in a map: the key of this value */
	const struct option_node *items; /* first item or value */
	const struct option_node *next;  /* its next sibling */
};

/* The value under a key of a map; NULL. */
const struct option_node *option_node_get(const struct option_node *map, const char *key);

struct access;

/* An option's value, typed by its row. Lives as long as the configuration snapshot. */
struct option_value {
	const struct option *option;
	bool present; /* false: absent, no default */
	bool given;   /* written by the administrator, not the default */
	bool boolean;
	int64_t integer; /* int, duration in ms, index into values of an enum, OPTION_INFINITE; -1 for shaper
			    none */
	struct str
	    string; /* also the word of an enum; the name of an access rule or shaper, empty when in place */
	const struct str *strings; /* lists */
	size_t string_count;
	const struct access *access;
	const struct option_node *node;
};
