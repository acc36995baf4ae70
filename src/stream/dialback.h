/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Server dialback: XEP-0220, keys by XEP-0185. What an incoming stream claims is checked with the server that
 * the DNS names for the claimed domain; what we claim is answered from the key alone, without state.
 */
#pragma once

#include <stdbool.h>

#include "stanzad/str.h"

#define DIALBACK_KEY_SIZE 65 /* 64 hexadecimal digits and NUL */

/* The key that proves to 'receiving' that we are 'originating', on the stream with that id. Any thread. */
void dialback_key(char *key, struct str receiving, struct str originating, struct str stream_id);
/* The same with another secret than this server's. */
void dialback_key_with(
    char *key, struct str secret, struct str receiving, struct str originating, struct str stream_id);
/* Whether it is ours; in constant time. */
bool dialback_key_is(struct str key, struct str receiving, struct str originating, struct str stream_id);

enum dialback_outcome {
	DIALBACK_VALID,
	DIALBACK_INVALID,   /* the authoritative server says so */
	DIALBACK_NO_DOMAIN, /* there is none to ask: item-not-found, XEP-0220 2.4 */
	DIALBACK_NO_ANSWER, /* it cannot be reached, or is silent: remote-connection-failed, remote-server-timeout */
};

struct dialback_check;

/*
 * Asks the authoritative server of 'remote' whether it sent this key for the stream with that id to 'local' (a
 * domain of ours): over the stream that is open to it, else over one for this alone. On the calling worker; done
 * is called there once, never from inside the call, and not any more after dialback_check_cancel. text: why, for
 * the log and for the other side. Bounded in time.
 */
struct dialback_check *dialback_check(struct str local, struct str remote, struct str stream_id, struct str key,
    void (*done)(void *arg, enum dialback_outcome outcome, const char *text), void *arg);
/* *check may be NULL. */
void dialback_check_cancel(struct dialback_check **check);
