/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_mam/mam.h"
#include "stanzad/mem.h"

void mam_jids_add(struct mam_jids *jids, const struct jid *jid)
{
	jids->list = mem_realloc_array(jids->list, jids->count + 1, sizeof(*jids->list));
	jids->list[jids->count++] = jid_dup_heap(jid);
}

void mam_jids_fini(struct mam_jids *jids)
{
	for (size_t i = 0; i < jids->count; i++)
		free((char *)jids->list[i].text);
	free(jids->list);
	*jids = (struct mam_jids){0};
}

/* --- writing ---------------------------------------------------------------------------------- */

/* What Erlang prints as characters when it reads bytes as Latin-1. */
static bool is_printable(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char byte = (unsigned char)text.ptr[i];
		if (byte < 0x20 || (byte >= 0x7f && byte < 0xa0))
			return false;
	}
	return true;
}

static void write_characters(struct strbuf *out, struct str text)
{
	strbuf_char(out, '"');
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] == '"' || text.ptr[i] == '\\')
			strbuf_char(out, '\\');
		strbuf_char(out, text.ptr[i]);
	}
	strbuf_char(out, '"');
}

static void write_numbers(struct strbuf *out, struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (i)
			strbuf_char(out, ',');
		strbuf_u64(out, (unsigned char)text.ptr[i]);
	}
}

static void write_binary(struct strbuf *out, struct str text)
{
	strbuf_cstr(out, "<<");
	if (text.len && is_printable(text))
		write_characters(out, text);
	else
		write_numbers(out, text);
	strbuf_cstr(out, ">>");
}

void mam_jids_write(struct strbuf *out, const struct mam_jids *jids)
{
	strbuf_char(out, '[');
	for (size_t i = 0; i < jids->count; i++) {
		const struct jid *jid = &jids->list[i];
		strbuf_cstr(out, i ? ",{" : "{");
		write_binary(out, jid_local(jid));
		strbuf_char(out, ',');
		write_binary(out, jid_domain(jid));
		strbuf_char(out, ',');
		write_binary(out, jid->resource_len ? jid_resource(jid) : STR_NULL);
		strbuf_char(out, '}');
	}
	strbuf_char(out, ']');
}

/* --- reading ---------------------------------------------------------------------------------- */

struct reader {
	struct str rest;
	struct strbuf part[3];
};

static void skip_space(struct reader *reader)
{
	while (reader->rest.len && strchr(" \t\r\n", reader->rest.ptr[0])) {
		reader->rest.ptr++;
		reader->rest.len--;
	}
}

/* Whether that is next; then it is behind us. */
static bool take(struct reader *reader, const char *word)
{
	size_t len = strlen(word);
	skip_space(reader);
	if (!str_starts(reader->rest, word))
		return false;
	reader->rest.ptr += len;
	reader->rest.len -= len;
	return true;
}

/* The backslash is behind us. */
static bool read_escaped(struct reader *reader, struct strbuf *out)
{
	char c = reader->rest.len ? reader->rest.ptr[0] : 'n';
	if (c != '"' && c != '\\' && c != '\'')
		return false;
	strbuf_char(out, c);
	reader->rest.ptr++;
	reader->rest.len--;
	return true;
}

/* The first quote is behind us. */
static bool read_characters(struct reader *reader, struct strbuf *out)
{
	while (reader->rest.len) {
		char c = *reader->rest.ptr++;
		reader->rest.len--;
		if (c == '"')
			return true;
		if (c != '\\')
			strbuf_char(out, c);
		else if (!read_escaped(reader, out))
			return false;
	}
	return false;
}

static bool read_number(struct reader *reader, struct strbuf *out)
{
	unsigned number = 0, digits = 0;
	for (; reader->rest.len && reader->rest.ptr[0] >= '0' && reader->rest.ptr[0] <= '9'; digits++) {
		number = number * 10 + (unsigned)(*reader->rest.ptr++ - '0');
		reader->rest.len--;
		if (number > 255)
			return false;
	}
	strbuf_char(out, (char)number);
	return digits > 0;
}

static bool read_binary(struct reader *reader, struct strbuf *out)
{
	strbuf_reset(out);
	if (!take(reader, "<<"))
		return false;
	if (take(reader, ">>"))
		return true;
	do {
		if (take(reader, "\"") ? !read_characters(reader, out) : !read_number(reader, out))
			return false;
	} while (take(reader, ","));
	return take(reader, ">>");
}

static bool read_jid(struct reader *reader)
{
	if (!take(reader, "{"))
		return false;
	for (unsigned i = 0; i < 3; i++)
		if ((i && !take(reader, ",")) || !read_binary(reader, &reader->part[i]))
			return false;
	return take(reader, "}");
}

static void add_jid(const struct reader *reader, struct mam_jids *jids)
{
	struct arena arena = {0};
	struct err err;
	struct jid jid;
	if (jid_make(strbuf_view(&reader->part[0]), strbuf_view(&reader->part[1]),
		strbuf_view(&reader->part[2]), &arena, &jid, &err) == 0)
		mam_jids_add(jids, &jid);
	arena_fini(&arena);
}

static bool read_list(struct reader *reader, struct mam_jids *jids)
{
	if (!take(reader, "["))
		return false;
	if (take(reader, "]"))
		return true;
	do {
		if (!read_jid(reader))
			return false;
		add_jid(reader, jids);
	} while (take(reader, ","));
	return take(reader, "]");
}

int mam_jids_read(struct str text, struct mam_jids *jids_r, struct err *err)
{
	struct reader reader = {.rest = text};
	struct mam_jids jids = {0};
	bool good = read_list(&reader, &jids);
	for (unsigned i = 0; i < 3; i++)
		strbuf_fini(&reader.part[i]);
	if (good)
		*jids_r = jids;
	else
		mam_jids_fini(&jids);
	return good ? 0 : err_set(err, "it is no list of JIDs");
}
