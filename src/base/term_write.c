/* SPDX-License-Identifier: Apache-2.0 */
#include "base/term.h"

/* Words of the language, which are no atoms without quotes. */
static const char *const reserved[] = {"after", "and", "andalso", "band", "begin", "bnot", "bor", "bsl",
    "bsr", "bxor", "case", "catch", "cond", "div", "else", "end", "fun", "if", "let", "maybe", "not", "of",
    "or", "orelse", "receive", "rem", "try", "when", "xor"};

/* The letters of "\n", "\t", ... by their bytes; 0: there is none. */
static const char escape_letters[0x20] = {
    ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't', ['\v'] = 'v', ['\b'] = 'b', ['\f'] = 'f', [0x1b] = 'e'};

static void put_char(struct strbuf *out, char c, char quote)
{
	unsigned char byte = (unsigned char)c;
	char letter = byte < sizeof(escape_letters) ? escape_letters[byte] : 0;
	if (c == quote || c == '\\' || letter)
		strbuf_char(out, '\\');
	if ((byte < 0x20 && !letter) || byte == 0x7f)
		strbuf_printf(out, "\\x{%x}", byte);
	else
		strbuf_char(out, letter ? letter : c);
}

static void put_quoted(struct strbuf *out, struct str bytes, char quote)
{
	strbuf_char(out, quote);
	for (size_t i = 0; i < bytes.len; i++)
		put_char(out, bytes.ptr[i], quote);
	strbuf_char(out, quote);
}

static bool is_plain_atom(struct str name)
{
	if (name.len == 0 || name.ptr[0] < 'a' || name.ptr[0] > 'z')
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!letter && !(c >= '0' && c <= '9') && c != '_' && c != '@')
			return false;
	}
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (str_is(name, reserved[i]))
			return false;
	return true;
}

void term_put_atom(struct strbuf *out, struct str name)
{
	if (is_plain_atom(name))
		strbuf_str(out, name);
	else
		put_quoted(out, name, '\'');
}

/* What Erlang shows as characters when it takes bytes for Latin-1. */
static bool is_printable(struct str bytes)
{
	for (size_t i = 0; i < bytes.len; i++) {
		unsigned char byte = (unsigned char)bytes.ptr[i];
		if ((byte < 0x20 && !escape_letters[byte]) || (byte >= 0x7f && byte < 0xa0))
			return false;
	}
	return true;
}

void term_put_binary(struct strbuf *out, struct str bytes)
{
	bool printable = is_printable(bytes);
	strbuf_cstr(out, "<<");
	if (printable && bytes.len)
		put_quoted(out, bytes, '"');
	for (size_t i = 0; !printable && i < bytes.len; i++) {
		if (i)
			strbuf_char(out, ',');
		strbuf_u64(out, (unsigned char)bytes.ptr[i]);
	}
	strbuf_cstr(out, ">>");
}

void term_put_string(struct strbuf *out, struct str bytes)
{
	put_quoted(out, bytes, '"');
}

static void put_items(struct strbuf *out, const struct term *term, const char *open, const char *close)
{
	uint32_t index = 0;
	strbuf_cstr(out, open);
	for (const struct term *item = term->items; item; item = item->next, index++) {
		if (term->kind == TERM_MAP && index % 2)
			strbuf_cstr(out, "=>");
		else if (index)
			strbuf_char(out, term->improper && !item->next ? '|' : ',');
		term_put(out, item);
	}
	strbuf_cstr(out, close);
}

void term_put(struct strbuf *out, const struct term *term)
{
	switch (term->kind) {
	case TERM_ATOM:
		term_put_atom(out, term->text);
		break;
	case TERM_BINARY:
		term_put_binary(out, term->text);
		break;
	case TERM_STRING:
		term_put_string(out, term->text);
		break;
	case TERM_INTEGER:
	case TERM_FLOAT:
		strbuf_str(out, term->text);
		break;
	case TERM_LIST:
		put_items(out, term, "[", "]");
		break;
	case TERM_TUPLE:
		put_items(out, term, "{", "}");
		break;
	case TERM_MAP:
		put_items(out, term, "#{", "}");
		break;
	}
}
