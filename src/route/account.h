/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making, changing and removing accounts with everything that belongs to them: what commands and in-band registration
 * (XEP-0077) share. Blocking: on executor threads and on those of commands. host is a served domain, user a
 * prepared local part.
 */
#pragma once

#include "auth/auth.h"

/* Hook register_check, auth_register, then hook user_registered. AUTH_NOT_ALLOWED, too, when a module does not
 * want the account; err is what it says, in words for whoever wants it. */
enum auth_outcome account_register(struct str host, struct str user, struct str password, struct err *err);
/* auth_set_password, then hook password_changed. */
enum auth_outcome account_set_password(struct str host, struct str user, struct str password, struct err *err);

/*
 * Ends the user's sessions (not-authorized, XEP-0077 3.2), removes what modules keep of the user (hook
 * user_removed, one transaction), then the account, and runs hook user_gone. When anything fails before the
 * account itself is removed, it stays, and the removal can be asked for again.
 */
enum auth_outcome account_remove(struct str host, struct str user, struct err *err);
/* The same, asked for by one of the user's own sessions: that one is ended a second later, behind the answer
 * to its request. full: its JID. password: what the account's must be, else AUTH_DENIED and nothing is
 * removed; NULL: it is not asked for. */
enum auth_outcome account_remove_own(const struct jid *full, struct str password, struct err *err);
/* Forgets what is due of the calling worker: for workers_visit, after the loops ended. */
void accounts_fini(void *unused);
