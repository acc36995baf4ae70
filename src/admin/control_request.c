/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdlib.h>

#include "admin/control_private.h"
#include "base/map.h"
#include "base/mem.h"
#include "stanzad/log.h"

/* --- answers ------------------------------------------------------------------------------------------ */

static int add_bytes(const char *bytes, size_t len, void *buf)
{
	strbuf_add(buf, bytes, len);
	return 0;
}

/* Takes result over. Any thread. */
static void write_answer(
    struct control_request *request, enum command_outcome outcome, json_t *result, struct str text)
{
	static const char *const outcomes[] = {
	    [COMMAND_OK] = "ok",
	    [COMMAND_FAILED] = "failed",
	    [COMMAND_CONFLICT] = "conflict",
	    [COMMAND_NOT_FOUND] = "not_found",
	    [COMMAND_USAGE] = "usage",
	};
	json_t *answer = json_object();
	json_t *words = json_stringn(text.ptr ? text.ptr : "", text.len);

	json_object_set(answer, "id", request->id);
	json_object_set_new(answer, "outcome", json_string(outcomes[outcome]));
	if (result)
		json_object_set_new(answer, "result", result);
	json_object_set_new(answer, "text", words ? words : json_string("(a text that is not UTF-8)"));
	json_dump_callback(answer, add_bytes, &request->answer, JSON_COMPACT);
	strbuf_char(&request->answer, '\n');
	json_decref(answer);
}

static void answer_now(
    struct control_request *request, enum command_outcome outcome, json_t *result, const char *text)
{
	write_answer(request, outcome, result, str_of(text));
	request->state = REQUEST_ANSWERED;
}

/* --- describing --------------------------------------------------------------------------------------- */

static void add_description(void *arg, const struct command *command)
{
	json_array_append_new(arg, command_describe(command));
}

static void refuse_unknown(struct control_request *request, struct str name)
{
	const char *nearest = command_nearest(name);
	struct strbuf text = {0};

	strbuf_printf(&text, "there is no command '%.*s'", (int)(name.len < 64 ? name.len : 64), name.ptr);
	if (nearest)
		strbuf_printf(&text, "; did you mean '%s'?", nearest);
	answer_now(request, COMMAND_USAGE, NULL, text.ptr);
	strbuf_fini(&text);
}

static void describe(struct control_request *request, const json_t *which)
{
	json_t *rows;

	if (json_is_string(which)) {
		const struct command *command = command_find(str_of(json_string_value(which)));
		if (!command) {
			refuse_unknown(request, str_of(json_string_value(which)));
			return;
		}
		rows = json_array();
		add_description(rows, command);
	} else {
		rows = json_array();
		commands_each(add_description, rows);
	}
	answer_now(request, COMMAND_OK, rows, "");
}

/* --- requests ----------------------------------------------------------------------------------------- */

static struct control_request *request_new(struct control_conn *conn)
{
	struct control_request *request = mem_zalloc(sizeof(*request));

	request->conn = conn;
	list_add_before(&conn->requests, &request->node);
	conn->request_count++;
	return request;
}

void control_request_free(struct control_request *request)
{
	list_remove(&request->node);
	request->conn->request_count--;
	if (request->command)
		command_release(request->command);
	json_decref(request->id);
	command_call_fini(&request->call);
	strbuf_fini(&request->answer);
	free(request);
}

/* The account that a command is about: user and host, or what the roster's commands call them. */
static uint64_t key_of(const json_t *arguments)
{
	static const char *const names[][2] = {{"user", "host"}, {"localuser", "localhost"}};
	struct strbuf bare = {0};
	uint64_t key = 0;

	for (size_t i = 0; i < 2 && !key; i++) {
		const char *user = json_string_value(json_object_get(arguments, names[i][0]));
		const char *host = json_string_value(json_object_get(arguments, names[i][1]));
		if (!user || !host)
			continue;
		strbuf_reset(&bare);
		strbuf_printf(&bare, "%s@%s", user, host);
		for (size_t c = 0; c < bare.len; c++)
			bare.ptr[c] = (char)tolower((unsigned char)bare.ptr[c]);
		key = map_hash(strbuf_view(&bare)) | 1;
	}
	strbuf_fini(&bare);
	return key;
}

