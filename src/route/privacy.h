/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking hook privacy_check (RFC 3921 10, XEP-0016, XEP-0191). On the home worker of the user.
 *
 * Nothing is asked about what a user's own resources send each other (XEP-0191 7) and what goes to or comes
 * from the user's own server.
 */
#pragma once

#include "stanzad/module.h"

/* event: from, to, stanza, user, session and direction; HOOK_PASS: it may go. Its stanza stays. */
enum hook_verdict privacy_check(struct hook_stanza *event);
/* The same for what comes in, and what is refused bounces or ends here: false. session NULL: it is for the
 * user as a whole. */
bool privacy_lets_in(struct user *user, struct session *session, const struct jid *from, const struct jid *to,
    struct stanza *stanza);
