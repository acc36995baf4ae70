/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "args.h"
#include "base/version.h"
#include "batch.h"
#include "client.h"
#include "help.h"
#include "output.h"

enum { STATUS_USAGE = 4, STATUS_NO_SERVER = 5, STATUS_NOT_RUNNING = 3 };

#define WAIT_STEP_MS 50
#define WAIT_STEPS 1200 /* a minute */

static struct output output_for(const struct args *args)
{
	return (struct output){.json = args->json, .terminal = isatty(STDOUT_FILENO)};
}

/* --- one command -------------------------------------------------------------------------------------- */

/* What a shell hands over need not be UTF-8, which JSON is. */
static json_t *request_of(const struct args *args, struct err *err)
{
	json_t *arguments = json_array();
	json_t *request = json_object();

	json_object_set_new(request, "id", json_integer(2));
	json_object_set_new(request, "command", json_string(args->command));
	json_object_set_new(request, "arguments", arguments);
	for (int i = 0; i < args->argument_count; i++) {
		json_t *argument = json_string(args->arguments[i]);
		if (!argument) {
			err_set(err, "argument %d is not UTF-8", i + 1);
			json_decref(request);
			return NULL;
		}
		json_array_append_new(arguments, argument);
	}
	return request;
}

static int complain(const struct err *err, int status)
{
	fprintf(stderr, "stanzactl: %s\n", err->text);
	return status;
}

/* The description goes along with the request: one way there and back. */
static int run_command(struct client *client, const struct args *args)
{
	struct err err;
	struct output output = output_for(args);
	json_t *request = request_of(args, &err);

	if (!request)
		return complain(&err, STATUS_USAGE);
	client_put(client, json_pack("{s:i, s:s}", "id", 1, "describe", args->command));
	client_put(client, request);
	json_t *descriptions = client_wait(client, &err);
	json_t *answer = descriptions ? client_wait(client, &err) : NULL;
	int status = answer ? output_answer(
				  &output, json_array_get(json_object_get(descriptions, "result"), 0), answer)
			    : complain(&err, STATUS_NO_SERVER);
	json_decref(descriptions);
	json_decref(answer);
	return status;
}

/* --- help --------------------------------------------------------------------------------------------- */

static int show_help(struct client *client, const struct args *args)
{
	struct err err;
	json_t *request = json_pack("{s:i}", "id", 1);

	json_object_set_new(request, "describe", args->command ? json_string(args->command) : json_true());
	client_put(client, request);
	json_t *answer = client_wait(client, &err);
	if (!answer)
		return complain(&err, STATUS_NO_SERVER);
	int status = output_status(answer);
	const json_t *descriptions = json_object_get(answer, "result");
	if (status)
		fprintf(stderr, "stanzactl: %s\n", json_string_value(json_object_get(answer, "text")));
	else if (args->command)
		help_command(json_array_get(descriptions, 0));
	else
		help_commands(descriptions);
	json_decref(answer);
	return status;
}

static int no_server(const struct args *args, const struct err *err, int error)
{
	bool is_status = args->command && strcmp(args->command, "status") == 0;

	if (args->help && !args->command) {
		printf("\nThe list of commands comes from the running server, but %s.\n%s", err->text,
		    client_hint(error));
		return 0;
	}
	fprintf(stderr, "stanzactl: %s\n%s", err->text, client_hint(error));
	return is_status ? STATUS_NOT_RUNNING : STATUS_NO_SERVER;
}

/* --- waiting for the server --------------------------------------------------------------------------- */

static bool answers(const char *path)
{
	struct client client;
	struct err err;

	if (client_open(&client, path, &err) < 0)
		return false;
	client_put(&client, json_pack("{s:i, s:s}", "id", 1, "describe", "status"));
	json_t *answer = client_wait(&client, &err);
	client_close(&client);
	json_decref(answer);
	return answer != NULL;
}

/* A socket that refuses is the mark of a server that is gone; one that cannot be used tells nothing. */
static int wait_for_server(const struct args *args, const char *path, bool up)
{
	const struct timespec step = {.tv_nsec = WAIT_STEP_MS * 1000000L};

	for (int i = 0; i < WAIT_STEPS; i++) {
		if (answers(path) == up)
			return 0;
		nanosleep(&step, NULL);
	}
	fprintf(
	    stderr, "stanzactl: after a minute the server %s\n", up ? "does not answer" : "still answers");
	return 1;
}

/* ------------------------------------------------------------------------------------------------------ */

static bool is_command(const struct args *args, const char *name)
{
	return args->command && !args->help && !args->argument_count && strcmp(args->command, name) == 0;
}

static int run_connected(struct client *client, const struct args *args)
{
	if (args->help)
		return show_help(client, args);
	if (!args->batch)
		return run_command(client, args);
	struct batch_options options = {args->batch, args->stop_at_error, args->ordered, output_for(args)};
	return batch_run(client, &options);
}

static int run(const struct args *args)
{
	struct client client;
	struct err err;
	char *path = client_path(args->socket, args->data_dir);
	int status;

	if (is_command(args, "started") || is_command(args, "stopped")) {
		status = wait_for_server(args, path, is_command(args, "started"));
	} else if (client_open(&client, path, &err) == 0) {
		status = run_connected(&client, args);
		client_close(&client);
	} else {
		status = no_server(args, &err, errno);
	}
	free(path);
	return status;
}

int main(int argc, char **argv)
{
	struct args args;
	struct err err;

	if (args_read(argc, argv, &args, &err) < 0) {
		fprintf(stderr, "stanzactl: %s\nTry 'stanzactl --help'.\n", err.text);
		return STATUS_USAGE;
	}
	if (args.version) {
		puts("stanzactl " STANZAD_VERSION);
		return 0;
	}
	if (!args.command && !args.batch && !args.help) {
		fprintf(stderr, "stanzactl: which command?\nTry 'stanzactl --help'.\n");
		return STATUS_USAGE;
	}
	if (args.help && !args.command)
		fputs(args_usage, stdout);
	return run(&args);
}
