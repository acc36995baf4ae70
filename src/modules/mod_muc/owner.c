/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/room.h"

#include "modules/mod_muc/configure.h"
#include "modules/mod_muc/owner_lists.h"
#include "stanzad/form.h"

/* --- the form: 10.1.3, 10.2 ----------------------------------------------------------------------------- */

static enum iq_verdict on_get(struct room *room, struct iq *iq)
{
	struct room_config_rules rules;
	struct strbuf title = {0};
	if (xml_first_element(iq->payload))
		return iq_refuse(iq, SE_bad_request, NULL);
	room_config_rules_for(room, iq->from, &rules);
	strbuf_cstr(&title, "Configuration of ");
	strbuf_str(&title, jid_full(&room->jid));
	xml_open(iq->reply, "query", NS_MUC_OWNER);
	room_config_put_form(iq->reply, &room->config, &rules, strbuf_view(&title));
	xml_close(iq->reply);
	strbuf_fini(&title);
	return IQ_ANSWER;
}

/* The result goes out before what the occupants hear of it. */
static void answer_first(struct iq *iq)
{
	struct stanza *result = stanza_make_result(iq->stanza, NULL);
	if (result)
		route(iq->to, iq->from, result);
	stanza_unref(&result);
}

/* What a form asks for, before anything of it is done. */
struct wish {
	struct room_config config; /* owned */
	struct room_form_people people;
	struct arena arena;
};

static bool read_form(const struct room *room, struct iq *iq, const struct xml *x, struct wish *wish)
{
	struct room_config_rules rules;
	room_config_rules_for(room, iq->from, &rules);
	return room_config_read_form(x, &rules, &wish->config, &iq->error) == 0 &&
	       room_form_people_read(x, &wish->arena, &wish->people, &iq->error) == 0 &&
	       owner_lists_check(room, &wish->people, &iq->error);
}

static enum iq_verdict on_submit(struct room *room, struct iq *iq, const struct xml *x)
{
	struct wish wish = {0};
	enum iq_verdict verdict = IQ_REFUSE;
	room_config_copy(&wish.config, &room->config);
	/* 10.1.2: an empty form takes what is there. */
	if (!xml_first_element(x) || read_form(room, iq, x, &wish)) {
		answer_first(iq);
		owner_lists_apply(room, &wish.people, iq->from);
		room_configure(room, &wish.config, iq->from);
		verdict = IQ_SILENT;
	}
	room_config_fini(&wish.config);
	arena_fini(&wish.arena);
	return verdict;
}

/* 10.1.3: of the first configuration, which ends the room; 10.2: of a later one, which changes nothing. */
static enum iq_verdict on_cancel(struct room *room, struct iq *iq)
{
	if (room->locked)
		room_destroy(room, &(struct room_end){.by = iq->from});
	return IQ_ANSWER;
}

static enum iq_verdict on_form(struct room *room, struct iq *iq, const struct xml *x)
{
	enum form_type type;
	struct err err;
	if (form_type(x, &type, &err) < 0)
		return iq_refuse(iq, SE_bad_request, "the form is malformed");
	if (type == FORM_CANCEL)
		return on_cancel(room, iq);
	if (type == FORM_SUBMIT)
		return on_submit(room, iq, x);
	return iq_refuse(iq, SE_bad_request, "a form is submitted or cancelled");
}

/* --- its end: 10.9 -------------------------------------------------------------------------------------- */

static enum iq_verdict destroy(struct room *room, struct iq *iq, const struct xml *element,
    struct strbuf *reason, struct strbuf *password)
{
	struct arena arena = {0};
	struct jid alternate;
	struct str text = xml_attr(element, "jid");
	struct room_end end = {.by = iq->from,
	    .reason = xml_child_text(element, "reason", reason),
	    .password = xml_child_text(element, "password", password)};
	enum iq_verdict verdict = IQ_ANSWER;
	if (end.reason.len > ROOM_REASON_MAX || end.password.len > ROOM_REASON_MAX)
		verdict = iq_refuse(iq, SE_policy_violation, "the reason or the password is too long");
	else if (text.len && jid_parse(text, &arena, &alternate, NULL) < 0)
		verdict = iq_refuse(iq, SE_jid_malformed, "the other room's JID is malformed");
	else if (text.len)
		end.alternate = &alternate;
	if (verdict == IQ_ANSWER)
		room_destroy(room, &end);
	arena_fini(&arena);
	return verdict;
}

static enum iq_verdict on_destroy(struct room *room, struct iq *iq, const struct xml *element)
{
	struct strbuf reason = {0}, password = {0};
	enum iq_verdict verdict = destroy(room, iq, element, &reason, &password);
	strbuf_fini(&reason);
	strbuf_fini(&password);
	return verdict;
}

/* --- the handler ---------------------------------------------------------------------------------------- */

static enum iq_verdict on_set(struct room *room, struct iq *iq)
{
	const struct xml *child = xml_first_element(iq->payload);
	if (!child || xml_next_element(child))
		return iq_refuse(iq, SE_bad_request, "it takes one form, or a destroy element");
	if (xml_is(child, "x", NS_DATA))
		return on_form(room, iq, child);
	if (xml_is(child, "destroy", NS_MUC_OWNER))
		return on_destroy(room, iq, child);
	return iq_refuse(iq, SE_bad_request, NULL);
}

enum iq_verdict room_owner_on_iq(struct room *room, struct iq *iq)
{
	enum iq_verdict verdict;
	if (!xml_is(iq->payload, "query", NS_MUC_OWNER))
		return iq_refuse(iq, SE_bad_request, NULL);
	if (!room_right(ROOM_DEED_CONFIGURE, room_standing_of(room, iq->from)))
		return iq_refuse(iq, SE_forbidden, NULL);
	room_hold(room);
	verdict = iq->type == IQ_GET ? on_get(room, iq) : on_set(room, iq);
	room_release(room);
	return verdict;
}
