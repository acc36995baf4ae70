/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials that a TURN server checks without asking anybody: the name says until when it counts, and the
 * password is a keyed hash of the name. draft-uberti-behave-turn-rest.
 */
#pragma once

#include "stanzad/str.h"

struct turn_credentials {
	char username[64]; /* "1700000000:4f2a..." */
	char password[64];
};

/*
 * expires: seconds since 1970. The part behind the colon is the same for the same bare JID and secret, so
 * that a TURN server can count what one user allocates, and does not tell who that is. Cleanse what is
 * returned when it is done with.
 */
void turn_credentials_make(
    struct str secret, struct str bare, int64_t expires, struct turn_credentials *credentials_r);
