/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of stanzactl. Options come before the command; what is behind it are its arguments. */
#pragma once

#include <stdbool.h>

#include "stanzad/err.h"

struct args {
	const char *socket;   /* --socket */
	const char *data_dir; /* --data-dir */
	const char *batch;    /* --batch: a file, or "-" */
	bool json;
	bool stop_at_error; /* --batch: the first failure ends it, and nothing behind it is run */
	bool ordered;       /* --batch: one command after another */
	bool help, version;
	const char *command; /* NULL: none */
	char **arguments;    /* of the command */
	int argument_count;
};

/* < 0: the command line is wrong, in words. */
int args_read(int argc, char **argv, struct args *args_r, struct err *err);
/* The options as text for a person. */
extern const char args_usage[];
