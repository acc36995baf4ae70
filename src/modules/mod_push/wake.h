/* SPDX-License-Identifier: Apache-2.0 */
/* What mod_push does for those who keep sessions of phones waiting. On the user's home worker. */
#pragma once

#include <stdbool.h>

struct session;
struct user;

/* It registered a service, and the registration is still there. */
bool push_is_enabled(const struct session *session);
/* Tells the services of the session, or of all that is registered for the user and has no connected client, to
 * wake the client. */
void push_wake_session(struct session *session);
void push_wake_user(struct user *user);
/* fn is called when a notification is about to be sent for a session that waits for its client; NULL: nobody. On
 * worker 0. */
void push_set_watcher(void (*fn)(struct session *session));
