/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Client state indication, XEP-0352: what may wait while nobody looks at a device. On the home worker of the user.
 */
#pragma once

#include "stanzad/list.h"
#include "stanzad/module.h"

#define NS_CSI "urn:xmpp:csi:0"

/* What is held for one session at most; one stanza more, and everything goes out. */
#define CLIENT_STATE_STANZAS 100
#define CLIENT_STATE_BYTES (256u * 1024)

enum { CLIENT_STATE_METRIC_HELD, CLIENT_STATE_METRIC_FOLDED };

extern const struct module mod_client_state;

/* Of a session whose client is inactive; others have none. */
struct client_state {
	struct list held; /* of struct held_stanza, oldest first */
	unsigned count;
	size_t bytes;
	bool flushing;
};

/* NULL: the client is active. */
struct client_state *client_state_of(const struct session *session);

/*
 * Whether a stanza can wait until the client is active, or until something comes that cannot; then key_r says what
 * it is about: of two with the same key only the later one is of interest. What can wait is, as the options say,
 * presence that tells of availability, chat states, and notifications of personal eventing (XEP-0163); never a
 * message with a body.
 */
bool client_state_can_wait(
    struct module_instance *instance, const struct hook_stanza *event, struct strbuf *key_r);

/* Keeps the stanza, in place of one with that key, until the flush. false: there is no room. */
bool client_state_hold(struct module_instance *instance, struct client_state *state,
    const struct hook_stanza *event, struct str key);
/* Delivers what is held, each with a stamp, in the order in which it came. false: that has ended the session. */
bool client_state_flush(struct session *session);
/* Frees it with what is held. */
void client_state_free(struct client_state **state);
