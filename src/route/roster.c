/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/roster.h"

#include "route/user_private.h"

const char *roster_subscription_text(enum roster_subscription subscription)
{
	static const char *const words[] = {
	    [ROSTER_NONE] = "none",
	    [ROSTER_TO] = "to",
	    [ROSTER_FROM] = "from",
	    [ROSTER_BOTH] = "both",
	    [ROSTER_REMOVE] = "remove",
	};
	return words[subscription];
}

enum roster_subscription roster_subscription_of(const struct user *user, const struct jid *contact)
{
	struct hook_roster_subscription event = {.user = (struct user *)user, .contact = contact};
	hook_run_roster_subscription(user->host, &event);
	return event.subscription;
}

bool roster_may_see(const struct user *user, const struct jid *contact)
{
	if (jid_bare_eq(contact, &user->jid))
		return true;
	enum roster_subscription subscription = roster_subscription_of(user, contact);
	return subscription == ROSTER_FROM || subscription == ROSTER_BOTH;
}
