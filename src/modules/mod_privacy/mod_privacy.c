/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_privacy/query.h"
#include "modules/mod_privacy/save.h"
#include "modules/storage_options.h"

#define NS_STATE "urn:stanzad:privacy"
#define NS_BLOCKED "urn:xmpp:blocking:errors"

/* --- deciding: XEP-0016 2.14, XEP-0191 3.3 -------------------------------------------------------------- */

static enum privacy_kind kind_of(const struct hook_stanza *event)
{
	const struct stanza *stanza = event->stanza;
	bool out = event->direction == HOOK_OUT;
	switch (stanza->kind) {
	case STANZA_PRESENCE:
		if (stanza->type == PRESENCE_AVAILABLE || stanza->type == PRESENCE_UNAVAILABLE)
			return out ? PRIVACY_PRESENCE_OUT : PRIVACY_PRESENCE_IN;
		return PRIVACY_OTHER;
	case STANZA_MESSAGE:
		return out ? PRIVACY_OTHER : PRIVACY_MESSAGE;
	case STANZA_IQ:
		return out ? PRIVACY_OTHER : PRIVACY_IQ;
	}
	return PRIVACY_OTHER;
}

static enum hook_verdict refuse_out(struct hook_stanza *event, bool by_block)
{
	bool blocking = by_block && host_module(user_host(event->user), "mod_blocking");
	event->error = (struct stanza_error){
	    .condition = SE_not_acceptable,
	    .type = 'c',
	    .app_xml = blocking ? STR("<blocked xmlns='" NS_BLOCKED "'/>") : STR_NULL,
	};
	return HOOK_BOUNCE;
}

/* To a room an error is a reason to remove the occupant. */
static enum hook_verdict refuse_in(struct hook_stanza *event)
{
	const struct stanza *stanza = event->stanza;
	bool answer = stanza->kind == STANZA_IQ
			  ? stanza_is_request(stanza)
			  : stanza->kind == STANZA_MESSAGE && stanza->type != MESSAGE_GROUPCHAT &&
				stanza->type != STANZA_ERROR;
	if (answer)
		return hook_bounce(event, SE_service_unavailable, NULL);
	return hook_drop(event, "a privacy list of the recipient denies it");
}

static enum hook_verdict on_check(struct module_instance *instance, struct hook_privacy_check *event)
{
	const struct privacy_lists *lists = privacy_lists_of(event->user);
	if (!lists)
		return HOOK_PASS;
	bool out = event->direction == HOOK_OUT;
	const struct privacy_list *list = privacy_list_for(lists, event->session);
	const struct privacy_item *item =
	    privacy_list_denies(list, event->user, kind_of(event), out ? event->to : event->from);
	if (!item)
		return HOOK_PASS;
	if (out)
		return refuse_out(event, list == lists->standard && privacy_item_is_block(item));
	return refuse_in(event);
}

/* --- life of a user ------------------------------------------------------------------------------------- */

static enum hook_verdict on_load_db(struct module_instance *instance, struct hook_user_load_db *event)
{
	struct privacy_rows *rows = NULL;
	event->result =
	    privacy_rows_read(event->db, event->host, event->user, event->arena, &rows, event->err);
	*event->loaded = rows;
	return HOOK_PASS;
}

static enum hook_verdict on_loaded(struct module_instance *instance, struct hook_user_loaded *event)
{
	if (!user_exists(event->user))
		privacy_lists_make(event->user)->memory_only = true;
	else if (event->loaded)
		privacy_lists_fill(event->user, event->loaded);
	return HOOK_PASS;
}

static enum hook_verdict on_unload(struct module_instance *instance, struct hook_user *event)
{
	privacy_lists_free(event->user);
	return HOOK_PASS;
}

static enum hook_verdict on_removed(struct module_instance *instance, struct hook_user_removed *event)
{
	event->result = privacy_delete(event->db, event->host, event->user, event->err);
	return HOOK_PASS;
}

static enum hook_verdict on_gone(struct module_instance *instance, struct hook_user *event)
{
	if (privacy_lists_of(event->user))
		privacy_lists_clear(event->user);
	return HOOK_PASS;
}

