/* SPDX-License-Identifier: Apache-2.0 */
#include "batch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "words.h"

#define AHEAD_MAX 256 /* requests without an answer yet */
#define READ_BYTES 65536
#define PROGRESS_MS 200 /* between two lines of progress */
#define STATUS_USAGE 4
#define STATUS_NO_SERVER 5

struct pending {
	struct pending *next;
	uint64_t line;
	char *command;
	json_t *failure; /* an answer that the line has without the server */
};

struct batch {
	struct client *client;
	const struct batch_options *options;
	json_t *descriptions; /* by name */
	int input;
	const char *name;                 /* of the input, for messages */
	uint64_t input_size, input_taken; /* bytes; size 0 when it is not known */
	struct strbuf in;
	size_t in_taken;
	bool in_ended;
	struct pending *first, **end;
	unsigned ahead;
	uint64_t line, done, failed;
	uint64_t started_ms, shown_ms;
	bool progress, stopped;
	int status;
};

/* --- what the commands give --------------------------------------------------------------------------- */

static int learn_commands(struct batch *batch, struct err *err)
{
	size_t i;
	json_t *description;

	client_put(batch->client, json_pack("{s:i, s:b}", "id", 0, "describe", 1));
	json_t *answer = client_wait(batch->client, err);
	if (!answer)
		return -1;
	batch->descriptions = json_object();
	json_array_foreach(json_object_get(answer, "result"), i, description) json_object_set(
	    batch->descriptions, json_string_value(json_object_get(description, "name")), description);
	json_decref(answer);
	return 0;
}

static json_t *description_of(const struct batch *batch, const char *command)
{
	char *name = str_dup(str_of(command));

	for (char *c = name; *c; c++)
		*c = *c == '-' ? '_' : *c;
	json_t *description = json_object_get(batch->descriptions, name);
	free(name);
	return description;
}

/* --- progress ----------------------------------------------------------------------------------------- */

static double seconds_since(uint64_t ms)
{
	return (double)(clock_mono_ms() - ms) / 1000;
}

static void clear_progress(const struct batch *batch)
{
	if (batch->progress && batch->shown_ms)
		fputs("\r\033[K", stderr);
}

static void show_progress(struct batch *batch)
{
	double elapsed = seconds_since(batch->started_ms);

	if (!batch->progress || clock_mono_ms() - batch->shown_ms < PROGRESS_MS)
		return;
	batch->shown_ms = clock_mono_ms();
	fprintf(stderr, "\r\033[K%llu done, %llu failed, %.0f a second", (unsigned long long)batch->done,
	    (unsigned long long)batch->failed, elapsed > 0 ? (double)batch->done / elapsed : 0);
	double part = batch->input_size ? (double)batch->input_taken / (double)batch->input_size : 0;
	if (part > 0 && elapsed > 0.5)
		fprintf(stderr, ", %.0f %%, %.0f s left", part * 100, elapsed * (1 - part) / part);
	fflush(stderr);
}

static void show_end(const struct batch *batch)
{
	clear_progress(batch);
	if (batch->progress || batch->failed)
		fprintf(stderr, "%llu commands, %llu failed, %.1f s\n", (unsigned long long)batch->done,
		    (unsigned long long)batch->failed, seconds_since(batch->started_ms));
	if (batch->stopped)
		fprintf(stderr, "stopped at %s:%llu; nothing behind it was run\n", batch->name,
		    (unsigned long long)batch->line);
}

/* --- answers ------------------------------------------------------------------------------------------ */

/* With --json a line for each command: which one, and its whole answer. */
static void print_json_line(const struct pending *pending, const json_t *answer)
{
	json_t *line = json_object();

	json_object_set_new(line, "line", json_integer((json_int_t)pending->line));
	json_object_set_new(line, "command", json_string(pending->command));
	json_object_set(line, "outcome", json_object_get(answer, "outcome"));
	json_object_set(line, "result", json_object_get(answer, "result"));
	json_object_set(line, "text", json_object_get(answer, "text"));
	output_json(stdout, line, false);
	json_decref(line);
}

