/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_private/private.h"
#include "stanzad/command.h"

struct task {
	const struct jid *jid;
	const struct xml *elem;
	struct xml_writer reply;
};

static int get_run(void *arg, struct db *db, struct err *err)
{
	struct task *task = arg;
	return private_read(db, task->jid, task->elem, &task->reply, err);
}

static int set_run(void *arg, struct db *db, struct err *err)
{
	struct task *task = arg;
	bool room = true;
	if (private_write(db, task->jid, task->elem, err) < 0 ||
	    private_has_room(db, task->jid, &room, err) < 0)
		return -1;
	return room ? 0 : err_set(err, "the user's private storage is full");
}

/* Runs fn with the element that text is; the account is there. */
static enum command_outcome with_element(struct command_call *call, struct task *task, struct str text,
    enum store_kind kind, int (*fn)(void *arg, struct db *db, struct err *err))
{
	struct err err = {0};
	size_t offset = 0;
	struct xml_tree *tree = xml_parse(text, STR_NULL, &xml_limits_default, &offset, &err);
	enum command_outcome outcome = COMMAND_OK;
	if (!tree)
		return command_say(
		    call, COMMAND_USAGE, "the element is not good XML: %s at byte %zu", err.text, offset);
	task->elem = tree->root;
	if (private_is_reserved(tree->root->ns))
		outcome = command_say(call, COMMAND_USAGE, "the element needs a namespace of its own");
	else if (store_call(kind, jid_bare(task->jid), fn, task, &err) < 0)
		outcome = command_say(call, COMMAND_FAILED, "%s", err.text);
	xml_tree_unref(&tree);
	return outcome;
}

static enum command_outcome private_get(struct command_call *call)
{
	struct command_account account;
	struct strbuf text = {0};
	enum command_outcome outcome = command_existing_account(call, &account);
	struct task task = {.jid = &account.jid};
	strbuf_printf(&text, "<%.*s xmlns='", STR_FMT(command_string(call, "element")));
	xml_escape(&text, command_string(call, "ns"));
	strbuf_cstr(&text, "'/>");
	if (outcome == COMMAND_OK)
		outcome = with_element(call, &task, strbuf_view(&text), STORE_READ, get_run);
	if (outcome == COMMAND_OK)
		call->result = json_stringn(task.reply.buf.ptr, task.reply.buf.len);
	strbuf_fini(&text);
	xml_writer_fini(&task.reply);
	command_account_fini(&account);
	return outcome;
}

static enum command_outcome private_set(struct command_call *call)
{
	struct command_account account;
	enum command_outcome outcome = command_existing_account(call, &account);
	struct task task = {.jid = &account.jid};
	if (outcome == COMMAND_OK)
		outcome = with_element(call, &task, command_string(call, "element"), STORE_WRITE, set_run);
	command_account_fini(&account);
	return outcome;
}

static const struct command_argument get_arguments[] = {
    {"user", COMMAND_STRING, "User name", NULL},
    {"host", COMMAND_STRING, "Server name", NULL},
    {"element", COMMAND_STRING, "Element name", NULL},
    {"ns", COMMAND_STRING, "Namespace", NULL},
    {0},
};

static const struct command_argument set_arguments[] = {
    {"user", COMMAND_STRING, "User name", NULL},
    {"host", COMMAND_STRING, "Server name", NULL},
    {"element", COMMAND_STRING, "The element, as XML", NULL},
    {0},
};

const struct command private_commands[] = {
    {"private_get", "private", "Show an element of a user's private storage.", get_arguments, COMMAND_VALUE,
	NULL, private_get},
    {"private_set", "private", "Put an element into a user's private storage.", set_arguments,
	COMMAND_RESCODE, NULL, private_set},
    {0},
};
