/* SPDX-License-Identifier: Apache-2.0 */
/* Writing privacy lists behind, and taking back what could not be written. On the user's home worker. */
#pragma once

#include "modules/mod_privacy/lists.h"
#include "modules/mod_privacy/rows.h"

/* Writes what the edit has made of the lists in memory; saved may be NULL. */
void privacy_save(struct user *user, const struct privacy_edit *edit, privacy_saved *saved, void *arg);
/* What was read, in place of what is in memory; sessions keep the lists that are still there active. */
void privacy_lists_fill(struct user *user, const struct privacy_rows *rows);
