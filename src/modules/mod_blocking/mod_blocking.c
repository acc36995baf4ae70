/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_blocking/blocking.h"
#include "modules/mod_privacy/privacy.h"
#include "stanzad/mem.h"
#include "stanzad/rand.h"

#define NS_STATE "urn:stanzad:blocking"
#define PUSH_ID_LEN 16

extern const struct module mod_blocking;

/* --- pushes: XEP-0191 3.3 to 3.5 ------------------------------------------------------------------------ */

static bool wants_pushes(const struct session *session)
{
	return session_slot(session, &mod_blocking) != NULL;
}

static void set_wants_pushes(struct session *session)
{
	if (wants_pushes(session))
		return;
	session_set_slot(session, &mod_blocking, session);
	session_state_changed(session);
}

static struct stanza *push_make(const char *name, const struct jid *jids, size_t count)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	char id[PUSH_ID_LEN + 1];
	rand_id(id, PUSH_ID_LEN);
	xml_open(&writer, "iq", NULL);
	xml_put_attr(&writer, "type", STR("set"));
	xml_put_attr(&writer, "id", str_of(id));
	xml_open(&writer, name, NS_BLOCKING);
	for (size_t i = 0; i < count; i++) {
		xml_open(&writer, "item", NULL);
		xml_put_attr(&writer, "jid", jid_full(&jids[i]));
		xml_close(&writer);
	}
	xml_close(&writer);
	xml_close(&writer);
	struct stanza *push = stanza_from_writer(&writer);
	xml_writer_fini(&writer);
	return push;
}

static void push(struct user *user, bool blocked, const struct jid *jids, size_t count)
{
	struct stanza *stanza = NULL;
	struct session *next;
	for (struct session *session = user_first_session(user); session; session = next) {
		next = session_next(session);
		if (!wants_pushes(session))
			continue;
		if (!stanza)
			stanza = push_make(blocked ? "block" : "unblock", jids, count);
		session_deliver(session, user_jid(user), session_jid(session), stanza);
	}
	stanza_unref(&stanza);
}

/* --- the list: XEP-0191 3.2 ----------------------------------------------------------------------------- */

static enum iq_verdict answer_blocklist(struct iq *iq)
{
	struct session *session = user_session(iq->user, jid_resource(iq->from));
	const struct jid *jid;
	uint32_t position = 0;
	if (iq->type != IQ_GET)
		return iq_refuse(iq, SE_bad_request, "the block list is changed by block and unblock");
	if (session)
		set_wants_pushes(session);
	xml_open(iq->reply, "blocklist", NS_BLOCKING);
	while ((jid = privacy_next_blocked(iq->user, &position))) {
		xml_open(iq->reply, "item", NULL);
		xml_put_attr(iq->reply, "jid", jid_full(jid));
		xml_close(iq->reply);
	}
	xml_close(iq->reply);
	return IQ_ANSWER;
}

/* --- blocking and unblocking: XEP-0191 3.3 to 3.5 ------------------------------------------------------- */

struct change {
	struct iq *iq; /* iq_later */
	bool block;
	struct jid *jids; /* all of this in the arena */
	size_t count;
	struct report *reports;
	size_t report_count;
	struct arena arena;
};

static void change_free(struct change **change)
{
	arena_fini(&(*change)->arena);
	free(*change);
	*change = NULL;
}

static void on_saved(void *arg, struct user *user, int result)
{
	struct change *change = arg;
	enum iq_verdict verdict = IQ_ANSWER;
	if (result < 0)
		verdict = iq_refuse(change->iq, SE_internal_server_error, NULL);
	else if (user)
		push(user, change->block, change->jids, change->count);
	iq_finish(&change->iq, verdict);
	change_free(&change);
}

static bool is_among(const struct change *change, const struct jid *jid)
{
	for (size_t i = 0; i < change->count; i++)
		if (jid_eq(&change->jids[i], jid))
			return true;
	return false;
}

static enum iq_verdict read_item(struct iq *iq, const struct xml *item, struct change *change)
{
	struct str text = xml_attr(item, "jid");
	struct jid jid;
	struct err ignored;
	if (!xml_is(item, "item", NS_BLOCKING) || !text.ptr)
		return iq_refuse(iq, SE_bad_request, "an item has an address");
	if (jid_parse(arena_str(&change->arena, text), &change->arena, &jid, &ignored) < 0)
		return iq_refuse(iq, SE_jid_malformed, NULL);
	if (!is_among(change, &jid))
		change->jids[change->count++] = jid;
	if (change->block && report_read(item, &jid, &change->arena, &change->reports[change->report_count]))
		change->report_count++;
	return IQ_ANSWER;
}