static void begin_anew(void *arg)
{
	struct user *user = user_find(jid_bare(arg));
	struct privacy_lists *lists = user ? privacy_lists_of(user) : NULL;
	if (!lists || !lists->memory_only)
		return;
	privacy_lists_clear(user);
	lists->memory_only = false;
}

/* The name may still be in memory, without an account: of a session that is ending, or anonymous. */
static enum hook_verdict on_registered(struct module_instance *instance, struct hook_user_registered *event)
{
	struct arena arena = {0};
	struct jid jid;
	struct err err;
	if (jid_make(event->user, event->host, STR_NULL, &arena, &jid, &err) == 0)
		command_on_home(jid_bare(&jid), begin_anew, &jid);
	arena_fini(&arena);
	return HOOK_PASS;
}

/* --- life of a session ---------------------------------------------------------------------------------- */

static enum hook_verdict on_save(struct module_instance *instance, struct hook_session_save *event)
{
	const struct privacy_session *own = privacy_session_of(event->session);
	if (!own)
		return HOOK_PASS;
	xml_open(event->state, "privacy", NS_STATE);
	if (own->active)
		xml_put_attr(event->state, "active", own->active->name);
	xml_close(event->state);
	return HOOK_PASS;
}

static enum hook_verdict on_restore(struct module_instance *instance, struct hook_session_restore *event)
{
	const struct xml *state = xml_child(event->state, "privacy", NS_STATE);
	if (!state)
		return HOOK_PASS;
	struct privacy_session *own = privacy_session_make(event->session);
	const struct privacy_lists *lists = privacy_lists_of(session_user(event->session));
	struct privacy_list *active = privacy_list_find(lists, xml_attr_s(state, "active"));
	own->asked = true;
	privacy_list_unref(&own->active);
	own->active = active ? privacy_list_ref(active) : NULL;
	return HOOK_PASS;
}

static enum hook_verdict on_closed(struct module_instance *instance, struct hook_session *event)
{
	privacy_session_free(event->session);
	return HOOK_PASS;
}

/* --- the module ----------------------------------------------------------------------------------------- */

static const struct option options[] = {
    {"max_lists", OPTION_INT, "20", "How many lists a user can have.", NULL, 1, 1000},
    {"max_items", OPTION_INT, "1000",
	"How many items a list can have, those of blocked addresses among them.", NULL, 1, 10000},
    MODULE_STORAGE_OPTIONS,
    {0},
};

static const struct module_iq iqs[] = {
    {.ns = NS_PRIVACY,
	.component = IQ_SM,
	.handler = privacy_on_iq,
	.needs_user = true,
	.owner_only = true,
	.announce = true},
    {0},
};

/* A session's list counts until mod_roster has told contacts that it is gone. */
static const struct hook_entry hooks[] = {
    HOOK_ENTRY(privacy_check, on_check, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_load_db, on_load_db, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_loaded, on_loaded, HOOK_EARLY, NULL),
    HOOK_ENTRY(user_unload, on_unload, HOOK_LATE, NULL),
    HOOK_ENTRY(user_registered, on_registered, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_removed, on_removed, HOOK_NORMAL, NULL),
    HOOK_ENTRY(user_gone, on_gone, HOOK_LATE, NULL),
    HOOK_ENTRY(session_save, on_save, HOOK_NORMAL, NULL),
    HOOK_ENTRY(session_restore, on_restore, HOOK_NORMAL, NULL),
    HOOK_ENTRY(session_closed, on_closed, HOOK_LATE, NULL),
    {0},
};

static const char *const features[] = {NS_PRIVACY, NULL};

const struct module mod_privacy = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_privacy",
    .doc = "Privacy lists: who may reach a user, and who sees the user (XEP-0016).",
    .options = options,
    .iqs = iqs,
    .hooks = hooks,
    .commands = privacy_commands,
    .features = features,
    .user_slot = true,
    .session_slot = true,
    .reload = module_reload_nothing,
};
