/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/message.h"
#include "modules/mod_roster/roster.h"
#include "stanzad/access.h"
#include "stanzad/log.h"
#include "stanzad/module.h"

/* --- who is known --------------------------------------------------------------------------------------- */

static bool is_known(const struct user *user, const struct jid *jid)
{
	const struct roster_item *item = roster_find(user, jid_bare(jid));
	return (item && item->ask) || roster_subscription_of(user, jid) != ROSTER_NONE;
}

struct search {
	const struct jid *jid;
	bool found;
};

static void compare(void *arg, const struct jid *to)
{
	struct search *search = arg;
	search->found |= jid_bare_eq(to, search->jid);
}

/* A room that was entered, or somebody else who got presence: they may answer. */
static bool was_told(const struct user *user, const struct jid *jid)
{
	struct search search = {.jid = jid};
	for (struct session *session = user_first_session(user); session; session = session_next(session))
		roster_each_directed(session, compare, &search);
	return search.found;
}

static bool is_stranger(
    const struct module_instance *instance, const struct user *user, const struct jid *from)
{
	struct jid domain = {jid_domain(from).ptr, 0, from->domain_len, 0};
	if (is_known(user, from) || was_told(user, from))
		return false;
	return !(from->local_len && module_option(instance, "allow_transports")->boolean &&
		 is_known(user, &domain));
}

/* --- what is looked at ---------------------------------------------------------------------------------- */

static bool says_something(const struct stanza *message)
{
	struct strbuf joined = {0};
	bool subject = xml_child_text(message->root, "subject", &joined).len > 0;
	strbuf_fini(&joined);
	return subject || message_has_body(message);
}

static bool is_exempt(const struct module_instance *instance, const struct jid *from)
{
	struct access_subject subject = {.jid = from};
	bool local = module_option(instance, "allow_local_users")->boolean || !from->local_len;
	return (local && host_find(jid_domain(from))) || module_allows(instance, "access", &subject);
}

static enum hook_verdict refuse(struct hook_stanza *event)
{
	/* To a room an error is a reason to remove the occupant. */
	if (event->stanza->type == MESSAGE_GROUPCHAT)
		return hook_drop(event, "it is from a stranger");
	return hook_bounce(event, SE_policy_violation, "Strangers cannot write to this user");
}

static enum hook_verdict on_inbound(struct module_instance *instance, struct hook_user_inbound *event)
{
	const struct stanza *stanza = event->stanza;
	if (stanza->kind != STANZA_MESSAGE || stanza->type == STANZA_ERROR ||
	    jid_bare_eq(event->from, user_jid(event->user)) || !says_something(stanza) ||
	    is_exempt(instance, event->from) || !is_stranger(instance, event->user, event->from))
		return HOOK_PASS;
	bool drop = module_option(instance, "drop")->boolean;
	if (!event->explain && module_option(instance, "log")->boolean)
		LOG_INFO("block_strangers.message", LOG_STR("from", jid_full(event->from)),
		    LOG_STR("to", jid_full(event->to)), LOG_BOOL("dropped", drop));
	return drop ? refuse(event) : HOOK_PASS;
}

/* --- the module ----------------------------------------------------------------------------------------- */

static const struct option options[] = {
    {"access", OPTION_ACCESS, "none", "Who is never taken for a stranger."},
    {"allow_local_users", OPTION_BOOL, "true", "Let everybody through who has an account on this server."},
    {"allow_transports", OPTION_BOOL, "true",
	"Let everybody of a server through whose domain is in the user's roster, such as a gateway."},
    {"captcha", OPTION_BOOL, "false", "Ask strangers who want a subscription to solve a CAPTCHA first.",
	.flags = OPTION_LATER},
    {"drop", OPTION_BOOL, "true", "Refuse what strangers write."},
    {"log", OPTION_BOOL, "false", "Log when a stranger writes, at level info."},
    {0},
};

static const struct hook_entry hooks[] = {
    HOOK_ENTRY(user_inbound, on_inbound, HOOK_EARLY, NULL),
    {0},
};

const struct module mod_block_strangers = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_block_strangers",
    .doc = "Refuses messages of those who are not in the user's roster.",
    .options = options,
    .hooks = hooks,
    .reload = module_reload_nothing,
};
