/* SPDX-License-Identifier: Apache-2.0 */
/* A line of a batch, cut into words as a shell would. */
#pragma once

#include <jansson.h>

#include "stanzad/err.h"
#include "stanzad/str.h"

/*
 * Words are apart by spaces and tabs. 'single quotes' keep everything; in "double quotes" a backslash before
 * " or \ stands for that character; outside them a backslash takes the next character as it is. '#' at the
 * beginning of a word begins a comment. Returns an array of strings, which is empty for a line without words;
 * NULL with a reason.
 */
json_t *words_split(struct str line, struct err *err);
