/* SPDX-License-Identifier: Apache-2.0 */
/* Answers as a person or a script reads them. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct output {
	bool json;         /* as ejabberd's REST API gives it */
	bool terminal;     /* tables with a heading, aligned; else columns apart by tabs */
	bool quiet;        /* nothing for a command that has only "done" to say */
	const char *place; /* goes before what failed: "FILE:12"; NULL: "stanzactl" */
};

/* The exit status for the outcome of an answer. */
int output_status(const json_t *answer);
/*
 * Prints the answer to a command; what failed goes to standard error. description: as the server describes
 * the command; NULL when it knows none of that name. Returns the exit status.
 */
int output_answer(const struct output *output, const json_t *description, const json_t *answer);
/* One value and a line end. */
void output_json(FILE *to, const json_t *value, bool indented);
