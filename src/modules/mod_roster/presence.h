/* SPDX-License-Identifier: Apache-2.0 */
/* Presence: RFC 6121 4. On the user's home worker. */
#pragma once

#include "stanzad/module.h"

/* An empty presence stanza of a type. Unref it. */
struct stanza *presence_make(enum stanza_type type);
/* The user's available resources, one by one, to an address: their presence, or that they are unavailable. */
void presence_of_all(struct user *user, const struct jid *to, bool available);

enum hook_verdict presence_on_out(struct module_instance *instance, struct hook_presence_out *event);
enum hook_verdict presence_on_directed(
    struct module_instance *instance, struct hook_presence_directed *event);
enum hook_verdict presence_on_in(struct module_instance *instance, struct hook_presence_in *event);
/* Whom a session told that it is there: for a restart of the server. */
enum hook_verdict presence_on_save(struct module_instance *instance, struct hook_session_save *event);
enum hook_verdict presence_on_restore(struct module_instance *instance, struct hook_session_restore *event);
enum hook_verdict presence_on_closed(struct module_instance *instance, struct hook_session *event);
