/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_muc/subscribers.h"
#include "stanzad/form.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"
#include "stanzad/route.h"

#define FORM_NS NS_MUC "#register"
#define MEMBER_REASON "Registered with the room" /* by which it is known who became a member in this way */

/* A request that waits for storage: with a room, or with the service. */
struct registration {
	struct store_op op;
	struct muc *muc;
	struct room *room; /* held; NULL: with the service */
	struct iq *iq;
	struct str where, bare, nick; /* nick: empty to take the registration back */
	struct arena arena;
};

/* --- what is asked for ---------------------------------------------------------------------------------- */

enum wish { WISH_NICK, WISH_REMOVE, WISH_NOTHING, WISH_REFUSED };

static enum wish refuse(struct iq *iq, enum stanza_condition condition, const char *text)
{
	iq_refuse(iq, condition, text);
	return WISH_REFUSED;
}

static enum wish read_nick(struct iq *iq, struct str text, struct arena *arena, struct str *nick_r)
{
	if (!str_trim(text).len)
		return refuse(iq, SE_bad_request, "a nick is missing");
	if (jid_prep_resource(text, arena, nick_r, NULL) < 0)
		return refuse(iq, SE_not_acceptable, "this can be nobody's nick");
	*nick_r = arena_str(arena, *nick_r);
	return WISH_NICK;
}

static enum wish read_form(struct iq *iq, const struct xml *x, struct arena *arena, struct str *nick_r)
{
	enum form_type type;
	if (form_type(x, &type, NULL) < 0 || type == FORM_FORM || type == FORM_RESULT)
		return refuse(iq, SE_bad_request, "a form to be submitted is missing");
	if (type == FORM_CANCEL)
		return WISH_NOTHING;
	if (!str_is(form_namespace(x), FORM_NS))
		return refuse(iq, SE_bad_request, "the form is not of type " FORM_NS);
	return read_nick(iq, form_value(x, "muc#register_roomnick"), arena, nick_r);
}

static enum wish read_wish(struct iq *iq, struct arena *arena, struct str *nick_r)
{
	struct strbuf text = {0};
	const struct xml *x = xml_child(iq->payload, "x", NS_DATA);
	if (xml_child(iq->payload, "remove", NULL))
		return WISH_REMOVE;
	if (x)
		return read_form(iq, x, arena, nick_r);
	enum wish wish = read_nick(iq, xml_child_text(iq->payload, "nick", &text), arena, nick_r);
	strbuf_fini(&text);
	return wish;
}

/* --- 7.10: the answer to a get -------------------------------------------------------------------------- */

static struct str title_of(struct registration *registration)
{
	const char *what = registration->room ? "Registration with the room" : "Registration of a nick at";
	return str_of(arena_printf(&registration->arena, "%s %.*s", what, STR_FMT(registration->where)));
}

static void put_requirements(struct registration *registration, struct str nick)
{
	static const struct form_field field = {"muc#register_roomnick", "text-single", "Nickname", true};
	struct xml_writer *reply = registration->iq->reply;
	xml_open(reply, "query", NS_REGISTER);
	if (nick.ptr) {
		xml_put_element(reply, "registered", NULL, STR_NULL);
		xml_put_element(reply, registration->room ? "username" : "nick", NULL, nick);
	}
	xml_put_element(reply, "instructions", NULL, STR("A client that shows forms is needed for this."));
	form_open(reply, FORM_FORM, NULL);
	xml_put_element(reply, "title", NULL, title_of(registration));
	xml_put_element(reply, "instructions", NULL, STR("Choose the nick that is to be yours alone."));
	form_put1(reply, "FORM_TYPE", "hidden", STR(FORM_NS));
	form_put(reply, &field, &nick, nick.ptr != NULL);
	xml_close(reply);
	xml_close(reply);
}

/* --- storage -------------------------------------------------------------------------------------------- */

