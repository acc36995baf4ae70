/* SPDX-License-Identifier: Apache-2.0 */
/* What libexpat makes of a document, in the same words in which trees of ours are dumped. */
#pragma once

#include "stanzad/xml.h"

struct oracle {
	struct strbuf whole;   /* everything */
	struct strbuf stanzas; /* the root's tag and its complete children, without text between them */
	bool well_formed;
	bool root_ended;
	bool restricted;      /* comment, processing instruction or document type, before the root's end */
	bool declared;        /* an XML declaration */
	bool odd_declaration; /* whose version is not 1.0 */
};

void oracle_run(struct oracle *oracle, struct str bytes);
void oracle_fini(struct oracle *oracle);
/* Appends a line for each start and end of an element, each attribute and each text. */
void dump_tree(struct strbuf *out, const struct xml *root);
/* The children of elem only. */
void dump_children(struct strbuf *out, const struct xml *elem);
/* The start of elem only. */
void dump_start(struct strbuf *out, const struct xml *elem);
