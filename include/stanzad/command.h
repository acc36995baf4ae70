/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Administration commands: data, one registry, every front end (stanzactl, later HTTP) reads it. Names,
 * arguments and results follow ejabberd's API where it has the command.
 */
#pragma once

#include <jansson.h>

#include "stanzad/err.h"
#include "stanzad/jid.h"
#include "stanzad/str.h"

struct user;

enum command_type {
	COMMAND_STRING,
	COMMAND_INTEGER,
	COMMAND_STRINGS,
	COMMAND_TUPLES, /* a list of objects with the strings that .fields names; as text "a:b,a:b" */
};

struct command_argument {
	const char *name; /* NULL ends the list */
	enum command_type type;
	const char *doc;
	const char *def; /* NULL: required */
	const char *const *fields; /* COMMAND_TUPLES: NULL-terminated, in the order of the text */
};

/* How a result is shown and what JSON it is; ejabberd's result kinds. */
enum command_result_kind {
	COMMAND_RESCODE,  /* ok or an error: nothing else to say */
	COMMAND_RESTUPLE, /* ok or an error, and a sentence */
	COMMAND_VALUE,    /* one string or integer */
	COMMAND_LIST,     /* array of strings */
	COMMAND_TABLE,    /* array of objects with the fields in .columns */
	COMMAND_OBJECT,   /* one object with the fields in .columns */
};

enum command_outcome {
	COMMAND_OK,
	COMMAND_FAILED = 1,    /* exit code 1; the text says why */
	COMMAND_CONFLICT = 2,  /* it is there already (register) */
	COMMAND_NOT_FOUND = 3, /* no such user, host, session */
	COMMAND_USAGE = 4,     /* arguments are wrong */
};

struct command_call {
	json_t *arguments;  /* object, checked against the table, defaults filled in */
	json_t *result;     /* set by run: owned by the call */
	struct strbuf text; /* the sentence of COMMAND_RESTUPLE, or why it failed */
};

struct command {
	const char *name;                         /* underscores; NULL ends a table */
	const char *tag;                          /* ejabberd's: "accounts", "session", ... */
	const char *doc;                          /* one sentence */
	const struct command_argument *arguments; /* may be NULL */
	enum command_result_kind result;
	const char *const *columns; /* COMMAND_TABLE, COMMAND_OBJECT: NULL-terminated, in order */
	/* On an executor thread: may block (store_call, auth_*, command_on_worker). */
	enum command_outcome (*run)(struct command_call *call);
};

/* An argument of the call, by its name in the table. */
struct str command_string(const struct command_call *call, const char *argument);
int64_t command_integer(const struct command_call *call, const char *argument);
/* COMMAND_STRINGS, COMMAND_TUPLES: an array. */
const json_t *command_list(const struct command_call *call, const char *argument);
/* Sets the text and returns outcome. */
enum command_outcome command_say(struct command_call *call, enum command_outcome outcome, const char *format,
    ...) __attribute__((format(printf, 3, 4)));
/* The account that 'user' and 'host' name, prepared. */
struct command_account {
	struct jid jid;
	struct arena arena;
};
/* COMMAND_OK, or the text says what is wrong: COMMAND_USAGE when it is no name, COMMAND_NOT_FOUND when the
 * host is not served. Fini in any case. */
enum command_outcome command_account(struct command_call *call, struct command_account *account_r);
/* The same, and the account is there. */
enum command_outcome command_existing_account(struct command_call *call, struct command_account *account_r);
void command_account_fini(struct command_account *account);
/* An argument that is a served host; *host_r lives in arena or in the call. */
enum command_outcome command_host(
    struct command_call *call, const char *argument, struct arena *arena, struct str *host_r);

/* The served hosts, an array of strings; the caller's. */
json_t *command_hosts(void);
/* Runs fn(arg) on the home worker of a bare JID, or on every worker, and waits for it. */
void command_on_home(struct str bare, void (*fn)(void *arg), void *arg);
void command_on_workers(void (*fn)(void *arg), void *arg);
/* Loads the user and runs fn on their worker; user NULL when storage failed. Waits. */
void command_on_user(struct str bare, void (*fn)(void *arg, struct user *user), void *arg);
/* Puts commands into the registry, takes them out again. Worker 0 or before the start. < 0: a name is taken.
 */
int command_register(const struct command *commands, struct err *err);
void command_unregister(const struct command *commands);
/* One of them is being run, or waits to be. Any thread. */
bool command_is_running(const struct command *commands);
