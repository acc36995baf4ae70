/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of commands share. On threads of commands. */
#pragma once

#include "admin/server_control.h"
#include "stanzad/command.h"

extern const struct command accounts_commands[];
extern const struct command sessions_commands[];
extern const struct command server_commands[];
extern const struct command stanza_commands[];
extern const struct command explain_commands[];
extern const struct command components_commands[];
extern const struct command hooks_commands[];
extern const struct command metrics_commands[];
extern const struct command modules_commands[];
extern const struct command s2s_commands[];

/* What server_control_set was given, for the commands about modules. */
void modules_control_set(const struct server_control *control);

/* Runs fn(arg) on worker 0 and waits for it. */
void command_on_main(void (*fn)(void *arg), void *arg);