static struct registration *registration_new(struct iq *iq, struct room *room, struct str nick)
{
	struct registration *registration = mem_zalloc(sizeof(*registration));
	registration->iq = iq_later(iq);
	registration->muc = muc_of(iq->instance);
	registration->room = room;
	registration->where = room ? jid_bare(registration->iq->to) : jid_domain(registration->iq->to);
	registration->bare = jid_bare(registration->iq->from);
	registration->nick = arena_str(&registration->arena, nick);
	registration->op.key = registration->where;
	if (room)
		room_hold(room);
	return registration;
}

static void finish(struct registration *registration, enum iq_verdict verdict)
{
	struct room *room = registration->room;
	iq_finish(&registration->iq, verdict);
	arena_fini(&registration->arena);
	free(registration);
	if (room)
		room_release(room);
}

static int run_get(struct store_op *op, struct db *db, struct err *err)
{
	return muc_nicks_ensure(((struct registration *)op)->muc, db, err);
}

static void log_failure(const struct registration *registration, const struct err *err)
{
	LOG_ERROR("muc.register_failed", LOG_STR("where", registration->where),
	    LOG_STR("jid", registration->bare), LOG_CSTR("reason", err->text));
}

static void on_got(struct store_op *op, int result, const struct err *err)
{
	struct registration *registration = (struct registration *)op;
	if (result < 0) {
		log_failure(registration, err);
		finish(registration, iq_refuse(registration->iq, SE_internal_server_error, NULL));
		return;
	}
	put_requirements(registration,
	    muc_nicks_of(
		registration->muc, registration->where, registration->bare, &registration->arena));
	finish(registration, IQ_ANSWER);
}

static int run_set(struct store_op *op, struct db *db, struct err *err)
{
	struct registration *registration = (struct registration *)op;
	if (muc_nicks_ensure(registration->muc, db, err) < 0)
		return -1;
	return muc_nicks_write(
	    registration->muc, db, registration->where, registration->bare, registration->nick, err);
}

/* 7.10: whoever registers becomes a member, and who takes it back is what they were before. */
static void follow(struct room *room, const struct jid *jid, bool registered)
{
	const struct room_affiliate *affiliate = room_affiliate(room, jid_bare(jid));
	if (registered && room_affiliation_of(room, jid) == ROOM_NONE)
		room_set_affiliation(room, jid, ROOM_MEMBER, NULL, STR(MEMBER_REASON));
	else if (!registered && affiliate && affiliate->affiliation == ROOM_MEMBER &&
		 str_is(room_word(&affiliate->reason), MEMBER_REASON))
		room_set_affiliation(room, jid, ROOM_NONE, NULL, STR_NULL);
}

static enum iq_verdict outcome(struct registration *registration, int result, const struct err *err)
{
	struct room *room = registration->room;
	struct jid jid = jid_to_bare(registration->iq->from);
	if (result < 0) {
		log_failure(registration, err);
		return iq_refuse(registration->iq, SE_internal_server_error, NULL);
	}
	if (result > 0)
		return iq_refuse(registration->iq, SE_conflict, "somebody else registered this nick");
	if (room && room->ending)
		return iq_refuse(registration->iq, SE_item_not_found, "the room is no more");
	muc_nicks_note(registration->muc, registration->where, registration->bare, registration->nick);
	if (room)
		follow(room, &jid, registration->nick.len > 0);
	return IQ_ANSWER;
}

static void on_set(struct store_op *op, int result, const struct err *err)
{
	struct registration *registration = (struct registration *)op;
	finish(registration, outcome(registration, result, err));
}

/* --- the request ---------------------------------------------------------------------------------------- */

static enum iq_verdict submit(struct iq *iq, struct room *room, enum store_kind kind, struct str nick)
{
	if (!storage_has_room(iq->from))
		return iq_refuse(iq, SE_resource_constraint, "too much waits for storage");
	struct registration *registration = registration_new(iq, room, nick);
	registration->op.kind = kind;
	registration->op.run = kind == STORE_READ ? run_get : run_set;
	registration->op.done = kind == STORE_READ ? on_got : on_set;
	store_submit(&registration->op);
	return IQ_LATER;
}