static int print_answer(const struct batch *batch, const struct pending *pending, const json_t *answer)
{
	struct output output = batch->options->output;
	struct strbuf place = {0};

	if (output.json) {
		print_json_line(pending, answer);
		return output_status(answer);
	}
	strbuf_printf(&place, "%s:%llu", batch->name, (unsigned long long)pending->line);
	output.place = place.ptr;
	output.quiet = true;
	int status = output_answer(&output, description_of(batch, pending->command), answer);
	strbuf_fini(&place);
	return status;
}

static void take_answer(struct batch *batch, const json_t *answer)
{
	struct pending *pending = batch->first;

	batch->first = pending->next;
	if (!batch->first)
		batch->end = &batch->first;
	batch->ahead--;
	clear_progress(batch);
	int status = print_answer(batch, pending, answer);
	batch->done++;
	if (status) {
		batch->failed++;
		batch->status = batch->status ? batch->status : status;
		batch->stopped = batch->options->stop_at_error;
	}
	json_decref(pending->failure);
	free(pending->command);
	free(pending);
	show_progress(batch);
}

/* The answers there are, in order; those that need no server take their turn. */
static int take_answers(struct batch *batch, struct err *err)
{
	while (batch->first) {
		if (batch->first->failure) {
			take_answer(batch, batch->first->failure);
			continue;
		}
		json_t *answer = client_take(batch->client, err);
		if (!answer)
			return err->text[0] ? -1 : 0;
		take_answer(batch, answer);
		json_decref(answer);
	}
	return 0;
}

/* --- requests ----------------------------------------------------------------------------------------- */

static struct pending *add_pending(struct batch *batch, const char *command)
{
	struct pending *pending = mem_zalloc(sizeof(*pending));

	pending->line = batch->line;
	pending->command = str_dup(str_of(command));
	*batch->end = pending;
	batch->end = &pending->next;
	batch->ahead++;
	return pending;
}

static void ask(struct batch *batch, json_t *words)
{
	const char *command = json_string_value(json_array_get(words, 0));

	add_pending(batch, command);
	json_t *request = json_pack("{s:I, s:s}", "id", (json_int_t)batch->line, "command", command);
	json_array_remove(words, 0);
	json_object_set(request, "arguments", words);
	if (!batch->options->ordered && !batch->options->stop_at_error)
		json_object_set_new(request, "concurrent", json_true());
	client_put(batch->client, request);
}

static void take_line(struct batch *batch, struct str line)
{
	struct err err;
	json_t *words = words_split(line, &err);

	batch->line++;
	if (!words)
		add_pending(batch, "")->failure =
		    json_pack("{s:s, s:s}", "outcome", "usage", "text", err.text);
	else if (json_array_size(words))
		ask(batch, words);
	json_decref(words);
}

/* To stop at the first error, nothing may be under way behind a command. */
static bool may_ask(const struct batch *batch)
{
	return !batch->stopped && batch->ahead < (batch->options->stop_at_error ? 1 : AHEAD_MAX);
}

/* The next whole line of the input; false: more must be read first, or it is over. */
static bool next_line(struct batch *batch, struct str *line_r)
{
	struct str rest = {batch->in.ptr + batch->in_taken, batch->in.len - batch->in_taken};
	const char *end = rest.len ? memchr(rest.ptr, '\n', rest.len) : NULL;

	if (!end && (!batch->in_ended || !rest.len))
		return false;
	line_r->ptr = rest.ptr;
	line_r->len = end ? (size_t)(end - rest.ptr) : rest.len;
	batch->in_taken += line_r->len + (end ? 1 : 0);
	batch->input_taken += line_r->len + 1;
	return true;
}

static void take_lines(struct batch *batch)
{
	struct str line;

	while (may_ask(batch) && next_line(batch, &line))
		take_line(batch, line);
	size_t left = batch->in.len - batch->in_taken;
	if (batch->in_taken < left)
		return;
	if (left)
		memmove(batch->in.ptr, batch->in.ptr + batch->in_taken, left);
	batch->in.len = left;
	batch->in_taken = 0;
}

