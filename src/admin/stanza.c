/* SPDX-License-Identifier: Apache-2.0 */
/* Sending stanzas from the command line. */
#include "admin/commands.h"
#include "base/rand.h"
#include "stanzad/route.h"
#include "stanzad/stanza.h"

struct addresses {
	struct arena arena;
	struct jid from, to;
};

static enum command_outcome address(
    struct command_call *call, const char *argument, struct arena *arena, struct jid *jid_r)
{
	struct str given = command_string(call, argument);
	struct err err;

	if (jid_parse(given, arena, jid_r, &err) < 0)
		return command_say(
		    call, COMMAND_USAGE, "%s: '%.*s' is not a JID: %s", argument, STR_FMT(given), err.text);
	return COMMAND_OK;
}

/* The arena is to be freed in any case. */
static enum command_outcome addresses(struct command_call *call, struct addresses *addresses_r)
{
	*addresses_r = (struct addresses){0};
	enum command_outcome outcome = address(call, "from", &addresses_r->arena, &addresses_r->from);
	if (outcome == COMMAND_OK)
		outcome = address(call, "to", &addresses_r->arena, &addresses_r->to);
	return outcome;
}

static bool is_message_type(struct str type)
{
	return str_is(type, "normal") || str_is(type, "chat") || str_is(type, "headline") ||
	       str_is(type, "groupchat");
}

static struct stanza *make_message(const struct command_call *call)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	struct str type = command_string(call, "type"), subject = command_string(call, "subject");
	char id[17];

	rand_id(id, 16);
	xml_open(&writer, "message", NULL);
	if (!str_is(type, "normal"))
		xml_put_attr(&writer, "type", type);
	xml_put_attr(&writer, "id", str_of(id));
	if (subject.len)
		xml_put_element(&writer, "subject", NULL, subject);
	xml_put_element(&writer, "body", NULL, command_string(call, "body"));
	xml_close(&writer);
	struct stanza *stanza = stanza_from_writer(&writer);
	xml_writer_fini(&writer);
	return stanza;
}

static enum command_outcome run_send_message(struct command_call *call)
{
	struct addresses ends;
	struct str type = command_string(call, "type");
	enum command_outcome outcome = addresses(call, &ends);

	if (outcome == COMMAND_OK && !is_message_type(type))
		outcome = command_say(call, COMMAND_USAGE,
		    "'%.*s' is not a type of messages: normal, chat, headline, groupchat", STR_FMT(type));
	if (outcome == COMMAND_OK) {
		struct stanza *stanza = make_message(call);
		route_post(&ends.from, &ends.to, stanza);
		stanza_unref(&stanza);
	}
	arena_fini(&ends.arena);
	return outcome;
}

static enum command_outcome run_send_stanza(struct command_call *call)
{
	struct addresses ends;
	struct stanza *stanza = NULL;
	struct err err = {""};
	enum command_outcome outcome = addresses(call, &ends);

	if (outcome == COMMAND_OK)
		stanza = stanza_parse(command_string(call, "stanza"), &xml_limits_default, &err);
	if (stanza)
		route_post(&ends.from, &ends.to, stanza);
	else if (outcome == COMMAND_OK)
		outcome = command_say(call, COMMAND_USAGE, "this is not a stanza: %s", err.text);
	stanza_unref(&stanza);
	arena_fini(&ends.arena);
	return outcome;
}

static const struct command_argument message_arguments[] = {
    {"type", COMMAND_STRING, "normal, chat, headline or groupchat", NULL},
    {"from", COMMAND_STRING, "JID of the sender", NULL},
    {"to", COMMAND_STRING, "JID of the recipient, bare or full", NULL},
    {"subject", COMMAND_STRING, "subject, may be empty", NULL},
    {"body", COMMAND_STRING, "text", NULL},
    {0},
};
static const struct command_argument stanza_arguments[] = {
    {"from", COMMAND_STRING, "JID of the sender", NULL},
    {"to", COMMAND_STRING, "JID of the recipient", NULL},
    {"stanza", COMMAND_STRING, "XML of a message, presence or iq; its own from and to do not count", NULL},
    {0},
};

const struct command stanza_commands[] = {
    {
	.name = "send_message",
	.tag = "stanza",
	.doc = "Sends a message.",
	.arguments = message_arguments,
	.result = COMMAND_RESCODE,
	.run = run_send_message,
    },
    {
	.name = "send_stanza",
	.tag = "stanza",
	.doc = "Sends a stanza.",
	.arguments = stanza_arguments,
	.result = COMMAND_RESCODE,
	.run = run_send_stanza,
    },
    {0},
};
