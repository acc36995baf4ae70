/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Result sets in pages: XEP-0059. What a request asks for, and the <set/> that tells which page was given.
 * The items themselves, and how they are found by their ids, are the caller's. Any thread.
 */
#pragma once

#include "stanzad/err.h"
#include "stanzad/xml.h"

#define NS_RSM "http://jabber.org/protocol/rsm"

/* What a request asks for. The strings are views of the request. */
struct rsm {
	bool wanted;    /* there was a <set/> */
	bool has_max;   /* max says how many at most; 0: only the count is asked for (2.7) */
	bool backwards; /* <before/>: the page that ends there, or the last one when before is empty (2.5) */
	bool has_index; /* <index/>: the page that begins there (2.6) */
	uint32_t max;   /* what is too large for it is as much as it holds */
	uint64_t index; /* likewise */
	struct str after;  /* empty: from the first item on */
	struct str before; /* empty: up to the last item */
};

/*
 * Reads the <set/> among the children of elem; without one *rsm_r is zeroed. An empty <after/> is none. < 0
 * with err when it is malformed, which is a bad-request: two sets, an element twice or with elements in it, a
 * number that is none, an index beside an id. What is only for answers (first, last, count) and what is
 * foreign is passed over.
 */
int rsm_parse(const struct xml *elem, struct rsm *rsm_r, struct err *err);
/* How many items a page may have: what was asked for, or 'usual' when nothing was; at most 'most'. */
uint32_t rsm_max(const struct rsm *rsm, uint32_t usual, uint32_t most);

#define RSM_UNKNOWN (-1)

/* Which page was given. */
struct rsm_page {
	struct str first, last; /* ids; ptr NULL: the page is empty */
	int64_t index;          /* of the first one in the whole set, or RSM_UNKNOWN */
	int64_t count;          /* of the whole set, or RSM_UNKNOWN */
};

/* Writes <set/> (2.2). */
void rsm_write(struct xml_writer *writer, const struct rsm_page *page);
