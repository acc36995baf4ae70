/* SPDX-License-Identifier: Apache-2.0 */
/* What other modules of this tree, too, ask about a user's roster; the rest: stanzad/roster.h. On the user's
 * home worker. All of it is empty where mod_roster does not run. */
#pragma once

#include "stanzad/roster.h"
#include "stanzad/user.h"

/* NULL when the roster holds nothing of the contact. Valid until it may change: for the calling function. */
const struct roster_item *roster_find(const struct user *user, struct str contact_bare);

/* Calls each(arg, item) for every contact that the user sees in the roster, those of other modules among
 * them. What is lent lives for the call; the roster may change meanwhile. */
void roster_each(struct user *user,
    void (*each)(void *arg, const struct jid *contact, const struct roster_item *item), void *arg);
/* Whether a contact is in that group. */
bool roster_has_group(struct user *user, struct str group);
/* Calls each(arg, to) for every address outside the broadcasts that the session told that it is available
 * (RFC 6121 4.6). Must not send presence. */
void roster_each_directed(
    const struct session *session, void (*each)(void *arg, const struct jid *to), void *arg);
