/* SPDX-License-Identifier: Apache-2.0 */
#include "base/term.h"

#include "base/utf8.h"

#define DEPTH_MAX 255
#define ATOM_MAX 1020 /* 255 characters */

const struct term_limits term_limits_default = {
    .max_bytes = (size_t)64 << 20, .max_terms = 4 << 20, .max_depth = 64};

struct reader {
	const char *start, *at, *end;
	const struct term_limits *limits;
	struct arena *arena;
	struct err *err;
	struct strbuf bytes; /* of what is being decoded */
	uint32_t terms, depth;
};

/* What an escape beyond a byte's 7 bits stands for. */
enum escapes { ESCAPES_BYTES, ESCAPES_EITHER, ESCAPES_CHARACTERS };

static int fail(struct reader *reader, const char *what)
{
	return err_set(reader->err, "%s at byte %zu", what, (size_t)(reader->at - reader->start));
}

/* --- characters ---------------------------------------------------------------------------------------- */

static void skip_space(struct reader *reader)
{
	bool comment = false;
	for (; reader->at < reader->end; reader->at++) {
		char c = *reader->at;
		comment = comment ? c != '\n' : c == '%';
		if (!comment && !(c == ' ' || (c >= '\t' && c <= '\r')))
			return;
	}
}

static bool take(struct reader *reader, const char *word)
{
	skip_space(reader);
	if (!str_starts((struct str){reader->at, (size_t)(reader->end - reader->at)}, word))
		return false;
	reader->at += strlen(word);
	return true;
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;
}

/* Digits of a base, at most that many; how many there were, or < 0: the number is no character. */
static int read_digits(struct reader *reader, int base, int most, uint32_t *rune_r)
{
	int count = 0;
	uint32_t rune = 0;
	for (; count < most && reader->at < reader->end && digit_of(*reader->at) < base; count++) {
		rune = rune * (uint32_t)base + (uint32_t)digit_of(*reader->at++);
		if (rune > 0x10ffff)
			return -1;
	}
	*rune_r = rune;
	return count;
}

/* Behind "\x". */
static bool read_hex(struct reader *reader, uint32_t *rune_r)
{
	bool braces = reader->at < reader->end && *reader->at == '{';
	reader->at += braces;
	int count = read_digits(reader, 16, braces ? 8 : 2, rune_r);
	if (!braces)
		return count == 2;
	return count > 0 && reader->at < reader->end && *reader->at++ == '}';
}

/* Behind the backslash. */
static bool read_escape(struct reader *reader, uint32_t *rune_r)
{
	static const char letters[] = "nrtvbfesd", values[] = "\n\r\t\v\b\f\x1b \x7f";
	if (reader->at == reader->end)
		return false;
	if (digit_of(*reader->at) < 8)
		return read_digits(reader, 8, 3, rune_r) > 0;
	char c = *reader->at++;
	const char *letter = c ? strchr(letters, c) : NULL;
	*rune_r = (unsigned char)(letter ? values[letter - letters] : c);
	if (c == 'x')
		return read_hex(reader, rune_r);
	if (c != '^')
		return true;
	if (reader->at == reader->end)
		return false;
	*rune_r = *reader->at++ & 0x1f;
	return true;
}

static bool add_rune(struct reader *reader, uint32_t rune, enum escapes escapes)
{
	char bytes[4];
	if (rune < 0x80 || (rune < 0x100 && escapes != ESCAPES_CHARACTERS)) {
		strbuf_char(&reader->bytes, (char)rune);
		return true;
	}
	if (escapes == ESCAPES_BYTES || (rune >= 0xd800 && rune < 0xe000))
		return false;
	strbuf_add(&reader->bytes, bytes, (size_t)utf8_put(bytes, rune));
	return true;
}

/* Behind the first quote, up to and with the last one. */
static int read_quoted(struct reader *reader, char quote, enum escapes escapes)
{
	while (reader->at < reader->end) {
		const char *run = reader->at;
		uint32_t rune;
		while (reader->at < reader->end && *reader->at != quote && *reader->at != '\\')
			reader->at++;
		strbuf_add(&reader->bytes, run, (size_t)(reader->at - run));
		if (reader->at == reader->end)
			break;
		if (*reader->at++ == quote)
			return 0;
		char c = reader->at < reader->end ? *reader->at : 0;
		if ((unsigned char)c >= 0x80)
			continue;
		if (!read_escape(reader, &rune) || !add_rune(reader, rune, escapes))
			return fail(reader, "an escape that there is not");
	}
	return fail(reader, "quotes do not end");
}

/* --- terms without others in them ---------------------------------------------------------------------- */

static void take_bytes(struct reader *reader, struct term *term)
{
	term->text = arena_str(reader->arena, strbuf_view(&reader->bytes));
}

static bool is_atom_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
	       c == '@';
}

