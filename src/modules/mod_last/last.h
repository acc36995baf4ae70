/* SPDX-License-Identifier: Apache-2.0 */
/* Last activity (XEP-0012), the parts of the module. */
#pragma once

#include "stanzad/module.h"

#define LAST_STATUS_MAX 1024 /* bytes of a status text that are kept */

extern const struct command last_commands[];

struct last_entry {
	int64_t seconds;   /* since 1970 */
	struct str status; /* in the arena */
};
/* Inside an operation: 1 when there is one, 0 when not. */
int last_read(
    struct db *db, const struct jid *user, struct arena *arena, struct last_entry *entry_r, struct err *err);
int last_write(struct db *db, const struct jid *user, const struct last_entry *entry, struct err *err);
int last_delete(struct db *db, struct str host, struct str user, struct err *err);
