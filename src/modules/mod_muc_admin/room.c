/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc_admin/muc_admin.h"
#include "stanzad/datetime.h"

/* --- options -------------------------------------------------------------------------------------------- */

static void add_option(void *arg, const char *name, struct str value)
{
	json_array_append_new(arg, json_pack("{s:s, s:o}", "name", name, "value", admin_json(value)));
}

static void list_options(void *arg, struct room *room)
{
	room_config_each(&room->config, add_option, arg);
}

enum command_outcome admin_room_options(struct command_call *call)
{
	json_t *options = json_array();
	enum command_outcome outcome = admin_visit(call, list_options, options);
	if (outcome == COMMAND_OK)
		call->result = json_incref(options);
	json_decref(options);
	return outcome;
}

struct changing {
	struct str name, value;
	int result;
	struct err err;
};

static void change_option(void *arg, struct room *room)
{
	struct changing *changing = arg;
	struct room_config config = {0};
	room_config_copy(&config, &room->config);
	changing->result = room_config_set(&config, changing->name, changing->value, &changing->err);
	if (changing->result == 0)
		room_configure(room, &config, NULL);
	room_config_fini(&config);
}

enum command_outcome admin_change_option(struct command_call *call)
{
	struct changing changing = {command_string(call, "option"), command_string(call, "value"), 0, {{0}}};
	enum command_outcome outcome = admin_visit(call, change_option, &changing);
	if (outcome == COMMAND_OK && changing.result < 0)
		outcome = command_say(call, COMMAND_USAGE, "%s", changing.err.text);
	return outcome;
}

/* --- history -------------------------------------------------------------------------------------------- */

static void add_said(void *arg, const struct jid *as, struct stanza *stanza, int64_t at_us)
{
	struct strbuf text = {0};
	char stamp[DATETIME_MAX];
	datetime_format(stamp, at_us, 6);
	stanza_write(&text, stanza, as, NULL);
	json_array_append_new(
	    arg, json_pack("{s:s, s:o}", "timestamp", stamp, "message", admin_json(strbuf_view(&text))));
	strbuf_fini(&text);
}

static void list_history(void *arg, struct room *room)
{
	room_history_each(room, add_said, arg);
}

enum command_outcome admin_room_history(struct command_call *call)
{
	json_t *history = json_array();
	enum command_outcome outcome = admin_visit(call, list_history, history);
	if (outcome == COMMAND_OK)
		call->result = json_incref(history);
	json_decref(history);
	return outcome;
}
