/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_client_state/client_state.h"
#include "stanzad/mem.h"

struct client_state *client_state_of(const struct session *session)
{
	return session_slot(session, &mod_client_state);
}

/* --- the state: XEP-0352 4.2 ---------------------------------------------------------------------------- */

static void set_inactive(struct session *session)
{
	if (client_state_of(session))
		return;
	struct client_state *state = mem_zalloc(sizeof(*state));
	list_init(&state->held);
	session_set_slot(session, &mod_client_state, state);
}

static void forget(struct session *session)
{
	struct client_state *state = client_state_of(session);
	session_set_slot(session, &mod_client_state, NULL);
	client_state_free(&state);
}

static void set_active(struct session *session)
{
	if (client_state_of(session) && client_state_flush(session))
		forget(session);
}

static enum hook_verdict on_element(struct module_instance *instance, struct hook_c2s_element *event)
{
	bool inactive = xml_is(event->element, "inactive", NS_CSI);
	if (!inactive && !xml_is(event->element, "active", NS_CSI))
		return HOOK_PASS;
	if (event->session && inactive)
		set_inactive(event->session);
	else if (event->session)
		set_active(event->session);
	return HOOK_STOP;
}

static enum hook_verdict on_features(struct module_instance *instance, struct hook_c2s_stream_features *event)
{
	if (event->authenticated)
		xml_put_element(event->features, "csi", NS_CSI, STR_NULL);
	return HOOK_PASS;
}

static enum hook_verdict on_bind_features(struct module_instance *instance, struct hook_bind2_features *event)
{
	xml_open(event->features, "feature", NULL);
	xml_put_attr(event->features, "var", STR(NS_CSI));
	xml_close(event->features);
	return HOOK_PASS;
}

static enum hook_verdict on_bind(struct module_instance *instance, struct hook_bind2_request *event)
{
	if (xml_child(event->request, "inactive", NS_CSI))
		set_inactive(event->session);
	return HOOK_PASS;
}

/* XEP-0352 5.2 */
static enum hook_verdict on_resumed(struct module_instance *instance, struct hook_session *event)
{
	set_active(event->session);
	return HOOK_PASS;
}

/* What is held is of interest to nobody else, and is there anew when a client comes back. */
static enum hook_verdict on_closed(struct module_instance *instance, struct hook_session *event)
{
	forget(event->session);
	return HOOK_PASS;
}

/* --- stanzas -------------------------------------------------------------------------------------------- */

static bool hold(
    struct module_instance *instance, struct client_state *state, const struct hook_stanza *event)
{
	struct strbuf key = {0};
	bool can_wait = client_state_can_wait(instance, event, &key);
	if (can_wait && !event->explain)
		can_wait = client_state_hold(instance, state, event, strbuf_view(&key));
	strbuf_fini(&key);
	return can_wait;
}

/* What is held goes out before it. When that ends the session, it looks for another way. */
static enum hook_verdict pass(struct hook_stanza *event)
{
	if (client_state_flush(event->session))
		return HOOK_PASS;
	if (event->stanza->kind == STANZA_MESSAGE || stanza_is_request(event->stanza))
		route(event->from, event->to, event->stanza);
	return hook_drop(event, "the session ended");
}

static enum hook_verdict on_receive(struct module_instance *instance, struct hook_stanza *event)
{
	struct client_state *state = client_state_of(event->session);
	if (!state || state->flushing)
		return HOOK_PASS;
	if (hold(instance, state, event))
		return hook_drop(event, "held until the client is active");
	return event->explain ? HOOK_PASS : pass(event);
}

/* --- the module ----------------------------------------------------------------------------------------- */

static const struct metric metrics[] = {
    [CLIENT_STATE_METRIC_HELD] = {"held_stanzas", METRIC_COUNTER, "Stanzas held back for inactive clients."},
    [CLIENT_STATE_METRIC_FOLDED] = {"folded_stanzas", METRIC_COUNTER,
	"Stanzas that took the place of one held back."},
    {0},
};

static const struct option options[] = {
    {"queue_chat_states", OPTION_BOOL, "true",
	"While a client is inactive, hold back messages with nothing but a chat state (XEP-0085)."},
    {"queue_pep", OPTION_BOOL, "true",
	"While a client is inactive, hold back notifications of personal eventing (XEP-0163)."},
    {"queue_presence", OPTION_BOOL, "true",
	"While a client is inactive, hold back presence that tells who is available."},
    {0},
};

static const struct hook_entry hooks[] = {
    HOOK_ENTRY(c2s_stream_features, on_features, HOOK_NORMAL, NULL),
    HOOK_ENTRY(bind2_features, on_bind_features, HOOK_NORMAL, NULL),
    HOOK_ENTRY(bind2_request, on_bind, HOOK_NORMAL, NULL),
    HOOK_ENTRY(c2s_element, on_element, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_receive, on_receive, HOOK_FIRST, "mod_offline"),
    HOOK_ENTRY(session_resumed, on_resumed, HOOK_FIRST, NULL),
    HOOK_ENTRY(session_closed, on_closed, HOOK_FIRST, NULL),
    {0},
};

const struct module mod_client_state = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_client_state",
    .doc = "Holds back what can wait while nobody looks at a device (XEP-0352).",
    .options = options,
    .hooks = hooks,
    .metrics = metrics,
    .session_slot = true,
    .reload = module_reload_nothing,
};