static void request_fill(struct control_request *request, const json_t *root)
{
	const json_t *name = json_object_get(root, "command");
	const json_t *what = json_object_get(root, "describe");
	struct err err;

	request->id = json_incref(json_object_get(root, "id"));
	if (what) {
		describe(request, what);
		return;
	}
	if (!json_is_string(name)) {
		answer_now(request, COMMAND_USAGE, NULL, "a request is an object with a 'command'");
		return;
	}
	request->command = command_hold(str_of(json_string_value(name)));
	if (!request->command) {
		refuse_unknown(request, str_of(json_string_value(name)));
		return;
	}
	if (command_check(request->command, json_object_get(root, "arguments"), &request->call, &err) < 0) {
		answer_now(request, COMMAND_USAGE, NULL, err.text);
		return;
	}
	request->key = key_of(request->call.arguments);
	request->concurrent = json_is_true(json_object_get(root, "concurrent")) && request->key;
}

void control_request_add(struct control_conn *conn, struct str line)
{
	struct control_request *request = request_new(conn);
	json_error_t error;
	json_t *root = json_loadb(line.ptr, line.len, 0, &error);

	if (root)
		request_fill(request, root);
	else
		answer_now(request, COMMAND_USAGE, NULL, error.text);
	json_decref(root);
}

void control_request_refuse(struct control_conn *conn, const char *text)
{
	answer_now(request_new(conn), COMMAND_USAGE, NULL, text);
}

/* --- running ------------------------------------------------------------------------------------------ */

static void on_run(struct command_job *job)
{
	struct control_request *request = list_entry(job, struct control_request, job);
	struct command_call *call = &request->call;
	enum command_outcome outcome = request->command->run(call);
	json_t *result = call->result;

	call->result = NULL;
	write_answer(request, outcome, result, strbuf_view(&call->text));
	LOG_DEBUG(
	    "control.command", LOG_CSTR("command", request->command->name), LOG_INT("outcome", outcome));
}

static void on_done(struct command_job *job)
{
	struct control_request *request = list_entry(job, struct control_request, job);
	struct control_conn *conn = request->conn;

	request->state = REQUEST_ANSWERED;
	conn->running--;
	if (conn->fd < 0)
		control_request_free(request);
	control_conn_go_on(conn);
}

static void start(struct control_request *request)
{
	request->state = REQUEST_RUNNING;
	request->conn->running++;
	request->job.run = on_run;
	request->job.done = on_done;
	command_threads_submit(&request->job);
}

/* What runs or waits before a request: it may start when none of that stands in its way. */
struct ahead {
	unsigned count;
	uint64_t keys[CONTROL_CONCURRENT_MAX];
};

static bool may_start(const struct control_request *request, const struct ahead *ahead)
{
	if (!request->concurrent)
		return ahead->count == 0;
	for (unsigned i = 0; i < ahead->count; i++)
		if (ahead->keys[i] == request->key)
			return false;
	return true;
}

void control_requests_start(struct control_conn *conn)
{
	struct ahead ahead = {0};

	for (struct list *node = conn->requests.next; node != &conn->requests; node = node->next) {
		struct control_request *request = list_entry(node, struct control_request, node);
		if (request->state == REQUEST_ANSWERED)
			continue;
		if (request->state == REQUEST_WAITING && may_start(request, &ahead))
			start(request);
		ahead.keys[ahead.count++] = request->key;
		if (!request->concurrent || ahead.count == CONTROL_CONCURRENT_MAX)
			break;
	}
}
