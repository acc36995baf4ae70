/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_carboncopy/carbons.h"
#include "stanzad/clock.h"
#include "stanzad/mem.h"

/* --- sessions ------------------------------------------------------------------------------------------- */

struct carbon_session {
	enum carbon_mode mode;
	uint64_t since_ms; /* clock_mono_ms */
};

static void forget_session(struct session *session)
{
	free(session_slot(session, &mod_carboncopy));
	session_set_slot(session, &mod_carboncopy, NULL);
	session_set_takes_all(session, false);
}

static void set_mode(struct session *session, enum carbon_mode mode, uint64_t since_ms)
{
	forget_session(session);
	if (mode == CARBON_OFF)
		return;
	struct carbon_session *state = mem_zalloc(sizeof(*state));
	*state = (struct carbon_session){mode, since_ms};
	session_set_slot(session, &mod_carboncopy, state);
	session_set_takes_all(session, mode == CARBON_ALL);
}

enum carbon_mode carbon_mode(const struct session *session)
{
	const struct carbon_session *state = session_slot(session, &mod_carboncopy);
	return state ? state->mode : CARBON_OFF;
}

uint64_t carbon_since(const struct session *session)
{
	const struct carbon_session *state = session_slot(session, &mod_carboncopy);
	return state ? state->since_ms : UINT64_MAX;
}

void carbon_set_mode(struct session *session, enum carbon_mode mode)
{
	if (carbon_mode(session) == mode)
		return;
	set_mode(session, mode, clock_mono_ms());
	session_state_changed(session);
}

bool carbon_has_other(const struct user *user, const struct session *session, enum carbon_mode mode)
{
	for (struct session *other = user_first_session(user); other; other = session_next(other))
		if (other != session && carbon_mode(other) == mode)
			return true;
	return false;
}

static enum hook_verdict on_closed(struct module_instance *instance, struct hook_session *event)
{
	forget_session(event->session);
	return HOOK_PASS;
}

static enum hook_verdict on_unload(struct module_instance *instance, struct hook_user *event)
{
	carbon_forget(event->user);
	return HOOK_PASS;
}

/* --- switching on and off: XEP-0280 4, 5; XEP-0409 3.2 -------------------------------------------------- */

/* The session that asks; NULL: it is not of this host, or asks somebody else's account. */
static struct session *asking_session(const struct iq *iq)
{
	struct user *user = iq->user;
	if (!user && str_eq(jid_domain(iq->from), host_name(iq->host)))
		user = user_find(jid_bare(iq->from));
	if (!user || !jid_bare_eq(iq->from, user_jid(user)))
		return NULL;
	return user_session(user, jid_resource(iq->from));
}

static enum iq_verdict switch_mode(struct iq *iq, enum carbon_mode on)
{
	bool enable = str_is(iq->payload->name, "enable");
	struct session *session = asking_session(iq);
	if (iq->type == IQ_GET)
		return iq_refuse(iq, SE_not_allowed, "this is switched with an IQ set");
	if (!enable && !str_is(iq->payload->name, "disable"))
		return iq_refuse(iq, SE_bad_request, "this is neither enable nor disable");
	if (!session)
		return iq_refuse(iq, SE_not_allowed, "a session can switch this for itself only");
	if (enable)
		carbon_set_mode(session, on);
	else if (carbon_mode(session) == on)
		carbon_set_mode(session, CARBON_OFF);
	return IQ_ANSWER;
}

static enum iq_verdict on_carbons(struct iq *iq)
{
	return switch_mode(iq, CARBON_COPIES);
}

static enum iq_verdict on_routing(struct iq *iq)
{
	return switch_mode(iq, CARBON_ALL);
}

static enum hook_verdict on_bind_features(struct module_instance *instance, struct hook_bind2_features *event)
{
	xml_open(event->features, "feature", NULL);
	xml_put_attr(event->features, "var", STR(NS_CARBONS));
	xml_close(event->features);
	return HOOK_PASS;
}

static enum hook_verdict on_bind(struct module_instance *instance, struct hook_bind2_request *event)
{
	if (xml_child(event->request, "enable", NS_CARBONS))
		carbon_set_mode(event->session, CARBON_COPIES);
	return HOOK_PASS;
}

