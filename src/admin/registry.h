/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry of commands (stanzad/command.h), for front ends: finding, describing, checking arguments,
 * running. Any thread. What was found may go with the module that brought it; what is held stays valid, also when
 * it leaves the registry.
 */
#pragma once

#include "stanzad/command.h"

/* A name with dashes is the same as with underscores. NULL when there is none. */
const struct command *command_find(struct str name);
/* The same, to run it: until command_release its module is not unloaded. */
const struct command *command_hold(struct str name);
void command_release(const struct command *command);
/* The name that was probably meant; NULL when none is near. */
const char *command_nearest(struct str name);
/* All commands, ordered by name: calls each with the registry locked for reading. */
void commands_each(void (*each)(void *arg, const struct command *command), void *arg);
/* {"name","tag","doc","result","columns":[...],"arguments":[{"name","type","doc","default"}]}; the caller
 * owns it. */
json_t *command_describe(const struct command *command);
/* "rescode", "restuple", "value", "list", "table", "object". */
const char *command_result_text(enum command_result_kind kind);

/*
 * Makes call->arguments from what a client gave: an object by name, an array by position, or NULL. A string
 * stands for an integer when it is one, and for a list when it is comma-separated. < 0 with words that say
 * what is wrong and how the command is used; the call then holds no arguments.
 */
int command_check(
    const struct command *command, const json_t *given, struct command_call *call, struct err *err);
void command_call_fini(struct command_call *call);
/* "register USER HOST PASSWORD" */
void command_usage(const struct command *command, struct strbuf *out);
