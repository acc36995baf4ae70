/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The block list of a user (XEP-0191): a view of the default privacy list, kept by mod_privacy. On the user's
 * home worker.
 */
#pragma once

#include "stanzad/user.h"

/* Called once, perhaps before the call that changes something has returned. user NULL: not in memory any
 * more. result < 0: it could not be stored, and counts no more. */
typedef void privacy_saved(void *arg, struct user *user, int result);

enum { PRIVACY_FULL = 1 };

/* The blocked addresses one by one; *position is 0 at first; NULL at the end. Lent until the lists change. */
const struct jid *privacy_next_blocked(const struct user *user, uint32_t *position);
/*
 * Both count at once, tell contacts what they have to know (XEP-0191 3.3, 3.4), and call saved when it is
 * durable. What is blocked already, or not blocked, is left out. PRIVACY_FULL: there would be too many;
 * nothing has changed and saved is not called.
 */
int privacy_block(struct user *user, const struct jid *jids, size_t count, privacy_saved *saved, void *arg);
/* count 0: all of them. */
int privacy_unblock(struct user *user, const struct jid *jids, size_t count, privacy_saved *saved, void *arg);

/* Is told of addresses that are blocked, or not blocked any more, because a client changed the default list
 * as a privacy list. */
typedef void privacy_blocks_changed(struct user *user, bool blocked, const struct jid *jids, size_t count);
/* Worker 0. NULL: nobody. */
void privacy_watch_blocks(privacy_blocks_changed *changed);
