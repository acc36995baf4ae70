/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of commands share. On threads of commands. */
#pragma once

#include "admin/server_control.h"
#include "stanzad/command.h"
#include "stanzad/jid.h"

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

/* What server_control_set was given, for the commands about modules. */
void modules_control_set(const struct server_control *control);

/* Runs fn(arg) on worker 0 and waits for it. */
void command_on_main(void (*fn)(void *arg), void *arg);

/* The served hosts, an array of strings. */
json_t *command_hosts(void);
