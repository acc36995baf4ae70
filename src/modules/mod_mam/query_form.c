/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_mam/query.h"
#include "stanzad/datetime.h"
#include "stanzad/form.h"

#define NS_VALIDATE "http://jabber.org/protocol/xdata-validate"

typedef int field_read(const struct xml *field, struct arena *arena, struct mam_query *query);

static struct str value_of(const struct xml *field)
{
	struct str value = form_value_at(field, 0);
	return str_trim(value);
}

static int read_with(const struct xml *field, struct arena *arena, struct mam_query *query)
{
	struct jid jid;
	struct err err;
	if (jid_parse(value_of(field), arena, &jid, &err) < 0)
		return -1;
	query->with_full = jid.resource_len > 0;
	query->with = arena_str(arena, jid_full(&jid));
	return 0;
}

static int read_start(const struct xml *field, struct arena *arena, struct mam_query *query)
{
	return datetime_parse(value_of(field), &query->start);
}

static int read_end(const struct xml *field, struct arena *arena, struct mam_query *query)
{
	return datetime_parse(value_of(field), &query->end);
}

static int read_before_id(const struct xml *field, struct arena *arena, struct mam_query *query)
{
	query->before_id = mam_id_read(value_of(field));
	return 0;
}

static int read_after_id(const struct xml *field, struct arena *arena, struct mam_query *query)
{
	query->after_id = mam_id_read(value_of(field));
	return 0;
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

/* Sorted, each once. */
static int read_ids(const struct xml *field, struct arena *arena, struct mam_query *query)
{
	size_t count = 0, kept = 0;
	while (form_value_at(field, (unsigned)count).ptr && count <= MAM_IDS_MOST)
		count++;
	if (count > MAM_IDS_MOST)
		return -1;
	int64_t *ids = arena_alloc(arena, count * sizeof(*ids));
	for (size_t i = 0; i < count; i++)
		ids[i] = mam_id_read(str_trim(form_value_at(field, (unsigned)i)));
	qsort(ids, count, sizeof(*ids), by_value);
	for (size_t i = 0; i < count; i++)
		if (kept == 0 || ids[i] != ids[kept - 1])
			ids[kept++] = ids[i];
	query->ids = ids;
	query->id_count = kept;
	query->by_ids = true;
	return 0;
}

static int read_groupchat(const struct xml *field, struct arena *arena, struct mam_query *query)
{
	struct str value = value_of(field);
	bool yes = str_is(value, "1") || str_is(value, "true"),
	     no = str_is(value, "0") || str_is(value, "false");
	query->no_groupchat = no;
	return yes || no ? 0 : -1;
}

static int read_words(const struct xml *field, struct arena *arena, struct mam_query *query)
{
	query->words = arena_str(arena, value_of(field));
	return 0;
}

static const struct field {
	const char *var, *type;
	field_read *read;
	const char *fault;
} fields[] = {
    {"with", "jid-single", read_with, "with is no JID"},
    {"start", "text-single", read_start, "start is no date and time"},
    {"end", "text-single", read_end, "end is no date and time"},
    {"before-id", "text-single", read_before_id, NULL},
    {"after-id", "text-single", read_after_id, NULL},
    {"ids", "list-multi", read_ids, "these are too many ids"},
    {"include-groupchat", "boolean", read_groupchat, "include-groupchat is neither true nor false"},
    {MAM_FIELD_FULLTEXT, "text-single", read_words, NULL},
    {"withtext", "text-single", read_words, NULL},
};
#define FIELD_COUNT (sizeof(fields) / sizeof(fields[0]))

/* --- reading -------------------------------------------------------------------------------------------- */

static int refuse(struct stanza_error *error, enum stanza_condition condition, const char *text)
{
	*error = (struct stanza_error){.condition = condition, .text = text};
	return -1;
}

static int read_one(const struct xml *elem, const struct field *field, struct arena *arena,
    struct mam_query *query, struct stanza_error *error)
{
	if (!value_of(elem).len || field->read(elem, arena, query) == 0)
		return 0; /* without a value nothing was filled in */
	return refuse(error, SE_bad_request, field->fault);
}

/* The row of the table; FIELD_COUNT when there is none of that name. */
static size_t field_of(struct str var)
{
	size_t i = 0;
	while (i < FIELD_COUNT && !str_is(var, fields[i].var))
		i++;
	return i;
}

int mam_form_read(
    const struct xml *form, struct arena *arena, struct mam_query *query, struct stanza_error *error_r)
{
	enum form_type type;
	unsigned seen = 0;
	struct err err;
	if (form_type(form, &type, &err) < 0 || type != FORM_SUBMIT)
		return refuse(error_r, SE_bad_request, "the form is not one that is submitted");
	if (!str_is(form_namespace(form), NS_MAM))
		return refuse(error_r, SE_bad_request, "the FORM_TYPE is not that of archives");
	for (const struct xml *elem = xml_child(form, "field", NULL); elem;
	     elem = xml_next(elem, "field", NULL)) {
		struct str var = xml_attr_s(elem, "var");
		size_t i = field_of(var);
		if (str_is(var, "FORM_TYPE"))
			continue;
		if (i == FIELD_COUNT)
			return refuse(error_r, SE_feature_not_implemented, "there is no such field");
		if (seen & 1u << i)
			return refuse(error_r, SE_bad_request, "a field is there twice");
		seen |= 1u << i;
		if (read_one(elem, &fields[i], arena, query, error_r) < 0)
			return -1;
	}
	return 0;
}

/* --- writing -------------------------------------------------------------------------------------------- */

void mam_form_write(struct xml_writer *reply)
{
	xml_open(reply, "query", NS_MAM);
	form_open(reply, FORM_FORM, NS_MAM);
	for (size_t i = 0; i < FIELD_COUNT; i++) {
		xml_open(reply, "field", NULL);
		xml_put_attr(reply, "type", str_of(fields[i].type));
		xml_put_attr(reply, "var", str_of(fields[i].var));
		if (str_is(str_of(fields[i].type), "list-multi")) {
			xml_open(reply, "validate", NS_VALIDATE);
			xml_put_attr(reply, "datatype", STR("xs:string"));
			xml_put_element(reply, "open", NULL, STR_NULL);
			xml_close(reply);
		}
		xml_close(reply);
	}
	xml_close(reply);
	xml_close(reply);
}