static int read_atom(struct reader *reader, struct term *term)
{
	const char *start = reader->at;
	term->kind = TERM_ATOM;
	while (reader->at < reader->end && is_atom_char(*reader->at))
		reader->at++;
	term->text = (struct str){start, (size_t)(reader->at - start)};
	return term->text.len > ATOM_MAX ? fail(reader, "an atom is too long") : 0;
}

static int read_quoted_atom(struct reader *reader, struct term *term)
{
	term->kind = TERM_ATOM;
	strbuf_reset(&reader->bytes);
	if (read_quoted(reader, '\'', ESCAPES_CHARACTERS) < 0)
		return -1;
	take_bytes(reader, term);
	return term->text.len > ATOM_MAX ? fail(reader, "an atom is too long") : 0;
}

/* Strings side by side are one. */
static int read_string(struct reader *reader, struct term *term)
{
	term->kind = TERM_STRING;
	strbuf_reset(&reader->bytes);
	do {
		if (read_quoted(reader, '"', ESCAPES_EITHER) < 0)
			return -1;
	} while (take(reader, "\""));
	take_bytes(reader, term);
	return 0;
}

static void skip_digits(struct reader *reader)
{
	while (reader->at < reader->end && digit_of(*reader->at) < 10)
		reader->at++;
}

static bool digit_at(const struct reader *reader, size_t offset)
{
	return (size_t)(reader->end - reader->at) > offset && digit_of(reader->at[offset]) < 10;
}

static int read_number(struct reader *reader, struct term *term)
{
	const char *start = reader->at;
	term->kind = TERM_INTEGER;
	if (*reader->at == '-' || *reader->at == '+')
		reader->at++;
	if (!digit_at(reader, 0))
		return fail(reader, "no number");
	skip_digits(reader);
	if (digit_at(reader, 1) && *reader->at == '.') {
		term->kind = TERM_FLOAT;
		reader->at++;
		skip_digits(reader);
		bool power = reader->at < reader->end && (*reader->at | 0x20) == 'e';
		bool sign =
		    power && reader->end - reader->at > 1 && strchr("+-", reader->at[1]) && reader->at[1];
		if (power && digit_at(reader, 1 + sign)) {
			reader->at += 1 + sign;
			skip_digits(reader);
		}
	}
	term->text = (struct str){start, (size_t)(reader->at - start)};
	return 0;
}

/* --- binaries ------------------------------------------------------------------------------------------ */

/* Whether the string that begins here is followed by "/utf8". */
static bool is_utf8_string(const struct reader *reader)
{
	static const char word[] = "/utf8";
	const char *at = reader->at;
	while (at < reader->end && *at != '"')
		at += *at == '\\' && reader->end - at > 1 ? 2 : 1;
	return reader->end - at >= (ptrdiff_t)sizeof(word) && memcmp(at + 1, word, sizeof(word) - 1) == 0;
}

static int read_binary_string(struct reader *reader)
{
	bool is_utf8 = is_utf8_string(reader);
	size_t start = reader->bytes.len;
	if (read_quoted(reader, '"', is_utf8 ? ESCAPES_CHARACTERS : ESCAPES_BYTES) < 0)
		return -1;
	if (!is_utf8)
		return 0;
	take(reader, "/utf8");
	struct str added = {reader->bytes.ptr + start, reader->bytes.len - start};
	return utf8_valid(added) ? 0 : fail(reader, "no UTF-8");
}

static int read_byte(struct reader *reader)
{
	uint32_t byte;
	skip_space(reader);
	if (read_digits(reader, 10, 8, &byte) < 1 || byte > 255 || digit_at(reader, 0))
		return fail(reader, "a number that is no byte");
	strbuf_char(&reader->bytes, (char)byte);
	return 0;
}

static int read_binary(struct reader *reader, struct term *term)
{
	term->kind = TERM_BINARY;
	strbuf_reset(&reader->bytes);
	if (take(reader, ">>"))
		return 0;
	do {
		if ((take(reader, "\"") ? read_binary_string(reader) : read_byte(reader)) < 0)
			return -1;
		while (take(reader, "\""))
			if (read_binary_string(reader) < 0)
				return -1;
	} while (take(reader, ","));
	take_bytes(reader, term);
	return take(reader, ">>") ? 0 : fail(reader, "a binary does not end");
}

/* --- terms of terms ------------------------------------------------------------------------------------ */

static int read_term(struct reader *reader, struct term **term_r);

static bool take_separator(struct reader *reader, struct term *term)
{
	if (term->kind == TERM_MAP && term->count % 2)
		return take(reader, "=>");
	if (term->improper)
		return false;
	term->improper = term->kind == TERM_LIST && take(reader, "|");
	return term->improper || take(reader, ",");
}

