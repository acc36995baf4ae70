/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XEP-0317 3.2 to 3.7, by the commands of XEP-0050. A command has one form at most, and nothing is kept
 * between its request and what is submitted: a form that is sent without having been asked for is as good.
 */
#include "modules/mod_muc/hats.h"
#include "stanzad/disco.h"
#include "stanzad/form.h"
#include "stanzad/rand.h"

#define SESSION_MAX 256

static const struct {
	const char *node, *name;
} commands[HATS_COMMAND_COUNT] = {
    [HATS_LIST] = {HATS_FORM ":list", "List the hats of the room"},
    [HATS_LIST_ASSIGNED] = {HATS_FORM ":list-assigned", "List who wears which hat"},
    [HATS_CREATE] = {HATS_FORM ":create", "Make or change a hat"},
    [HATS_DESTROY] = {HATS_FORM ":destroy", "Destroy a hat"},
    [HATS_ASSIGN] = {HATS_FORM ":assign", "Give somebody a hat"},
    [HATS_UNASSIGN] = {HATS_FORM ":unassign", "Take a hat from somebody"},
};

/* Whoever is in the room may know its hats; the rest, which shows real JIDs, is for those who administer it.
 */
static bool may(const struct room *room, const struct jid *jid, enum hats_command command)
{
	enum room_affiliation affiliation = room_privilege(room, jid);
	if (!room->config.enable_hats)
		return false;
	if (command == HATS_LIST && affiliation != ROOM_OUTCAST)
		return affiliation >= ROOM_MEMBER || room_client(room, jid);
	return affiliation >= ROOM_ADMIN;
}

static int find(struct str node)
{
	for (int i = 0; i < HATS_COMMAND_COUNT; i++)
		if (str_is(node, commands[i].node))
			return i;
	return -1;
}

/* --- discovery ------------------------------------------------------------------------------------------ */

bool room_hats_put_items(const struct room *room, const struct jid *from, struct xml_writer *reply)
{
	if (!room->config.enable_hats)
		return false;
	xml_open(reply, "query", NS_DISCO_ITEMS);
	xml_put_attr(reply, "node", STR(NS_COMMANDS));
	for (int i = 0; i < HATS_COMMAND_COUNT; i++)
		if (may(room, from, (enum hats_command)i))
			disco_put_item(
			    reply, jid_full(&room->jid), str_of(commands[i].node), str_of(commands[i].name));
	xml_close(reply);
	return true;
}

bool room_hats_put_info(
    const struct room *room, const struct jid *from, struct str node, struct xml_writer *reply)
{
	int command = find(node);
	bool list = str_is(node, NS_COMMANDS);
	if (!room->config.enable_hats ||
	    (!list && (command < 0 || !may(room, from, (enum hats_command)command))))
		return false;
	xml_open(reply, "query", NS_DISCO_INFO);
	xml_put_attr(reply, "node", node);
	if (list) {
		disco_put_identity(reply, "automation", "command-list", STR("Commands"));
	} else {
		disco_put_identity(reply, "automation", "command-node", str_of(commands[command].name));
		disco_put_feature(reply, NS_COMMANDS);
		disco_put_feature(reply, NS_DATA);
	}
	xml_close(reply);
	return true;
}

/* --- what is submitted ---------------------------------------------------------------------------------- */

/* What the form says of whom: a JID of the room is who has that nick. < 0: it says nothing that can be. */
static int read_jid(const struct room *room, const struct xml *x, struct arena *arena, struct jid *jid_r)
{
	struct str text = form_value(x, "hats#jid");
	if (!text.len || jid_parse(str_trim(text), arena, jid_r, NULL) < 0)
		return -1;
	if (!jid_bare_eq(jid_r, &room->jid))
		return 0;
	const struct occupant *occupant = room_occupant(room, jid_resource(jid_r));
	if (!occupant)
		return -1;
	*jid_r = occupant->real;
	return 0;
}

static int change_wearer(
    struct room *room, enum hats_command command, const struct xml *x, struct stanza_error *error_r)
{
	struct arena arena = {0};
	struct jid jid;
	struct str uri = form_value(x, "hats#uri");
	int rc = read_jid(room, x, &arena, &jid);
	if (rc < 0) {
		*error_r = (struct stanza_error){
		    .condition = SE_bad_request, .text = "the form does not say whose hat"};
	} else {
		jid = jid_dup(&jid, &arena);
		rc = command == HATS_ASSIGN ? room_hat_assign(room, &jid, uri, error_r)
					    : room_hat_unassign(room, &jid, uri, error_r);
	}
	arena_fini(&arena);
	return rc;
}