/* IQ_ANSWER: everything was read. */
static enum iq_verdict read_items(struct iq *iq, struct change *change)
{
	size_t most = (size_t)module_option(iq->instance, "max_block_items")->integer, count = 0;
	for (const struct xml *item = xml_first_element(iq->payload); item; item = xml_next_element(item))
		count++;
	if (change->block && !count)
		return iq_refuse(iq, SE_bad_request, "there is nobody to block");
	if (count > most)
		return iq_refuse(iq, SE_resource_constraint, "these are too many at once");
	change->jids = arena_alloc(&change->arena, count * sizeof(*change->jids) + 1);
	change->reports = arena_alloc(&change->arena, count * sizeof(*change->reports) + 1);
	enum iq_verdict verdict = IQ_ANSWER;
	for (const struct xml *item = xml_first_element(iq->payload); item && verdict == IQ_ANSWER;
	     item = xml_next_element(item))
		verdict = read_item(iq, item, change);
	return verdict;
}

static enum iq_verdict do_change(struct iq *iq, struct change *change)
{
	struct user *user = iq->user;
	int64_t most = module_option(iq->instance, "max_reports")->integer;
	int rc;
	change->iq = iq_later(iq);
	/* on_saved may free the change before the call returns. */
	if (change->report_count && user_exists(user))
		reports_store(user_jid(user), change->reports, change->report_count, most);
	if (change->block)
		rc = privacy_block(user, change->jids, change->count, on_saved, change);
	else
		rc = privacy_unblock(user, change->jids, change->count, on_saved, change);
	if (rc == PRIVACY_FULL) {
		iq_finish(&change->iq,
		    iq_refuse(change->iq, SE_resource_constraint, "too many addresses are blocked"));
		change_free(&change);
	}
	return IQ_LATER;
}

static enum iq_verdict on_iq(struct iq *iq)
{
	bool block = xml_is(iq->payload, "block", NS_BLOCKING);
	if (xml_is(iq->payload, "blocklist", NS_BLOCKING))
		return answer_blocklist(iq);
	if (iq->type != IQ_SET || (!block && !xml_is(iq->payload, "unblock", NS_BLOCKING)))
		return iq_refuse(iq, SE_bad_request, NULL);
	struct change *change = mem_zalloc(sizeof(*change));
	change->block = block;
	enum iq_verdict verdict = read_items(iq, change);
	if (verdict == IQ_ANSWER)
		return do_change(iq, change);
	change_free(&change);
	return verdict;
}

/* --- the module ----------------------------------------------------------------------------------------- */

static enum hook_verdict on_save(struct module_instance *instance, struct hook_session_save *event)
{
	if (wants_pushes(event->session)) {
		xml_open(event->state, "blocking", NS_STATE);
		xml_close(event->state);
	}
	return HOOK_PASS;
}

static enum hook_verdict on_restore(struct module_instance *instance, struct hook_session_restore *event)
{
	if (xml_child(event->state, "blocking", NS_STATE))
		session_set_slot(event->session, &mod_blocking, event->session);
	return HOOK_PASS;
}

static enum hook_verdict on_closed(struct module_instance *instance, struct hook_session *event)
{
	session_set_slot(event->session, &mod_blocking, NULL);
	return HOOK_PASS;
}

static enum hook_verdict on_removed(struct module_instance *instance, struct hook_user_removed *event)
{
	event->result = reports_delete_of(event->db, event->host, event->user, event->err);
	return HOOK_PASS;
}

/* Sessions that never asked for the list hear nothing, whether the module runs on their host or not. */
static int on_start(struct module_instance *instance, struct err *err)
{
	privacy_watch_blocks(push);
	return 0;
}

static const struct option options[] = {
    {"max_block_items", OPTION_INT, "1000", "How many addresses can be blocked or unblocked by one request.",
	NULL, 1, 10000},
    {"max_reports", OPTION_INT, "100", "How many reports of one user are kept; further ones are left out.",
	NULL, 0, 1000000},
    {0},
};

static const struct module_iq iqs[] = {
    {.ns = NS_BLOCKING,
	.component = IQ_SM,
	.handler = on_iq,
	.needs_user = true,
	.owner_only = true,
	.announce = true},
    {0},
};

static const struct hook_entry hooks[] = {
    HOOK_ENTRY(session_save, on_save, HOOK_NORMAL, NULL),
    HOOK_ENTRY(session_restore, on_restore, HOOK_NORMAL, NULL),
    HOOK_ENTRY(session_closed, on_closed, HOOK_LATE, NULL),
    HOOK_ENTRY(user_removed, on_removed, HOOK_NORMAL, NULL),
    {0},
};

static const char *const features[] = {NS_BLOCKING, NS_REPORTING, NULL};
static const char *const needs[] = {"mod_privacy", NULL};

const struct module mod_blocking = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_blocking",
    .doc = "Blocks addresses, with one command (XEP-0191), and takes reports of abuse (XEP-0377).",
    .options = options,
    .iqs = iqs,
    .hooks = hooks,
    .commands = blocking_commands,
    .schema = &report_schema,
    .features = features,
    .needs = needs,
    .session_slot = true,
    .start = on_start,
    .reload = module_reload_nothing,
};
