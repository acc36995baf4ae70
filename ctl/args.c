/* SPDX-License-Identifier: Apache-2.0 */
#include "args.h"

#include <string.h>

const char args_usage[] =
    "usage: stanzactl [OPTION...] COMMAND [ARGUMENT...]\n"
    "       stanzactl [OPTION...] --batch FILE\n"
    "\n"
    "Administers a running stanzad through its control socket.\n"
    "\n"
    "  --socket PATH     the control socket; also in the environment: STANZAD_SOCKET\n"
    "  --data-dir DIR    the server's data directory: the socket is ctl.sock in it\n"
    "                    (default: ./.run/data when there is a socket, else /var/lib/stanzad)\n"
    "  --json            print results as JSON\n"
    "  --batch FILE      run the commands in FILE, one a line ('-': standard input); words are quoted\n"
    "                    as in a shell, '#' begins a comment\n"
    "  --keep-going      with --batch: a command that fails does not end the rest (default)\n"
    "  --stop-at-error   with --batch: the first command that fails is the last one\n"
    "  --ordered         with --batch: wait for each command, also when they are about different users\n"
    "  --version         print the version\n"
    "  --help [COMMAND]  this text and the server's commands, or one of them\n"
    "\n"
    "'stanzactl started' and 'stanzactl stopped' wait, up to a minute, until the server runs or is gone.\n"
    "\n"
    "Exit status: 0 done, 1 failed, 2 exists already, 3 not found, 4 wrong usage, 5 no server (status: 3).\n";

struct flag {
	const char *name;
	bool *on;
};

static bool take_flag(const char *word, struct args *args)
{
	const struct flag flags[] = {
	    {"--json", &args->json},
	    {"--stop-at-error", &args->stop_at_error},
	    {"--ordered", &args->ordered},
	    {"--help", &args->help},
	    {"-h", &args->help},
	    {"--version", &args->version},
	};

	if (strcmp(word, "--keep-going") == 0) {
		args->stop_at_error = false;
		return true;
	}
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (strcmp(word, flags[i].name) != 0)
			continue;
		*flags[i].on = true;
		return true;
	}
	return false;
}

/* Both "--socket PATH" and "--socket=PATH". 1 taken, 0 another option, < 0 without a value. */
static int take_value(char **argv, int *at, struct args *args, struct err *err)
{
	const struct {
		const char *name;
		const char **value;
	} values[] = {
	    {"--socket", &args->socket}, {"--data-dir", &args->data_dir}, {"--batch", &args->batch}};
	const char *word = argv[*at];

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		size_t len = strlen(values[i].name);
		if (strncmp(word, values[i].name, len) != 0)
			continue;
		if (word[len] == '=') {
			*values[i].value = word + len + 1;
			return 1;
		}
		if (word[len])
			continue;
		if (!argv[*at + 1])
			return err_set(err, "%s needs a value", word);
		*values[i].value = argv[++*at];
		return 1;
	}
	return 0;
}

/* "help X", "--help X" and "X --help" are the same. */
static void settle_help(struct args *args)
{
	if (args->command && strcmp(args->command, "help") == 0) {
		args->help = true;
		args->command = args->argument_count ? args->arguments[0] : NULL;
		args->argument_count = 0;
	} else if (args->argument_count == 1 && strcmp(args->arguments[0], "--help") == 0) {
		args->help = true;
		args->argument_count = 0;
	}
}

int args_read(int argc, char **argv, struct args *args_r, struct err *err)
{
	struct args args = {0};
	int i = 1;

	for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		if (take_flag(argv[i], &args))
			continue;
		int taken = take_value(argv, &i, &args, err);
		if (taken < 0)
			return -1;
		if (taken == 0)
			return err_set(err, "there is no option '%s'", argv[i]);
	}
	if (i < argc) {
		args.command = argv[i];
		args.arguments = argv + i + 1;
		args.argument_count = argc - i - 1;
	}
	settle_help(&args);
	if (args.batch && args.command && !args.help)
		return err_set(
		    err, "--batch takes its commands from the file: '%s' is one too many", args.command);
	*args_r = args;
	return 0;
}
