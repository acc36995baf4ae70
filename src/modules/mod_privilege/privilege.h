/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of mod_privilege share. */
#pragma once

#include "stanzad/module.h"

#define NS_PRIVILEGE "urn:xmpp:privilege:2"
/* What the version before it was called, in which older components speak; all but IQs are the same in it. */
#define NS_PRIVILEGE_OLD "urn:xmpp:privilege:1"

/* --- on_behalf.c: requests and messages in the name of users --- */
enum hook_verdict behalf_on_inbound(struct module_instance *instance, struct hook_user_inbound *event);
enum iq_verdict behalf_on_iq(struct iq *iq);
/* For a message to the host itself. */
enum hook_verdict behalf_on_message(struct module_instance *instance, struct hook_filter *event);
enum hook_verdict behalf_on_roster_changed(
    struct module_instance *instance, struct hook_roster_changed *event);

/* --- presence.c: the module's state is what it has seen --- */
struct presences *presences_new(void);
void presences_free(struct presences **presences);
enum hook_verdict presences_on_out(struct module_instance *instance, struct hook_presence_out *event);
enum hook_verdict presences_on_closed(struct module_instance *instance, struct hook_session_closed *event);
/* Available or unavailable presence for the bare JID of a user of the instance's host. Any worker. */
void presences_arrived(
    struct module_instance *instance, const struct jid *from, const struct jid *to, struct stanza *stanza);
/* To a component that has just come: all that it would have been told (8, rule 1). */
void presences_tell_all(struct module_instance *instance, struct str domain);