static int change(
    struct room *room, enum hats_command command, const struct xml *x, struct stanza_error *error_r)
{
	struct str uri = form_value(x, "hats#uri");
	if (command == HATS_CREATE)
		return room_hat_put(
		    room, uri, form_value(x, "hats#title"), form_value(x, "hats#hue"), error_r);
	return command == HATS_DESTROY ? room_hat_destroy(room, uri, error_r)
				       : change_wearer(room, command, x, error_r);
}

/* --- requests ------------------------------------------------------------------------------------------- */

static void open_answer(struct iq *iq, enum hats_command command, const char *status)
{
	char id[27];
	struct str session = xml_attr_s(iq->payload, "sessionid");
	xml_open(iq->reply, "command", NS_COMMANDS);
	xml_put_attr(iq->reply, "node", str_of(commands[command].node));
	rand_id(id, sizeof(id) - 1);
	xml_put_attr(
	    iq->reply, "sessionid", session.len && session.len <= SESSION_MAX ? session : str_of(id));
	xml_put_attr(iq->reply, "status", str_of(status));
}

static enum iq_verdict cancel(struct iq *iq, enum hats_command command)
{
	open_answer(iq, command, "canceled");
	xml_close(iq->reply);
	return IQ_ANSWER;
}

static enum iq_verdict submit(
    struct room *room, struct iq *iq, enum hats_command command, const struct xml *x)
{
	if (form_namespace(x).len && !str_is(form_namespace(x), HATS_FORM))
		return iq_refuse(iq, SE_bad_request, "this form is for something else");
	if (change(room, command, x, &iq->error) < 0)
		return IQ_REFUSE;
	open_answer(iq, command, "completed");
	xml_close(iq->reply);
	return IQ_ANSWER;
}

static enum iq_verdict give_form(struct room *room, struct iq *iq, enum hats_command command)
{
	open_answer(iq, command, "executing");
	xml_open(iq->reply, "actions", NULL);
	xml_put_attr(iq->reply, "execute", STR("complete"));
	xml_put_element(iq->reply, "complete", NULL, STR_NULL);
	xml_close(iq->reply);
	hats_put_form(iq->reply, room, command);
	xml_close(iq->reply);
	return IQ_ANSWER;
}

static enum iq_verdict execute(struct room *room, struct iq *iq, enum hats_command command)
{
	const struct xml *x = xml_child(iq->payload, "x", NS_DATA);
	enum form_type type = FORM_FORM;
	if (command == HATS_LIST || command == HATS_LIST_ASSIGNED) {
		open_answer(iq, command, "completed");
		hats_put_list(iq->reply, room, command);
		xml_close(iq->reply);
		return IQ_ANSWER;
	}
	if (!x)
		return give_form(room, iq, command);
	if (form_type(x, &type, NULL) < 0 || (type != FORM_SUBMIT && type != FORM_CANCEL))
		return iq_refuse(iq, SE_bad_request, "this is no submitted form");
	return type == FORM_CANCEL ? cancel(iq, command) : submit(room, iq, command, x);
}

static bool is_action(struct str action)
{
	return !action.len || str_is(action, "execute") || str_is(action, "next") ||
	       str_is(action, "complete") || str_is(action, "cancel");
}

enum iq_verdict room_hats_on_command(struct room *room, struct iq *iq)
{
	int command = find(xml_attr_s(iq->payload, "node"));
	struct str action = xml_attr_s(iq->payload, "action");
	if (iq->type != IQ_SET || !is_action(action))
		return iq_refuse(iq, SE_bad_request, NULL);
	if (command < 0 || !room->config.enable_hats)
		return iq_refuse(iq, SE_item_not_found, "there is no such command");
	if (!may(room, iq->from, (enum hats_command)command))
		return iq_refuse(iq, SE_forbidden, "this is for owners and administrators of the room");
	if (str_is(action, "cancel"))
		return cancel(iq, (enum hats_command)command);
	return execute(room, iq, (enum hats_command)command);
}
