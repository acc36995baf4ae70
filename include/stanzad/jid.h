/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JIDs: RFC 7622. A plain value that borrows its text: "local@domain/resource", prepared (PRECIS
 * UsernameCaseMapped for the local part, IDNA 2008 U-labels for the domain, OpaqueString for the resource).
 * Two JIDs are the same when their texts are. 16 bytes; copy it freely as long as the text lives.
 */
#pragma once

#include "stanzad/arena.h"
#include "stanzad/err.h"
#include "stanzad/str.h"

#define JID_PART_MAX 1023 /* bytes of a part after preparation, RFC 7622 3.1 */

struct jid {
	const char *text;      /* not NUL-terminated in general */
	uint16_t local_len;    /* 0: no local part */
	uint16_t domain_len;   /* never 0 in a valid JID */
	uint16_t resource_len; /* 0: bare */
};

/* "juliet" of juliet@example.org/balcony; empty when there is none. Views, as all of these. */
static inline struct str jid_local(const struct jid *jid)
{
	return (struct str){jid->text, jid->local_len};
}

/* "example.org". */
static inline struct str jid_domain(const struct jid *jid)
{
	return (struct str){jid->text + (jid->local_len ? jid->local_len + 1 : 0), jid->domain_len};
}

/* "juliet@example.org". */
static inline struct str jid_bare(const struct jid *jid)
{
	return (struct str){jid->text, (jid->local_len ? (size_t)jid->local_len + 1 : 0) + jid->domain_len};
}

/* "balcony"; empty when there is none. */
static inline struct str jid_resource(const struct jid *jid)
{
	return (struct str){jid->text + jid_bare(jid).len + 1, jid->resource_len};
}

/* All of it. */
static inline struct str jid_full(const struct jid *jid)
{
	size_t bare = jid_bare(jid).len;
	return (struct str){jid->text, jid->resource_len ? bare + 1 + jid->resource_len : bare};
}

/* The same JID, resource included. */
static inline bool jid_eq(const struct jid *a, const struct jid *b)
{
	return str_eq(jid_full(a), jid_full(b));
}

/* The same but for the resource. */
static inline bool jid_bare_eq(const struct jid *a, const struct jid *b)
{
	return str_eq(jid_bare(a), jid_bare(b));
}

/* Without the resource; borrows the text of jid. */
static inline struct jid jid_to_bare(const struct jid *jid)
{
	return (struct jid){jid->text, jid->local_len, jid->domain_len, 0};
}

/*
 * Prepares text as a JID. When the text is already prepared (the usual case) the result borrows it; else it
 * lives in arena. < 0 with a reason when it is no JID: empty or overlong part, forbidden character, bad
 * domain.
 */
int jid_parse(struct str text, struct arena *arena, struct jid *jid_r, struct err *err);
/* From parts, each of which is prepared; local and resource may be empty. The text lives in arena. */
int jid_make(struct str local, struct str domain, struct str resource, struct arena *arena, struct jid *jid_r,
    struct err *err);
/* One part alone; the result borrows the text or lives in arena. */
int jid_prep_local(struct str text, struct arena *arena, struct str *local_r, struct err *err);
int jid_prep_domain(struct str text, struct arena *arena, struct str *domain_r, struct err *err);
int jid_prep_resource(struct str text, struct arena *arena, struct str *resource_r, struct err *err);
/* OpaqueString profile for passwords (RFC 8265 4): NFC, non-ASCII spaces to U+0020, no control characters. */
int jid_prep_password(struct str text, struct arena *arena, struct str *password_r, struct err *err);
/* A copy whose text lives in arena. */
struct jid jid_dup(const struct jid *jid, struct arena *arena);
/* A copy of the text on the heap, NUL-terminated; free((char *)jid.text). */
struct jid jid_dup_heap(const struct jid *jid);
/* The same bare JID with another, prepared resource; the text lives in arena. */
struct jid jid_with_resource(const struct jid *jid, struct str resource, struct arena *arena);
