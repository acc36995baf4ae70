/* SPDX-License-Identifier: Apache-2.0 */
/* Strangers under a CAPTCHA: the option captcha. On the home worker of the user who is protected. */
#pragma once

#include "stanzad/module.h"

#define STRANGERS_MAX 20       /* under a challenge at once, for one user */
#define STRANGERS_HELD_MAX 10 /* stanzas of one of them */
#define STRANGERS_HELD_BYTES 65536 /* in all of these */
#define STRANGERS_PASSED_MAX 20000 /* who passed, in all; the one that is longest ago is challenged again */

extern const struct module mod_block_strangers;

/* Whether from has passed a challenge for this user. */
bool strangers_passed(const struct user *user, const struct jid *from);
/*
 * Keeps the event's stanza until its sender has answered a challenge, which is made unless there is one. Then it is
 * routed once more, and so is what came behind it; otherwise all of it comes back, as it does when the module or the
 * user leaves. It is in memory only: who is challenged knows that nothing has arrived yet. The verdict is for the hook.
 */
enum hook_verdict strangers_hold(struct module_instance *instance, struct hook_stanza *event);
/* The server stops: from now on nothing is held. Any thread, as is its end in .start. */
void strangers_stopping(bool stopping);
/* In user_unload and user_gone: what is held comes back, unless the server stops. */
void strangers_forget(struct user *user);
/* In .stop. */
void strangers_fini(void);
