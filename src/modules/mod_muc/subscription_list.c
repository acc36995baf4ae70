/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_muc/subscribers.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"
#include "stanzad/route.h"

struct listing {
	struct store_op op;
	struct iq *iq;
	struct xml_writer found; /* what the answer holds */
	struct strbuf room;
};

static void put(void *arg, const struct subscription_row *row)
{
	struct listing *listing = arg;
	strbuf_reset(&listing->room);
	strbuf_printf(&listing->room, "%.*s@%.*s", STR_FMT(row->room), STR_FMT(row->service));
	xml_open(&listing->found, "subscription", NULL);
	xml_put_attr(&listing->found, "nick", row->nick);
	xml_put_attr(&listing->found, "jid", strbuf_view(&listing->room));
	subscription_put_events(&listing->found, row->nodes);
	xml_close(&listing->found);
}

static int run(struct store_op *op, struct db *db, struct err *err)
{
	struct listing *listing = list_entry(op, struct listing, op);
	xml_open(&listing->found, "subscriptions", NS_MUCSUB);
	int rc = subscriptions_of(
	    db, jid_bare(listing->iq->from), jid_domain(listing->iq->to), put, listing, err);
	xml_close(&listing->found);
	return rc;
}

static void done(struct store_op *op, int result, const struct err *err)
{
	struct listing *listing = list_entry(op, struct listing, op);
	enum iq_verdict verdict = IQ_ANSWER;
	if (result < 0) {
		LOG_ERROR("muc.subscriptions_not_read", LOG_STR("jid", jid_bare(listing->iq->from)),
		    LOG_CSTR("reason", err->text));
		verdict = iq_refuse(listing->iq, SE_internal_server_error, NULL);
	} else {
		xml_put_raw(listing->iq->reply, strbuf_view(&listing->found.buf));
	}
	struct module_instance *instance = listing->iq->instance;
	iq_finish(&listing->iq, verdict);
	module_release(instance);
	xml_writer_fini(&listing->found);
	strbuf_fini(&listing->room);
	free(listing);
}

enum iq_verdict muc_subscriptions_on_iq(struct iq *iq)
{
	if (iq->type != IQ_GET)
		return iq_refuse(iq, SE_bad_request, NULL);
	if (!storage_has_room(iq->from))
		return iq_refuse(iq, SE_resource_constraint, "too much waits for storage");
	struct listing *listing = mem_zalloc(sizeof(*listing));
	module_hold(iq->instance);
	listing->iq = iq_later(iq);
	listing->found.default_ns = NS_CLIENT;
	listing->op = (struct store_op){.kind = STORE_READ, .run = run, .done = done};
	store_submit(&listing->op);
	return IQ_LATER;
}
