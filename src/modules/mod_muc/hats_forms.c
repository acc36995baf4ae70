/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/hats.h"
#include "stanzad/form.h"

/* --- results -------------------------------------------------------------------------------------------- */

static void put_reported(struct xml_writer *reply, const char *const *vars)
{
	xml_open(reply, "reported", NULL);
	for (; *vars; vars++) {
		xml_open(reply, "field", NULL);
		xml_put_attr(reply, "var", str_of(*vars));
		xml_close(reply);
	}
	xml_close(reply);
}

static void put_cell(struct xml_writer *reply, const char *var, struct str value)
{
	xml_open(reply, "field", NULL);
	xml_put_attr(reply, "var", str_of(var));
	xml_put_element(reply, "value", NULL, value);
	xml_close(reply);
}

static void put_row(struct xml_writer *reply, const struct hat *hat, const struct jid *jid)
{
	xml_open(reply, "item", NULL);
	if (jid)
		put_cell(reply, "hats#jid", jid_full(jid));
	put_cell(reply, "hats#title", room_word(&hat->title));
	put_cell(reply, "hats#uri", room_word(&hat->uri));
	if (hat->hue.len)
		put_cell(reply, "hats#hue", room_word(&hat->hue));
	xml_close(reply);
}

static void put_worn(struct xml_writer *reply, const struct hats *hats)
{
	for (struct list *at = hats->wearers.next; at != &hats->wearers; at = at->next) {
		const struct hat_wearer *wearer = list_entry(at, struct hat_wearer, node);
		for (unsigned i = 0; i < wearer->count; i++)
			put_row(reply, wearer->worn[i], &wearer->jid);
	}
}

static void put_all(struct xml_writer *reply, const struct hats *hats)
{
	for (struct list *at = hats->all.next; at != &hats->all; at = at->next)
		put_row(reply, list_entry(at, struct hat, node), NULL);
}

void hats_put_list(struct xml_writer *reply, const struct room *room, enum hats_command command)
{
	static const char *const vars[] = {"hats#jid", "hats#title", "hats#uri", "hats#hue", NULL};
	const struct hats *hats = room_hats(room);
	bool assigned = command == HATS_LIST_ASSIGNED;
	form_open(reply, FORM_RESULT, HATS_FORM);
	xml_put_element(
	    reply, "title", NULL, assigned ? STR("Who wears which hat") : STR("Hats of the room"));
	put_reported(reply, assigned ? vars : vars + 1);
	if (hats && assigned)
		put_worn(reply, hats);
	else if (hats)
		put_all(reply, hats);
	xml_close(reply);
}

/* --- forms to fill in ----------------------------------------------------------------------------------- */

static void put_field(
    struct xml_writer *reply, const char *var, const char *type, const char *label, bool required)
{
	struct form_field field = {var, type, label, required};
	form_put(reply, &field, NULL, 0);
}

static void put_choice(struct xml_writer *reply, const struct room *room)
{
	const struct hats *hats = room_hats(room);
	xml_open(reply, "field", NULL);
	xml_put_attr(reply, "var", STR("hats#uri"));
	xml_put_attr(reply, "type", STR("list-single"));
	xml_put_attr(reply, "label", STR("Hat"));
	xml_put_element(reply, "required", NULL, STR_NULL);
	for (struct list *at = hats ? hats->all.next : NULL; hats && at != &hats->all; at = at->next) {
		const struct hat *hat = list_entry(at, struct hat, node);
		xml_open(reply, "option", NULL);
		xml_put_attr(reply, "label", room_word(&hat->title));
		xml_put_element(reply, "value", NULL, room_word(&hat->uri));
		xml_close(reply);
	}
	xml_close(reply);
}

void hats_put_form(struct xml_writer *reply, const struct room *room, enum hats_command command)
{
	static const char *const titles[HATS_COMMAND_COUNT] = {[HATS_CREATE] = "Make or change a hat",
	    [HATS_DESTROY] = "Destroy a hat",
	    [HATS_ASSIGN] = "Give somebody a hat",
	    [HATS_UNASSIGN] = "Take a hat from somebody"};
	form_open(reply, FORM_FORM, HATS_FORM);
	xml_put_element(reply, "title", NULL, str_of(titles[command]));
	if (command == HATS_CREATE) {
		put_field(reply, "hats#title", "text-single", "Title", true);
		put_field(reply, "hats#uri", "text-single", "URI", true);
		put_field(reply, "hats#hue", "text-single", "Hue of its color, from 0 to 360", false);
	} else {
		if (command != HATS_DESTROY)
			put_field(reply, "hats#jid", "jid-single", "Address of the user", true);
		put_choice(reply, room);
	}
	xml_close(reply);
}
