/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/version.h"
#include "main/catalog.h"
#include "main/check.h"
#include "main/options_print.h"
#include "main/server.h"

static const char usage[] =
    "usage: stanzad [--config FILE] [--data-dir DIR]\n"
    "       stanzad --check [--config FILE]\n"
    "\n"
    "An XMPP server. Runs in the foreground and logs to standard error.\n"
    "\n"
    "  --config FILE     ejabberd.yml to read; without it: localhost on ports 5222 and 5223\n"
    "  --data-dir DIR    database, certificates, control socket (default: /var/lib/stanzad)\n"
    "  --check           say what is wrong with the configuration and what is not available yet; start "
    "nothing\n"
    "  --welcome         say what to do next, once started\n"
    "  --print-options=man|markdown   every option with type, default and meaning\n"
    "  --version         print the version\n"
    "  --help            this text\n"
    "\n"
    "Signals: TERM and INT end the server in order, HUP reloads the configuration, USR1 reopens the log.\n"
    "Administration: stanzactl --help\n";

static int make_directory(const char *path)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return 0;
	fprintf(stderr,
	    "stanzad: cannot make the data directory %s: %m\n"
	    "Make it and give it to the user that runs the server, or choose another with --data-dir.\n",
	    path);
	return -1;
}

static int print_options(const char *form_word)
{
	enum options_form form;
	struct strbuf out = {0};
	if (!options_form_parse(form_word, &form)) {
		fprintf(stderr, "stanzad: --print-options takes man or markdown, not '%s'\n", form_word);
		return 2;
	}
	options_print(form, &out);
	size_t written = fwrite(out.ptr, 1, out.len, stdout);
	bool whole = written == out.len && fflush(stdout) == 0;
	strbuf_fini(&out);
	return whole ? 0 : 1;
}

/*
 * Bursts of output are freed as fast as they come: giving the heap's end back to the kernel each time, and
 * asking for it again, costs more than the few megabytes that stay.
 */
static void tune_memory(void)
{
	mallopt(M_TRIM_THRESHOLD, 8 << 20);
	mallopt(M_TOP_PAD, 256 << 10);
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"data-dir", required_argument, NULL, 'd'},
	    {"check", no_argument, NULL, 'k'},
	    {"welcome", no_argument, NULL, 'w'},
	    {"print-options", required_argument, NULL, 'o'},
	    {"version", no_argument, NULL, 'v'},
	    {"help", no_argument, NULL, 'h'},
	    {0},
	};
	struct server_options options = {.data_dir = "/var/lib/stanzad"};
	bool only_check = false;
	const char *form = NULL;
	int c;
	while ((c = getopt_long(argc, argv, "c:d:h", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			options.config = optarg;
			break;
		case 'd':
			options.data_dir = optarg;
			break;
		case 'k':
			only_check = true;
			break;
		case 'w':
			options.welcome = true;
			break;
		case 'o':
			form = optarg;
			break;
		case 'v':
			puts("stanzad " STANZAD_VERSION);
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs("Try 'stanzad --help'.\n", stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "stanzad: unexpected argument '%s'\nTry 'stanzad --help'.\n", argv[optind]);
		return 2;
	}
	tune_memory();
	catalog_register(options.data_dir);
	if (form)
		return print_options(form);
	if (only_check)
		return check_configuration(options.config);
	if (make_directory(options.data_dir) < 0)
		return 1;
	int status = server_run(&options);
	if (status == SERVER_RESTART) {
		execvp(argv[0], argv);
		fprintf(stderr, "stanzad: cannot start %s anew: %m\n", argv[0]);
		return 1;
	}
	return status;
}
