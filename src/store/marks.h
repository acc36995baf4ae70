/* SPDX-License-Identifier: Apache-2.0 */
/* The marks of a statement ({host=}, {host,}, {?,}, {excluded}; stanzad/store.h), made into plain SQL. */
#pragma once

#include "stanzad/err.h"
#include "stanzad/str.h"

#define MARKS_PARAMS_MAX 64

struct marks {
	unsigned params;  /* how many the caller passes */
	uint64_t dropped; /* bit n: parameter n stands for a mark that was stripped */
};

/*
 * Appends the statement for one variant of the schema to out. Parameters are counted as written, marks
 * included; quoted text is left alone. Fails on an unknown mark and on more than MARKS_PARAMS_MAX parameters.
 */
int marks_rewrite(
    const char *sql, bool multihost, struct strbuf *out, struct marks *marks_r, struct err *err);
