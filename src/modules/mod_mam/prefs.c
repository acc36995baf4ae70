/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_mam/mam.h"
#include "stanzad/access.h"
#include "stanzad/list.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"

#define JIDS_MAX 500 /* in both lists together */

static const char *const words[] = {[MAM_ALWAYS] = "always", [MAM_NEVER] = "never", [MAM_ROSTER] = "roster"};
#define WORDS (sizeof(words) / sizeof(words[0]))

static bool default_of(struct str word, enum mam_default *def_r)
{
	for (size_t i = 0; i < WORDS; i++) {
		if (!str_is(word, words[i]))
			continue;
		*def_r = (enum mam_default)i;
		return true;
	}
	return false;
}

void mam_prefs_fini(struct mam_prefs *prefs)
{
	mam_jids_fini(&prefs->always);
	mam_jids_fini(&prefs->never);
	*prefs = (struct mam_prefs){0};
}

/* --- what they decide: XEP-0441 2.3 ------------------------------------------------------------ */

static bool lists(const struct mam_jids *jids, const struct jid *peer)
{
	for (size_t i = 0; i < jids->count; i++) {
		const struct jid *jid = &jids->list[i];
		if (jid->resource_len ? jid_eq(jid, peer) : jid_bare_eq(jid, peer))
			return true;
	}
	return false;
}

static enum mam_default effective_default(struct module_instance *instance, const struct mam_prefs *prefs)
{
	if (prefs->given)
		return prefs->def;
	if (module_option(instance, "request_activates_archiving")->boolean)
		return MAM_NEVER;
	return (enum mam_default)module_option(instance, "default")->integer;
}

bool mam_prefs_want(struct module_instance *instance, const struct user *user, const struct jid *peer)
{
	const struct mam_prefs *prefs = &mam_user_of(user)->prefs;
	if (lists(&prefs->always, peer))
		return true;
	if (lists(&prefs->never, peer))
		return false;
	switch (effective_default(instance, prefs)) {
	case MAM_ALWAYS:
		return true;
	case MAM_ROSTER:
		return jid_bare_eq(peer, user_jid(user)) ||
		       roster_subscription_of(user, peer) != ROSTER_NONE;
	default:
		return false;
	}
}

/* --- the row ---------------------------------------------------------------------------------- */

static void log_unreadable(const struct jid *user, const char *list, const struct err *err)
{
	LOG_WARNING("mam.unreadable_preferences", LOG_STR("user", jid_bare(user)), LOG_CSTR("list", list),
	    LOG_CSTR("reason", err->text));
}

void mam_prefs_parse(const struct mam_prefs_row *row, const struct jid *user, struct mam_prefs *prefs_r)
{
	struct err err = {0};
	struct mam_prefs prefs = {.given = row->there, .def = MAM_NEVER};
	if (row->there && !default_of(row->def, &prefs.def))
		LOG_WARNING("mam.unreadable_preferences", LOG_STR("user", jid_bare(user)),
		    LOG_STR("default", row->def));
	if (row->there && mam_jids_read(row->always, &prefs.always, &err) < 0)
		log_unreadable(user, "always", &err);
	if (row->there && mam_jids_read(row->never, &prefs.never, &err) < 0)
		log_unreadable(user, "never", &err);
	*prefs_r = prefs;
}

int mam_prefs_read(struct db *db, struct str host, struct str user, struct arena *arena,
    struct mam_prefs_row *row_r, struct err *err)
{
	struct db_rows *rows =
	    DB_QUERY(db, err, "SELECT def, always, never FROM archive_prefs WHERE {host=} username = ?",
		DB_P_TEXT(host), DB_P_TEXT(user));
	int rc = db_next(rows, err);
	*row_r = (struct mam_prefs_row){.there = rc > 0};
	if (rc > 0) {
		row_r->def = arena_str(arena, db_text(rows, 0));
		row_r->always = arena_str(arena, db_text(rows, 1));
		row_r->never = arena_str(arena, db_text(rows, 2));
	}
	db_end(&rows);
	return rc < 0 ? -1 : 0;
}

struct change {
	struct store_op op;
	struct user *user; /* held */
	struct iq *iq;     /* to be answered; NULL: nobody asked */
	struct mam_prefs prefs;
};

static int change_run(struct store_op *op, struct db *db, struct err *err)
{
	const struct change *change = list_entry(op, struct change, op);
	const struct jid *jid = user_jid(change->user);
	struct strbuf always = {0}, never = {0};
	mam_jids_write(&always, &change->prefs.always);
	mam_jids_write(&never, &change->prefs.never);
	int64_t rows = DB_EXEC(db, err,
	    "INSERT INTO archive_prefs ({host,} username, def, always, never) VALUES ({?,} ?, ?, ?, ?) "
	    "ON CONFLICT ({host,} username) DO UPDATE SET def = {excluded}.def, always = {excluded}.always, "
	    "never = {excluded}.never",
	    DB_P_TEXT(jid_domain(jid)), DB_P_TEXT(jid_local(jid)), DB_P_TEXT(str_of(words[change->prefs.def])),
	    DB_P_TEXT(strbuf_view(&always)), DB_P_TEXT(strbuf_view(&never)));
	strbuf_fini(&always);
	strbuf_fini(&never);
	return rows < 0 ? -1 : 0;
}

