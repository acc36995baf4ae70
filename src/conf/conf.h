/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration: ejabberd.yml, read into an immutable, reference-counted snapshot. Loading happens on any
 * one thread and may block; reading a snapshot is free of locks for every thread that holds a reference.
 *
 *   file -> YAML events with marks -> includes, macros, keywords -> option tables -> snapshot
 *
 * All problems of a file are reported at once, each with file, line, column, what was expected and, for an
 * unknown name, the nearest known one.
 */
#pragma once

#include <sys/socket.h>

#include "stanzad/jid.h"
#include "stanzad/option.h"

struct conf;

enum conf_severity {
	CONF_ERROR,   /* stops the start, refuses the reload */
	CONF_WARNING, /* accepted, but probably not what was meant */
	CONF_LATER,   /* known, not available yet: the server runs without it */
};

struct conf_problem {
	enum conf_severity severity;
	const char *file;
	unsigned line, column; /* from 1; 0 when the whole file is meant */
	const char *text;
};

struct conf_report {
	struct conf_problem *problems; /* in order of file and line */
	size_t count;
	size_t errors; /* how many of them are CONF_ERROR */
	struct arena arena;
};

void conf_report_fini(struct conf_report *report);
/* Adds "FILE:LINE:COL: error: what is wrong", without a line end. */
void conf_problem_print(const struct conf_problem *problem, struct strbuf *buf);

/* The tables that the file is checked against. Registered by main before the first load, read-only
 * afterwards. */
enum conf_availability { CONF_AVAILABLE, CONF_NOT_YET };
void conf_register_module(
    const char *name, const struct option *options, enum conf_availability availability);
void conf_register_listener(
    const char *module, const struct option *options, enum conf_availability availability);
/*
 * Modules that are not registered. What is looked for is under 'modules' or in a conf_change; what is found
 * counts for the snapshot that is being made.
 */
struct conf_wanted {
	const char *name;
	const struct str *folders; /* modules_path */
	size_t folder_count;
	bool fresh; /* the file as it is now; else what runs from one of the folders goes before the file */
};
struct conf_found {
	const struct option *options; /* copied; may be NULL */
	uint64_t edition;             /* of the code, for conf_module_edition; never 0 */
};
/* 0: found; 1: it is in none of the folders; < 0 with err: it is there and cannot be used. */
typedef int conf_module_finder(
    const struct conf_wanted *wanted, struct conf_found *found_r, struct err *err);
/* Before the first load; without one there are no other modules. */
void conf_set_module_finder(conf_module_finder *finder);
/* Whether a table of options makes sense: types, words, defaults. < 0 with err. */
int conf_check_options(const struct option *options, struct err *err);
extern const struct option conf_toplevel_options[]; /* every top-level option of ejabberd, and ours */

/* Gives a predefined keyword its text: DATABASE_PATH, LOG_PATH, VERSION, SEMVER. Before the first load;
 * copied. HOME, CONFIG_PATH, HOST and HOST_URL_ENCODE are known without. */
void conf_set_keyword(const char *name, const char *text);

/*
 * Reads path. On errors returns < 0 with the report filled and no snapshot; otherwise 0 with *conf_r (one
 * reference), and the report holds warnings. path NULL: the built-in default (localhost, c2s on 5222 and
 * 5223, usual modules).
 */
int conf_load(const char *path, struct conf **conf_r, struct conf_report *report);
/* From memory; name stands for the file in messages. Relative names start at the working directory. */
int conf_load_text(struct str text, const char *name, struct conf **conf_r, struct conf_report *report);
struct conf *conf_ref(struct conf *conf);
void conf_unref(struct conf **conf);

/* The snapshot in force. conf_current returns a borrowed pointer that stays valid until the calling thread
 * returns to its loop (old snapshots are freed only after each worker passed its loop; executor jobs take a
 * reference). */
struct conf *conf_current(void);
/* Makes it the current one, takes over the reference, returns the previous one's. */
struct conf *conf_install(struct conf *conf);

/*
 * Options that count only after a restart and differ between two snapshots. Start with *position = 0; NULL at
 * the end.
 */
const char *conf_next_restart_change(const struct conf *a, const struct conf *b, size_t *position);

/* Virtual hosts, prepared domains, in the order of the file. */
size_t conf_host_count(const struct conf *conf);
struct str conf_host_at(const struct conf *conf, size_t index);
bool conf_is_host(const struct conf *conf, struct str domain);

/*
 * A top-level option for a host (host_config and append_host_config applied), or globally with host STR_NULL.
 * Never NULL; name must be in conf_toplevel_options (asserted).
 */
const struct option_value *conf_get(const struct conf *conf, struct str host, const char *name);
static inline bool conf_bool(const struct conf *conf, struct str host, const char *name)
{
	return conf_get(conf, host, name)->boolean;
}
static inline int64_t conf_int(const struct conf *conf, struct str host, const char *name)
{
	return conf_get(conf, host, name)->integer;
}
static inline struct str conf_str(const struct conf *conf, struct str host, const char *name)
{
	return conf_get(conf, host, name)->string;
}

/* Modules of a host. */
struct conf_module;
size_t conf_module_count(const struct conf *conf, struct str host);
const struct conf_module *conf_module_at(const struct conf *conf, struct str host, size_t index);
const struct conf_module *conf_module_find(const struct conf *conf, struct str host, const char *name);
const char *conf_module_name(const struct conf_module *module);
enum conf_availability conf_module_availability(const struct conf_module *module);
/* Never NULL; the name must be in the module's table (asserted). @HOST@ is replaced. */
const struct option_value *conf_module_get(const struct conf_module *module, const char *name);
/* Same name, code and values: nothing to reload. */
bool conf_module_same(const struct conf_module *a, const struct conf_module *b);
/* Which code a found one is for (conf_found); 0: the registered one. */
uint64_t conf_module_edition(const struct conf_module *module);
/* b was made by a conf_change with restart, and a was not: stop and start, even when they are the same. */
bool conf_module_restarts(const struct conf_module *a, const struct conf_module *b);

/*
 * A snapshot that differs from another one in one module of one host. It shares the rest with the snapshot of
 * the file, and keeps that alive.
 */
struct conf_change {
	struct str host, name;
	struct str options; /* a YAML mapping; ptr NULL: as they are, or else as the file has them */
	bool restart;       /* of what runs with these options already */
};
/* Adds the module or changes it. < 0 with the report filled, as conf_load; options are called OPTIONS there.
 * The name may be a found one, which is looked for afresh. */
int conf_with_module(
    struct conf *base, const struct conf_change *change, struct conf **conf_r, struct conf_report *report);
/* host has the module. */
struct conf *conf_without_module(struct conf *base, struct str host, const char *name);
/* The snapshot as it was loaded; snapshots of one file differ in modules only. */
const struct conf *conf_of_file(const struct conf *conf);

/* Listeners. */
struct conf_listener;
size_t conf_listener_count(const struct conf *conf);
const struct conf_listener *conf_listener_at(const struct conf *conf, size_t index);
const char *conf_listener_module(const struct conf_listener *listener);
enum conf_availability conf_listener_availability(const struct conf_listener *listener);
/* 'port', 'ip', 'transport', 'backlog', 'use_proxy_protocol', ... and the module's own. */
const struct option_value *conf_listener_get(const struct conf_listener *listener, const char *name);
/* "5222 on ::" or "unix:PATH": for messages, and the identity across reloads. */
const char *conf_listener_label(const struct conf_listener *listener);
bool conf_listener_same(const struct conf_listener *a, const struct conf_listener *b);
