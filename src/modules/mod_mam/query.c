/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_mam/query.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "stanzad/datetime.h"
#include "stanzad/list.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"

#define NS_FORM "jabber:x:data"

/* --- ids ------------------------------------------------------------------------------------------------ */

void mam_id_write(char *out, int64_t id)
{
	snprintf(out, MAM_ID_MAX, "%" PRId64, id);
}

int64_t mam_id_read(struct str text)
{
	uint64_t id;
	char canonical[MAM_ID_MAX];
	if (!str_to_u64(text, &id) || id == 0 || id >= INT64_MAX)
		return MAM_ID_NONE;
	mam_id_write(canonical, (int64_t)id);
	return str_is(text, canonical) ? (int64_t)id : MAM_ID_NONE;
}

/* --- what is asked for ---------------------------------------------------------------------------------- */

static int refuse(struct stanza_error *error, enum stanza_condition condition, const char *text)
{
	*error = (struct stanza_error){.condition = condition, .text = text};
	return -1;
}

static int read_page(const struct xml *elem, struct mam_query *query, struct stanza_error *error)
{
	struct rsm rsm;
	struct err err;
	if (rsm_parse(elem, &rsm, &err) < 0)
		return refuse(error, SE_bad_request, "the <set/> is malformed");
	if (rsm.has_index && rsm.index > 0) /* XEP-0059 2.6 */
		return refuse(error, SE_feature_not_implemented, "pages are found by id, not by index");
	query->max = rsm_max(&rsm, MAM_PAGE_USUAL, MAM_PAGE_MOST);
	query->backwards = rsm.backwards;
	if (rsm.after.len)
		query->after = mam_id_read(rsm.after);
	if (rsm.before.len)
		query->before = mam_id_read(rsm.before);
	return 0;
}

int mam_query_parse(const struct xml *elem, const struct jid *owner, struct arena *arena,
    struct mam_query *query_r, struct stanza_error *error_r)
{
	const struct xml *form = xml_child(elem, "x", NS_FORM);
	struct mam_query query = {
	    .host = arena_str(arena, jid_domain(owner)),
	    .username = arena_str(arena, jid_local(owner)),
	    .end = INT64_MAX,
	    .before_id = INT64_MAX,
	    .before = INT64_MAX,
	    .queryid = xml_attr(elem, "queryid"),
	    .flip = xml_child(elem, "flip-page", NULL) != NULL,
	};
	if (query.queryid.len > MAM_QUERYID_MAX)
		return refuse(error_r, SE_bad_request, "the queryid is too long");
	if (xml_attr(elem, "node").len)
		return refuse(error_r, SE_feature_not_implemented, "this archive has no nodes");
	if (form && xml_next(form, "x", NS_FORM))
		return refuse(error_r, SE_bad_request, "there is more than one form");
	if ((form && mam_form_read(form, arena, &query, error_r) < 0) || read_page(elem, &query, error_r) < 0)
		return -1;
	*query_r = query;
	return 0;
}

static enum iq_verdict on_set(struct iq *iq)
{
	struct arena arena = {0};
	struct mam_query query;
	if (mam_query_parse(iq->payload, user_jid(iq->user), &arena, &query, &iq->error) < 0) {
		arena_fini(&arena);
		return IQ_REFUSE;
	}
	struct mam_asker *asker = mam_session_asker(iq);
	if (asker)
		return mam_job_start(asker, iq, &query, &arena);
	arena_fini(&arena);
	return iq_refuse(iq, SE_not_allowed, "results go to a session of the user");
}

enum iq_verdict mam_query_on_iq(struct iq *iq)
{
	if (iq->type == IQ_SET)
		return on_set(iq);
	mam_form_write(iq->reply);
	return IQ_ANSWER;
}

/* --- metadata: 5 ---------------------------------------------------------------------------------------- */

struct ask {
	struct store_op op;
	struct iq *iq;
	struct arena arena;
	struct str host, username;
	struct mam_ends ends;
};

static int ends_run(struct store_op *op, struct db *db, struct err *err)
{
	struct ask *ask = list_entry(op, struct ask, op);
	return mam_ends_find(ask->host, ask->username, db, &ask->ends, err);
}

static void put_end(struct xml_writer *reply, const char *name, int64_t id)
{
	char text[MAM_ID_MAX], stamp[DATETIME_MAX];
	mam_id_write(text, id);
	datetime_format(stamp, id, 6);
	xml_open(reply, name, NULL);
	xml_put_attr(reply, "id", str_of(text));
	xml_put_attr(reply, "timestamp", str_of(stamp));
	xml_close(reply);
}

void mam_metadata_write(struct xml_writer *out, const struct mam_ends *ends)
{
	xml_open(out, "metadata", NS_MAM);
	if (ends->any) {
		put_end(out, "start", ends->first);
		put_end(out, "end", ends->last);
	}
	xml_close(out);
}

static void ends_done(struct store_op *op, int result, const struct err *err)
{
	struct ask *ask = list_entry(op, struct ask, op);
	if (result < 0) {
		LOG_ERROR("mam.read_failed", LOG_STR("archive", op->key), LOG_CSTR("reason", err->text));
		iq_finish(&ask->iq, iq_refuse(ask->iq, SE_internal_server_error, NULL));
	} else {
		mam_metadata_write(ask->iq->reply, &ask->ends);
		iq_finish(&ask->iq, IQ_ANSWER);
	}
	arena_fini(&ask->arena);
	free(ask);
}

enum iq_verdict mam_metadata_ask(struct iq *iq, struct str host, struct str username)
{
	if (iq->type != IQ_GET)
		return iq_refuse(iq, SE_bad_request, NULL);
	struct ask *ask = mem_zalloc(sizeof(*ask));
	ask->host = arena_str(&ask->arena, host);
	ask->username = arena_str(&ask->arena, username);
	ask->iq = iq_later(iq);
	ask->op.kind = STORE_READ;
	ask->op.key = arena_str(&ask->arena, jid_bare(iq->to));
	ask->op.run = ends_run;
	ask->op.done = ends_done;
	store_submit(&ask->op);
	return IQ_LATER;
}

enum iq_verdict mam_metadata_on_iq(struct iq *iq)
{
	const struct jid *jid = user_jid(iq->user);
	return mam_metadata_ask(iq, jid_domain(jid), jid_local(jid));
}