/* The bracket has been opened. */
static int read_items(struct reader *reader, struct term *term, enum term_kind kind, const char *close)
{
	const struct term **link = &term->items;
	struct term *item;
	term->kind = kind;
	if (take(reader, close))
		return 0;
	do {
		if (read_term(reader, &item) < 0)
			return -1;
		*link = item;
		link = &item->next;
		term->count++;
	} while (take_separator(reader, term));
	if (kind == TERM_MAP && term->count % 2)
		return fail(reader, "a key has no value");
	return take(reader, close) ? 0 : fail(reader, "neither a comma nor the end of what was opened");
}

static int read_nested(struct reader *reader, struct term *term, enum term_kind kind, const char *close)
{
	if (reader->depth == DEPTH_MAX || reader->depth == reader->limits->max_depth)
		return fail(reader, "too deep");
	reader->depth++;
	int result = read_items(reader, term, kind, close);
	reader->depth--;
	return result;
}

static int read_kind(struct reader *reader, struct term *term)
{
	if (take(reader, "["))
		return read_nested(reader, term, TERM_LIST, "]");
	if (take(reader, "{"))
		return read_nested(reader, term, TERM_TUPLE, "}");
	if (take(reader, "#{"))
		return read_nested(reader, term, TERM_MAP, "}");
	if (take(reader, "<<"))
		return read_binary(reader, term);
	if (take(reader, "\""))
		return read_string(reader, term);
	if (take(reader, "'"))
		return read_quoted_atom(reader, term);
	if (reader->at == reader->end)
		return fail(reader, "a term is missing");
	return *reader->at >= 'a' && *reader->at <= 'z' ? read_atom(reader, term) : read_number(reader, term);
}

static int read_term(struct reader *reader, struct term **term_r)
{
	skip_space(reader);
	if (reader->terms++ == reader->limits->max_terms)
		return fail(reader, "too many terms");
	struct term *term = arena_zalloc(reader->arena, sizeof(*term));
	const char *start = reader->at;
	if (read_kind(reader, term) < 0)
		return -1;
	term->source = (struct str){start, (size_t)(reader->at - start)};
	*term_r = term;
	return 0;
}

static int read_whole(struct reader *reader, struct term **term_r)
{
	if (read_term(reader, term_r) < 0)
		return -1;
	take(reader, ".");
	skip_space(reader);
	return reader->at == reader->end ? 0 : fail(reader, "more than one term");
}

int term_read(struct str text, const struct term_limits *limits, struct arena *arena,
    const struct term **term_r, struct err *err)
{
	if (text.len > limits->max_bytes)
		return err_set(err, "more than %zu bytes", limits->max_bytes);
	if (text.len && memchr(text.ptr, 0, text.len))
		return err_set(err, "a NUL in the text");
	struct str copy = arena_str(arena, text);
	struct reader reader = {.start = copy.ptr,
	    .at = copy.ptr,
	    .end = copy.ptr + copy.len,
	    .limits = limits,
	    .arena = arena,
	    .err = err};
	struct term *term = NULL;
	int result = read_whole(&reader, &term);
	strbuf_fini(&reader.bytes);
	if (result == 0)
		*term_r = term;
	return result;
}

/* --- what a term is ------------------------------------------------------------------------------------ */

bool term_is_atom(const struct term *term, const char *name)
{
	return term && term->kind == TERM_ATOM && str_is(term->text, name);
}

bool term_is_tuple(const struct term *term, uint32_t count)
{
	return term && term->kind == TERM_TUPLE && term->count == count;
}

bool term_is_list(const struct term *term)
{
	return term && ((term->kind == TERM_LIST && !term->improper) ||
			   (term->kind == TERM_STRING && term->text.len == 0));
}

const struct term *term_item(const struct term *term, uint32_t index)
{
	const struct term *item = term ? term->items : NULL;
	while (item && index--)
		item = item->next;
	return item;
}

bool term_bytes(const struct term *term, struct str *bytes_r)
{
	bool is_bytes = term && (term->kind == TERM_BINARY || term->kind == TERM_STRING ||
				    (term->kind == TERM_LIST && term->count == 0));
	if (is_bytes)
		*bytes_r = term->text.ptr ? term->text : STR("");
	return is_bytes;
}

bool term_int(const struct term *term, int64_t *number_r)
{
	if (!term || term->kind != TERM_INTEGER)
		return false;
	struct str text = term->text;
	if (text.ptr[0] == '+')
		text = (struct str){text.ptr + 1, text.len - 1};
	return str_to_i64(text, number_r);
}

bool term_bool(const struct term *term, bool *value_r)
{
	bool is_true = term_is_atom(term, "true");
	if (!is_true && !term_is_atom(term, "false"))
		return false;
	*value_r = is_true;
	return true;
}

const struct term *term_find(const struct term *list, const char *name)
{
	const struct term *found = NULL;
	if (!term_is_list(list))
		return NULL;
	for (const struct term *pair = list->items; pair; pair = pair->next)
		if (term_is_tuple(pair, 2) && term_is_atom(pair->items, name))
			found = pair->items->next;
	return found;
}