static int read_input(struct batch *batch, struct err *err)
{
	ssize_t got = read(batch->input, strbuf_reserve(&batch->in, READ_BYTES), READ_BYTES);

	if (got < 0 && errno != EINTR && errno != EAGAIN)
		return err_set(err, "%s: %s", batch->name, strerror(errno));
	if (got > 0)
		batch->in.len += (size_t)got;
	batch->in_ended = got == 0;
	return 0;
}

/* --- the whole ---------------------------------------------------------------------------------------- */

static bool is_over(const struct batch *batch)
{
	return !batch->first && (batch->stopped || (batch->in_ended && batch->in_taken == batch->in.len));
}

/* Waits until there is something to read, an answer, or room to send. */
static int wait_and_move(struct batch *batch, struct err *err)
{
	struct client *client = batch->client;
	struct pollfd pollers[2] = {{.fd = client->fd, .events = POLLIN}, {.fd = -1, .events = POLLIN}};

	if (client->out_sent < client->out.len)
		pollers[0].events |= POLLOUT;
	if (may_ask(batch) && !batch->in_ended)
		pollers[1].fd = batch->input;
	poll(pollers, 2, batch->progress ? PROGRESS_MS : -1);
	if (pollers[1].revents && read_input(batch, err) < 0)
		return -1;
	return pollers[0].revents ? client_move(client, err) : 0;
}

/* A line that can be asked at once: nothing need be waited for. */
static bool has_line(const struct batch *batch)
{
	struct str rest = {batch->in.ptr + batch->in_taken, batch->in.len - batch->in_taken};

	return may_ask(batch) && rest.len && (batch->in_ended || memchr(rest.ptr, '\n', rest.len));
}

static int run(struct batch *batch, struct err *err)
{
	err->text[0] = '\0';
	for (;;) {
		take_lines(batch);
		if (take_answers(batch, err) < 0)
			return -1;
		if (is_over(batch))
			return 0;
		show_progress(batch);
		if (!has_line(batch) && wait_and_move(batch, err) < 0)
			return -1;
	}
}

static int open_input(struct batch *batch, struct err *err)
{
	const char *file = batch->options->file;
	bool is_stdin = strcmp(file, "-") == 0;

	batch->name = is_stdin ? "standard input" : file;
	batch->input = is_stdin ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
	if (batch->input < 0)
		return err_set(err, "%s: %s", file, strerror(errno));
	off_t size = lseek(batch->input, 0, SEEK_END);
	if (size > 0)
		lseek(batch->input, 0, SEEK_SET);
	batch->input_size = size > 0 ? (uint64_t)size : 0;
	return 0;
}

static void batch_fini(struct batch *batch)
{
	while (batch->first) {
		struct pending *pending = batch->first;
		batch->first = pending->next;
		json_decref(pending->failure);
		free(pending->command);
		free(pending);
	}
	json_decref(batch->descriptions);
	strbuf_fini(&batch->in);
	if (batch->input > STDIN_FILENO)
		close(batch->input);
}

int batch_run(struct client *client, const struct batch_options *options)
{
	struct batch batch = {.client = client, .options = options, .started_ms = clock_mono_ms()};
	struct err err;
	int status;

	batch.end = &batch.first;
	batch.progress = isatty(STDERR_FILENO);
	if (open_input(&batch, &err) < 0) {
		fprintf(stderr, "stanzactl: %s\n", err.text);
		status = STATUS_USAGE;
	} else if (learn_commands(&batch, &err) < 0 || run(&batch, &err) < 0) {
		show_end(&batch);
		fprintf(stderr, "stanzactl: %s (line %llu is the last that was answered)\n", err.text,
		    (unsigned long long)(batch.first ? batch.first->line - 1 : batch.line));
		status = STATUS_NO_SERVER;
	} else {
		show_end(&batch);
		status = batch.status;
	}
	batch_fini(&batch);
	return status;
}