/* 5.1.2: those who would come without voice cannot get it by registering. */
static bool is_open_to(const struct room *room, const struct jid *jid)
{
	const struct occupant *occupant = room_occupant_of(room, jid);
	if (occupant)
		return occupant->role >= ROOM_PARTICIPANT;
	return !room->config.members_only && !room->config.password_protected &&
	       room_default_role(room, ROOM_NONE) >= ROOM_PARTICIPANT;
}

/* IQ_PASS: they may. */
static enum iq_verdict check_room(struct room *room, struct iq *iq)
{
	enum room_affiliation affiliation = room_affiliation_of(room, iq->from);
	if (affiliation == ROOM_OUTCAST)
		return iq_refuse(iq, SE_forbidden, "you are banned from this room");
	if (!muc_allows(room->instance, "access_register", iq->from) ||
	    (affiliation == ROOM_NONE && !is_open_to(room, iq->from)))
		return iq_refuse(iq, SE_not_allowed, "you may not register with this room");
	return IQ_PASS;
}

static bool is_worn(const struct room *room, const struct jid *jid, struct str nick)
{
	const struct occupant *occupant = room_occupant(room, nick);
	const struct subscriber *subscriber = room_subscriber_by_nick(room, nick);
	return (occupant && !jid_bare_eq(&occupant->real, jid)) ||
	       (subscriber && !jid_bare_eq(&subscriber->jid, jid));
}

static enum iq_verdict set(struct iq *iq, struct room *room)
{
	struct arena arena = {0};
	struct str nick = STR_NULL;
	enum wish wish = read_wish(iq, &arena, &nick);
	enum iq_verdict verdict = room && wish != WISH_REMOVE ? check_room(room, iq) : IQ_PASS;
	if (verdict != IQ_PASS) {
		arena_fini(&arena);
		return verdict;
	}
	if (wish == WISH_REFUSED)
		verdict = IQ_REFUSE;
	else if (wish == WISH_NOTHING)
		verdict = IQ_ANSWER;
	else if (room && wish == WISH_NICK && is_worn(room, iq->from, nick))
		verdict = iq_refuse(iq, SE_conflict, "somebody else is here under this nick");
	else
		verdict = submit(iq, room, STORE_WRITE, nick);
	arena_fini(&arena);
	return verdict;
}

enum iq_verdict room_register_on_iq(struct room *room, struct iq *iq)
{
	if (iq->type == IQ_SET)
		return set(iq, room);
	enum iq_verdict verdict = check_room(room, iq);
	return verdict == IQ_PASS ? submit(iq, room, STORE_READ, STR_NULL) : verdict;
}

enum iq_verdict muc_register_on_iq(struct iq *iq)
{
	if (!muc_allows(iq->instance, "access_register", iq->from))
		return iq_refuse(iq, SE_forbidden, "you may not register a nick here");
	return iq->type == IQ_SET ? set(iq, NULL) : submit(iq, NULL, STORE_READ, STR_NULL);
}

/* --- the end of a room ---------------------------------------------------------------------------------- */

struct dropping {
	struct store_op op;
	struct muc *muc;
	char *where;
};

static int run_drop(struct store_op *op, struct db *db, struct err *err)
{
	struct dropping *dropping = (struct dropping *)op;
	return muc_nicks_remove(dropping->muc, db, str_of(dropping->where), err);
}

static void on_dropped(struct store_op *op, int result, const struct err *err)
{
	struct dropping *dropping = (struct dropping *)op;
	if (result < 0)
		LOG_ERROR("muc.register_failed", LOG_CSTR("where", dropping->where), LOG_CSTR("reason", err->text));
	free(dropping->where);
	module_release(dropping->muc->instance);
	free(dropping);
}

void room_registrations_drop(struct room *room)
{
	if (!muc_nicks_any(room->muc, jid_full(&room->jid)))
		return;
	struct dropping *dropping = mem_zalloc(sizeof(*dropping));
	dropping->muc = room->muc;
	dropping->where = str_dup(jid_full(&room->jid));
	dropping->op = (struct store_op){
	    .kind = STORE_WRITE, .key = str_of(dropping->where), .run = run_drop, .done = on_dropped};
	muc_nicks_forget(room->muc, str_of(dropping->where));
	module_hold(room->instance);
	store_submit(&dropping->op);
}
