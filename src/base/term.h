/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Erlang terms as text: what ejabberd keeps in columns such as muc_room.opts, muc_room_subscribers.nodes and
 * archive_prefs.always. A reader that makes a tree, and a writer. Plain values, any thread.
 *
 *   [{title,<<"Coven">>},{max_users,20},{subject,[{text,<<>>,<<230,151,165>>}]}]
 *
 * Read are lists (improper ones, too), tuples, maps, atoms, binaries of strings and numbers from 0 to 255,
 * strings, integers and floats; white space and comments between them; one full stop at the end. Whatever no
 * text stands for (processes, functions), and bit strings that are not whole bytes, is an error.
 *
 * ejabberd writes a byte of a binary as the character that it is in Latin-1, and reads it so: the bytes of
 * UTF-8 stand in the quotes as they are. "/utf8" behind quotes is for those who write by hand: what stands in
 * them must be UTF-8 then, and escapes are characters, not bytes.
 */
#pragma once

#include "stanzad/arena.h"
#include "stanzad/err.h"

enum term_kind {
	TERM_ATOM,
	TERM_BINARY,
	TERM_STRING, /* "...": to Erlang a list of numbers */
	TERM_INTEGER,
	TERM_FLOAT,
	TERM_LIST,
	TERM_TUPLE,
	TERM_MAP,
};

struct term {
	enum term_kind kind : 8;
	bool improper;  /* a list whose last item stands behind a '|' */
	uint32_t count; /* of items */
	/* An atom's name; the bytes of a binary or a string (characters past 255 as UTF-8); a number as it is
	 * written. Empty otherwise. */
	struct str text;
	struct str source;        /* the term as it was written */
	const struct term *items; /* first of a list or tuple; of a map: key, value, key, value, ... */
	const struct term *next;  /* the next one in what it is in */
};

struct term_limits {
	size_t max_bytes;   /* of the text */
	uint32_t max_terms; /* in all, those inside of others counted, too */
	uint32_t max_depth; /* of lists, tuples and maps; the outermost is 1; never more than 255 */
};

extern const struct term_limits term_limits_default; /* 64 MiB, 4 million terms, depth 64 */

/* The one term that text, which has no NUL in it, is. All of it lives in arena, independent of text. < 0
 * with the reason and how many bytes into text it is. */
int term_read(struct str text, const struct term_limits *limits, struct arena *arena,
    const struct term **term_r, struct err *err);

/* The accessors take NULL for a term, which is then nothing of what is asked for. */
bool term_is_atom(const struct term *term, const char *name);
/* A tuple of that many items. */
bool term_is_tuple(const struct term *term, uint32_t count);
/* A proper list; the empty string is one, too. */
bool term_is_list(const struct term *term);
/* Of a list, tuple or map, from 0; NULL: there are not so many. */
const struct term *term_item(const struct term *term, uint32_t index);
/* The bytes of a binary or string; false: it is neither. The empty list is the empty string. */
bool term_bytes(const struct term *term, struct str *bytes_r);
/* false: it is no integer, or does not fit. */
bool term_int(const struct term *term, int64_t *number_r);
/* The atoms true and false; false: it is none of them. */
bool term_bool(const struct term *term, bool *value_r);
/* The value in the last {name, value} of a list; NULL. */
const struct term *term_find(const struct term *list, const char *name);

/* As ejabberd writes them: without white space; bytes as characters when all of them are such in Latin-1. */
void term_put_atom(struct strbuf *out, struct str name);
void term_put_binary(struct strbuf *out, struct str bytes);
void term_put_string(struct strbuf *out, struct str bytes);
/* The whole tree. */
void term_put(struct strbuf *out, const struct term *term);
