/* SPDX-License-Identifier: Apache-2.0 */
/* What the module's own files ask about a user's roster; others: stanzad/roster.h. On the user's home worker. */
#pragma once

#include "stanzad/roster.h"
#include "stanzad/user.h"

/* NULL when the roster holds nothing of the contact. Valid until it may change: for the calling function. */
const struct roster_item *roster_find(const struct user *user, struct str contact_bare);
