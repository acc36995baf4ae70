/* SPDX-License-Identifier: Apache-2.0 */
/* The option tables as a text for people: what the manual page and OPTIONS.md are made of. */
#pragma once

#include "stanzad/str.h"

enum options_form {
	OPTIONS_MAN,      /* roff with the macros of man(7): sections, without a title line */
	OPTIONS_MARKDOWN, /* a page with a heading */
};

/* "man" or "markdown"; false: neither. */
bool options_form_parse(const char *word, enum options_form *form_r);
/* Adds every option of the server, of listeners and of modules: type, range, default, what it does. After
 * catalog_register. */
void options_print(enum options_form form, struct strbuf *out);
