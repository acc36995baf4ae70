/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message carbons, XEP-0280: every device of a user sees both sides of every conversation. Everything here runs on
 * the home worker of the user that it is called for.
 */
#pragma once

#include <limits.h>

#include "stanzad/module.h"

#define NS_CARBONS "urn:xmpp:carbons:2"
#define NS_CARBONS_RULES "urn:xmpp:carbons:rules:0"
#define NS_IM_ROUTING "urn:xmpp:im-ng:0"

extern const struct module mod_carboncopy;

enum carbon_direction { CARBON_SENT, CARBON_RECEIVED };

/* --- sessions ------------------------------------------------------------------------------------------- */

/* What a session gets beside the messages that are delivered to it. */
enum carbon_mode {
	CARBON_OFF,
	CARBON_COPIES, /* forwarded copies: XEP-0280 */
	CARBON_ALL,    /* the messages themselves: XEP-0409 */
};

enum carbon_mode carbon_mode(const struct session *session);
/* Since when, clock_mono_ms; 0 for a session of before a restart. */
uint64_t carbon_since(const struct session *session);
void carbon_set_mode(struct session *session, enum carbon_mode mode);
/* Whether the user has another session than this one (NULL: any) in that mode. Costs next to nothing for a user
 * with one session. */
bool carbon_has_other(const struct user *user, const struct session *session, enum carbon_mode mode);

/* --- what is copied: XEP-0280 6.1 ----------------------------------------------------------------------- */

/*
 * Whether a message is for all devices of the user who sends or receives it. Of errors those are, that answer one of
 * the latest messages that were copied. XEP-0334: no-copy.
 */
bool carbon_is_eligible(struct user *user, const struct jid *from, const struct jid *to,
    const struct stanza *message, enum carbon_direction direction);
/* It was copied: an error that answers it will be, too. */
void carbon_remember(struct user *user, const struct jid *peer, const struct stanza *message);
/* Frees what carbon_remember has. */
void carbon_forget(struct user *user);
/* It has <sent/> or <received/> in it: one of our copies, or something that is made to look like one. */
bool carbon_is_copy(const struct stanza *message);

/* --- copies --------------------------------------------------------------------------------------------- */

#define CARBON_NOBODY INT_MAX

/* A message, and who has it already. */
struct carbon {
	struct user *user;
	const struct jid *from, *to;
	struct stanza *message;
	enum carbon_direction direction;
	const struct session *sender; /* NULL: it is not one of the user's */
	const struct session *addressed; /* NULL: none */
	int priority; /* available sessions of at least that got it; CARBON_NOBODY */
};

/* Hands a forwarded copy, made once, to every session in mode CARBON_COPIES that has not got the message, and whose
 * lists let it in. */
void carbon_copy(const struct carbon *carbon);

/* XEP-0409 3.3: what a session sends goes to all sessions in mode CARBON_ALL, itself included. */
void carbon_reflect(struct hook_stanza *event);

/* Of hooks: copies of what is sent, and of what was delivered; and what keeps copies from going astray. */
enum hook_verdict carbon_on_send(struct module_instance *instance, struct hook_stanza *event);
enum hook_verdict carbon_on_delivered(struct module_instance *instance, struct hook_message_delivered *event);
enum hook_verdict carbon_on_undelivered(
    struct module_instance *instance, struct hook_message_undelivered *event);
enum hook_verdict carbon_on_receive(struct module_instance *instance, struct hook_stanza *event);
enum hook_verdict carbon_on_offline(struct module_instance *instance, struct hook_stanza *event);