/* --- over a restart ------------------------------------------------------------------------------------- */

static enum hook_verdict on_save(struct module_instance *instance, struct hook_session_save *event)
{
	static const char *const spaces[] = {[CARBON_COPIES] = NS_CARBONS, [CARBON_ALL] = NS_IM_ROUTING};
	enum carbon_mode mode = carbon_mode(event->session);
	if (mode != CARBON_OFF)
		xml_put_element(event->state, "enable", spaces[mode], STR_NULL);
	return HOOK_PASS;
}

static enum hook_verdict on_restore(struct module_instance *instance, struct hook_session_restore *event)
{
	if (xml_child(event->state, "enable", NS_CARBONS))
		set_mode(event->session, CARBON_COPIES, 0);
	else if (xml_child(event->state, "enable", NS_IM_ROUTING) &&
		 module_option(instance, "im_routing_ng")->boolean)
		set_mode(event->session, CARBON_ALL, 0);
	return HOOK_PASS;
}

/* --- the module ----------------------------------------------------------------------------------------- */

static const struct module_iq routing[] = {
    {.ns = NS_IM_ROUTING, .component = IQ_LOCAL, .handler = on_routing, .announce = true},
    {.ns = NS_IM_ROUTING, .component = IQ_SM, .handler = on_routing, .needs_user = true},
    {0},
};

static int offer_routing(struct module_instance *instance, struct err *err)
{
	for (const struct module_iq *iq = routing; iq->ns; iq++)
		if (module_add_iq(instance, iq, err) < 0)
			return -1;
	return 0;
}

static int on_start(struct module_instance *instance, struct err *err)
{
	return module_option(instance, "im_routing_ng")->boolean ? offer_routing(instance, err) : 0;
}

/* Sessions that have it keep it as long as they last. */
static int on_reload(struct module_instance *instance, struct err *err)
{
	bool before = module_option_before(instance, "im_routing_ng")->boolean;
	bool now = module_option(instance, "im_routing_ng")->boolean;
	if (now && !before)
		return offer_routing(instance, err);
	for (const struct module_iq *iq = routing; iq->ns && before && !now; iq++)
		if (module_remove_iq(instance, iq->component, iq->ns, err) < 0)
			return -1;
	return 0;
}

static const struct option options[] = {
    {"im_routing_ng", OPTION_BOOL, "false",
	"Offer IM Routing-NG (XEP-0409), too: a client that asks for it gets every message itself, whatever its "
	"priority."},
    {0},
};

static const struct module_iq iqs[] = {
    {.ns = NS_CARBONS, .component = IQ_LOCAL, .handler = on_carbons, .announce = true},
    {.ns = NS_CARBONS, .component = IQ_SM, .handler = on_carbons, .needs_user = true},
    {0},
};

static const struct hook_entry hooks[] = {
    HOOK_ENTRY(user_send, carbon_on_send, HOOK_LATE, "mod_mam"),
    HOOK_ENTRY(message_delivered, carbon_on_delivered, HOOK_NORMAL, NULL),
    HOOK_ENTRY(message_undelivered, carbon_on_undelivered, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_receive, carbon_on_receive, HOOK_FIRST, NULL),
    {.used = true,
	.hook = HOOK_message_offline,
	.stage = HOOK_FIRST,
	.explains = true,
	.fn.message_offline = carbon_on_offline},
    HOOK_ENTRY(bind2_features, on_bind_features, HOOK_NORMAL, NULL),
    HOOK_ENTRY(bind2_request, on_bind, HOOK_NORMAL, NULL),
    HOOK_ENTRY(session_save, on_save, HOOK_NORMAL, NULL),
    HOOK_ENTRY(session_restore, on_restore, HOOK_NORMAL, NULL),
    HOOK_ENTRY(session_closed, on_closed, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_unload, on_unload, HOOK_NORMAL, NULL),
    {0},
};

static const char *const features[] = {NS_CARBONS_RULES, NULL};

const struct module mod_carboncopy = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_carboncopy",
    .doc = "Shows every device of a user both sides of all conversations (XEP-0280, XEP-0409).",
    .options = options,
    .iqs = iqs,
    .hooks = hooks,
    .features = features,
    .user_slot = true,
    .session_slot = true,
    .start = on_start,
    .reload = on_reload,
};
