/* SPDX-License-Identifier: Apache-2.0 */
/* Subscriptions at work: what subscription.h says is stored, pushed and routed. On the user's home worker. */
#pragma once

#include "modules/mod_roster/roster_data.h"
#include "stanzad/module.h"

enum hook_verdict subscription_on_out(struct module_instance *instance, struct hook_subscription_out *event);
enum hook_verdict subscription_on_in(struct module_instance *instance, struct hook_subscription_in *event);

/* Delivers the requests that wait for an answer to a resource that has become available (RFC 6121 3.1.3). */
void subscription_requests_deliver(struct session *session);
/* Takes a contact out of the roster; both subscriptions end and the contact is told (2.5.2). saved as in
 * roster_save. */
bool subscription_forget(
    struct user *user, const struct roster_item *item, void (*saved)(void *arg, int result), void *arg);
/* The account is gone: tells every contact and empties the roster in memory. */
void subscription_end_all(struct user *user);
/* access: whether the user may change the roster. */
bool subscription_allowed(struct module_instance *instance, const struct user *user);
