/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_private/private.h"
#include "modules/storage_options.h"
#include "stanzad/list.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"

struct request {
	struct store_op op;
	struct iq *iq;
	bool full; /* the user's room is used up; nothing was stored */
};

static int get_run(struct store_op *op, struct db *db, struct err *err)
{
	struct request *request = list_entry(op, struct request, op);
	struct iq *iq = request->iq;
	xml_open(iq->reply, "query", NS_PRIVATE);
	for (const struct xml *elem = xml_first_element(iq->payload); elem; elem = xml_next_element(elem))
		if (private_read(db, iq->to, elem, iq->reply, err) < 0)
			return -1;
	xml_close(iq->reply);
	return 0;
}

static int set_run(struct store_op *op, struct db *db, struct err *err)
{
	struct request *request = list_entry(op, struct request, op);
	struct iq *iq = request->iq;
	bool room = true;
	for (const struct xml *elem = xml_first_element(iq->payload); elem; elem = xml_next_element(elem))
		if (private_write(db, iq->to, elem, err) < 0)
			return -1;
	if (private_has_room(db, iq->to, &room, err) < 0)
		return -1;
	request->full = !room;
	return room ? 0 : err_set(err, "the user's private storage is full");
}

static void request_done(struct store_op *op, int result, const struct err *err)
{
	struct request *request = list_entry(op, struct request, op);
	struct iq *iq = request->iq;
	enum iq_verdict verdict = IQ_ANSWER;
	if (request->full) {
		verdict = iq_refuse(iq, SE_resource_constraint, "the private storage is full");
	} else if (result < 0) {
		LOG_ERROR("private.failed", LOG_STR("user", jid_bare(iq->to)), LOG_CSTR("reason", err->text));
		verdict = iq_refuse(iq, SE_internal_server_error, NULL);
	}
	iq_finish(&iq, verdict);
	free(request);
}

/* NULL: the request is good. */
static const char *what_is_wrong(const struct xml *query, enum stanza_condition *condition_r)
{
	const struct xml *elem = xml_first_element(query);
	*condition_r = SE_bad_request;
	if (!xml_is(query, "query", NS_PRIVATE) || !elem)
		return "the query holds at least one element";
	*condition_r = SE_not_acceptable;
	for (; elem; elem = xml_next_element(elem))
		if (private_is_reserved(elem->ns))
			return "an element needs a namespace of its own";
	return NULL;
}

static enum iq_verdict on_iq(struct iq *iq)
{
	enum stanza_condition condition;
	const char *wrong = what_is_wrong(iq->payload, &condition);
	if (wrong)
		return iq_refuse(iq, condition, wrong);
	struct request *request = mem_zalloc(sizeof(*request));
	request->iq = iq_later(iq);
	request->op.kind = iq->type == IQ_SET ? STORE_WRITE : STORE_READ;
	request->op.key = jid_bare(request->iq->to);
	request->op.run = iq->type == IQ_SET ? set_run : get_run;
	request->op.done = request_done;
	store_submit(&request->op);
	return IQ_LATER;
}

static enum hook_verdict on_removed(struct module_instance *instance, struct hook_user_removed *event)
{
	if (private_delete(event->db, event->host, event->user, event->err) < 0)
		event->result = -1;
	return HOOK_PASS;
}

static const struct option options[] = {
    MODULE_STORAGE_OPTIONS,
    {0},
};

static const struct module_iq iqs[] = {
    {.ns = NS_PRIVATE, .component = IQ_SM, .handler = on_iq, .owner_only = true, .announce = true},
    {0},
};

static const struct hook_entry hooks[] = {
    HOOK_ENTRY(user_removed, on_removed, HOOK_NORMAL, NULL),
    {0},
};

static const char *const features[] = {NS_PRIVATE, NULL};

const struct module mod_private = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_private",
    .doc = "Keeps XML that clients store for themselves (XEP-0049).",
    .options = options,
    .iqs = iqs,
    .hooks = hooks,
    .commands = private_commands,
    .features = features,
};
