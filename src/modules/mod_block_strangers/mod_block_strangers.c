/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/captcha/captcha.h"
#include "modules/message.h"
#include "modules/mod_block_strangers/strangers.h"
#include "modules/mod_roster/roster.h"
#include "stanzad/access.h"
#include "stanzad/log.h"

static int instances; /* worker 0 */

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

static bool challenges(const struct module_instance *instance)
{
	return module_option(instance, "captcha")->boolean && module_option(instance, "drop")->boolean;
}

/* A room or a server cannot read, and a challenge is not answered with another one. */
static bool may_be_challenged(const struct module_instance *instance, const struct hook_stanza *event)
{
	return challenges(instance) && event->from->local_len && event->stanza->type != MESSAGE_GROUPCHAT &&
	       !xml_child(event->stanza->root, "captcha", NS_CAPTCHA);
}

static void log_it(struct module_instance *instance, const struct hook_stanza *event, const char *what)
{
	if (event->explain || !module_option(instance, "log")->boolean)
		return;
	LOG_INFO("block_strangers.message", LOG_STR("from", jid_full(event->from)), LOG_STR("to", jid_full(event->to)),
	    LOG_CSTR("kind", stanza_kind_text(event->stanza->kind)),
	    LOG_BOOL("dropped", module_option(instance, "drop")->boolean), LOG_CSTR("captcha", what));
}

static enum hook_verdict judge(struct module_instance *instance, struct hook_stanza *event)
{
	bool asks = may_be_challenged(instance, event);
	if (asks && strangers_passed(event->user, event->from))
		return HOOK_PASS;
	log_it(instance, event, asks ? "asked" : "none");
	if (asks)
		return strangers_hold(instance, event);
	return module_option(instance, "drop")->boolean ? refuse(event) : HOOK_PASS;
}

static enum hook_verdict on_inbound(struct module_instance *instance, struct hook_user_inbound *event)
{
	const struct stanza *stanza = event->stanza;
	if (challenges(instance) && !event->explain && captcha_came_back(event->from, event->to, stanza))
		return hook_drop(event, "the challenge was declined or came back");
	if (stanza->kind != STANZA_MESSAGE || stanza->type == STANZA_ERROR ||
	    jid_bare_eq(event->from, user_jid(event->user)) || !says_something(stanza) ||
	    is_exempt(instance, event->from) || !is_stranger(instance, event->user, event->from) ||
	    captcha_is_challenge(event->from, event->to, stanza))
		return HOOK_PASS;
	return judge(instance, event);
}

/* Requests for a subscription are none of the module's business but for the challenge. */
static enum hook_verdict on_subscription(struct module_instance *instance, struct hook_subscription_in *event)
{
	if (event->stanza->type != PRESENCE_SUBSCRIBE || !may_be_challenged(instance, event) ||
	    jid_bare_eq(event->from, user_jid(event->user)) || is_exempt(instance, event->from) ||
	    !is_stranger(instance, event->user, event->from))
		return HOOK_PASS;
	return judge(instance, event);
}

/* What is held comes back as long as there is somebody to take it. */
static enum hook_verdict on_server_stopping(struct module_instance *instance, struct hook_host *event)
{
	strangers_stopping(true);
	captcha_leave(instance);
	return HOOK_PASS;
}

static enum hook_verdict on_user_leaves(struct module_instance *instance, struct hook_user *event)
{
	strangers_forget(event->user);
	return HOOK_PASS;
}

/* --- answers to challenges ------------------------------------------------------------------------------ */

static const struct module_iq captcha_iqs[] = {
    {.ns = NS_CAPTCHA, .component = IQ_SM, .handler = captcha_on_iq, .announce = true},
    {.ns = NS_BOB, .component = IQ_SM, .handler = captcha_on_bob, .announce = true},
};

/* Rooms' modules and others announce what they answer themselves. */
static int answer(struct module_instance *instance, struct err *err)
{
	if (module_add_iq(instance, &captcha_iqs[0], err) < 0)
		return -1;
	if (module_add_iq(instance, &captcha_iqs[1], err) < 0) {
		module_remove_iq(instance, IQ_SM, NS_CAPTCHA, NULL);
		return -1;
	}
	return 0;
}

static int on_start(struct module_instance *instance, struct err *err)
{
	int rc = challenges(instance) ? answer(instance, err) : 0;
	strangers_stopping(false);
	if (rc == 0)
		instances++;
	return rc;
}

static bool challenged_before(const struct module_instance *instance)
{
	return module_option_before(instance, "captcha")->boolean && module_option_before(instance, "drop")->boolean;
}

static int on_reload(struct module_instance *instance, struct err *err)
{
	if (challenges(instance) && !challenged_before(instance))
		return answer(instance, err);
	if (!challenges(instance) && challenged_before(instance)) {
		module_remove_iq(instance, IQ_SM, NS_CAPTCHA, NULL);
		module_remove_iq(instance, IQ_SM, NS_BOB, NULL);
	}
	return 0;
}

static void on_stop(struct module_instance *instance)
{
	captcha_stop(instance);
	if (--instances == 0)
		strangers_fini();
}

/* --- the module ----------------------------------------------------------------------------------------- */

static const struct option options[] = {
    {"access", OPTION_ACCESS, "none", "Who is never taken for a stranger."},
    {"allow_local_users", OPTION_BOOL, "true", "Let everybody through who has an account on this server."},
    {"allow_transports", OPTION_BOOL, "true",
	"Let everybody of a server through whose domain is in the user's roster, such as a gateway."},
    {"captcha", OPTION_BOOL, "false",
	"Ask strangers who write or want a subscription to solve a CAPTCHA; whoever does is none any more. Counts with "
	"`drop` only."},
    {"drop", OPTION_BOOL, "true", "Refuse what strangers write."},
    {"log", OPTION_BOOL, "false", "Log when a stranger writes, at level info."},
    {0},
};

static const struct hook_entry hooks[] = {
    HOOK_ENTRY(user_inbound, on_inbound, HOOK_EARLY, NULL),
    {.used = true,
	.hook = HOOK_subscription_in,
	.stage = HOOK_EARLY,
	.explains = true,
	.fn.subscription_in = on_subscription},
    HOOK_ENTRY(server_stopping, on_server_stopping, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_unload, on_user_leaves, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_gone, on_user_leaves, HOOK_NORMAL, NULL),
    {0},
};

const struct module mod_block_strangers = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_block_strangers",
    .doc = "Refuses messages of those who are not in the user's roster.",
    .options = options,
    .hooks = hooks,
    .user_slot = true,
    .start = on_start,
    .leave = captcha_leave,
    .stop = on_stop,
    .reload = on_reload,
};
