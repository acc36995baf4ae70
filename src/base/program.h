/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program with its arguments as an administrator writes them: one line. It is split into words here, no
 * shell is asked: blanks separate words; in '...' everything stands for itself; in "..." and outside of
 * quotes a backslash takes the next character as it is. Nothing is expanded.
 */
#pragma once

#include "stanzad/err.h"
#include "stanzad/str.h"

struct program {
	char *path;   /* of the file to run */
	char **words; /* as its main sees them; NULL-terminated */
	size_t count;
};

/*
 * Splits the line and looks for the program: a name without a slash is looked up in PATH. < 0 when there is
 * nothing in the line, a quote is left open, or the file is not there or not executable; *program_r is then
 * empty.
 */
int program_parse(struct str line, struct program *program_r, struct err *err);
void program_fini(struct program *program);