static void put_jids(struct xml_writer *reply, const char *name, const struct mam_jids *jids)
{
	xml_open(reply, name, NULL);
	for (size_t i = 0; i < jids->count; i++)
		xml_put_element(reply, "jid", NULL, jid_full(&jids->list[i]));
	xml_close(reply);
}

static enum iq_verdict answer(struct iq *iq, const struct mam_prefs *prefs, enum mam_default def)
{
	xml_open(iq->reply, "prefs", NS_MAM);
	xml_put_attr(iq->reply, "default", str_of(words[def]));
	put_jids(iq->reply, "always", &prefs->always);
	put_jids(iq->reply, "never", &prefs->never);
	xml_close(iq->reply);
	return IQ_ANSWER;
}

static void change_done(struct store_op *op, int result, const struct err *err)
{
	struct change *change = list_entry(op, struct change, op);
	struct mam_user *mam = mam_user_of(change->user); /* NULL: the module left meanwhile */
	enum iq_verdict verdict = IQ_SILENT;
	if (result < 0)
		LOG_ERROR("mam.preferences_not_written", LOG_STR("user", jid_bare(user_jid(change->user))),
		    LOG_CSTR("reason", err->text));
	if (change->iq)
		verdict = result < 0 ? iq_refuse(change->iq, SE_internal_server_error, NULL)
				     : answer(change->iq, &change->prefs, change->prefs.def);
	if (result >= 0 && mam) {
		mam_prefs_fini(&mam->prefs);
		mam->prefs = change->prefs;
		change->prefs = (struct mam_prefs){0};
	}
	if (change->iq)
		iq_finish(&change->iq, verdict);
	mam_prefs_fini(&change->prefs);
	user_release(change->user);
	free(change);
}

static void change_submit(struct user *user, struct iq *later, const struct mam_prefs *prefs)
{
	struct change *change = mem_zalloc(sizeof(*change));
	change->user = user;
	user_hold(user);
	change->iq = later;
	change->prefs = *prefs;
	change->prefs.given = true;
	change->op.kind = STORE_WRITE;
	change->op.key = jid_bare(user_jid(user));
	change->op.run = change_run;
	change->op.done = change_done;
	store_submit(&change->op);
}

void mam_prefs_activate(struct module_instance *instance, struct user *user)
{
	struct mam_user *mam = mam_user_of(user);
	if (mam->prefs.given || !module_option(instance, "request_activates_archiving")->boolean)
		return;
	/* From now on, and not only when it is written. */
	mam->prefs.given = true;
	mam->prefs.def = (enum mam_default)module_option(instance, "default")->integer;
	change_submit(user, NULL, &(struct mam_prefs){.def = mam->prefs.def});
}

/* --- asking and setting: XEP-0441 2 ------------------------------------------------------------ */

static enum stanza_condition read_jid(const struct xml *elem, struct mam_jids *jids)
{
	struct arena arena = {0};
	struct strbuf buf = {0};
	struct err err;
	struct jid jid;
	bool good = jid_parse(str_trim(xml_text(elem, &buf)), &arena, &jid, &err) == 0;
	if (good && !lists(jids, &jid))
		mam_jids_add(jids, &jid);
	arena_fini(&arena);
	strbuf_fini(&buf);
	return good ? SE_COUNT : SE_jid_malformed;
}

/* SE_COUNT: it is good. */
static enum stanza_condition read_list(
    const struct xml *prefs, const char *name, struct mam_jids *jids, size_t *room)
{
	enum stanza_condition wrong = SE_COUNT;
	const struct xml *list = xml_child(prefs, name, NS_MAM);
	const struct xml *elem = list ? xml_first_element(list) : NULL;
	for (; elem && wrong == SE_COUNT; elem = xml_next_element(elem)) {
		if (!xml_is(elem, "jid", NS_MAM))
			return SE_bad_request;
		if (!*room)
			return SE_resource_constraint;
		--*room;
		wrong = read_jid(elem, jids);
	}
	return wrong;
}

static enum stanza_condition read_prefs(const struct xml *elem, struct mam_prefs *prefs)
{
	size_t room = JIDS_MAX;
	if (!default_of(xml_attr_s(elem, "default"), &prefs->def))
		return SE_bad_request;
	enum stanza_condition wrong = read_list(elem, "always", &prefs->always, &room);
	return wrong != SE_COUNT ? wrong : read_list(elem, "never", &prefs->never, &room);
}

static enum iq_verdict set(struct iq *iq)
{
	struct mam_prefs prefs = {0};
	enum stanza_condition wrong = read_prefs(iq->payload, &prefs);
	if (wrong != SE_COUNT) {
		mam_prefs_fini(&prefs);
		return iq_refuse(iq, wrong, wrong == SE_resource_constraint ? "too many JIDs" : NULL);
	}
	change_submit(iq->user, iq_later(iq), &prefs);
	return IQ_LATER;
}

enum iq_verdict mam_prefs_on_iq(struct iq *iq)
{
	const struct mam_prefs *prefs = &mam_user_of(iq->user)->prefs;
	if (!module_allows(iq->instance, "access_preferences", &(struct access_subject){.jid = iq->from}))
		return iq_refuse(iq, SE_forbidden, "the preferences of the archive are not for you to change");
	return iq->type == IQ_SET ? set(iq) : answer(iq, prefs, effective_default(iq->instance, prefs));
}
