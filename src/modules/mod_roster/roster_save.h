/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A user's roster and its changes: first in memory, then in the database. A change that cannot be written is
 * undone: the roster is read again and clients are told. On the user's home worker.
 */
#pragma once

#include "modules/mod_roster/roster_data.h"
#include "stanzad/stanza.h"

extern const struct module mod_roster;

/* NULL: it is empty, or the host has no mod_roster. */
struct roster *roster_of(const struct user *user);
/* The same, made when it is not there. */
struct roster *roster_make(struct user *user);
/* The instance on the user's host; NULL when it was stopped. */
struct module_instance *roster_instance(const struct user *user);

/*
 * A change that somebody wants, before it is made: hook roster_item, which may change the draft (text goes into
 * arena). < 0 with the error when a module refuses it.
 */
int roster_check(struct user *user, struct roster_item *draft, struct arena *arena, struct stanza_error *error_r);
/*
 * Puts draft in, or with subscription ROSTER_REMOVE takes the item of its JID out. saved (may be NULL) is
 * called once, later: result 0 when it is durable, < 0 when it could not be written. false: there is nothing
 * to write (the user has no account), saved is not called.
 */
bool roster_save(
    struct user *user, const struct roster_item *draft, void (*saved)(void *arg, int result), void *arg);

/* The present version; false when the host has no versioning. */
bool roster_version(struct user *user, char version_r[ROSTER_VERSION_LEN + 1]);
