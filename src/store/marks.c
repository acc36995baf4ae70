/* SPDX-License-Identifier: Apache-2.0 */
#include "store/marks.h"

static const struct mark {
	const char *name, *multihost, *single;
	bool param;
} known[] = {
    {"{host=}", "server_host = ? AND", "", true},
    {"{host,}", "server_host,", "", false},
    {"{?,}", "?,", "", true},
    {"{excluded}", "excluded", "excluded", false},
};

static const struct mark *mark_at(const char *place)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strncmp(place, known[i].name, strlen(known[i].name)) == 0)
			return &known[i];
	return NULL;
}

/* The length of the quoted text, or of the one character, that begins here. */
static size_t piece(const char *place)
{
	if (*place != '\'' && *place != '"')
		return 1;
	const char *end = strchr(place + 1, *place);
	return end ? (size_t)(end - place) + 1 : strlen(place);
}

int marks_rewrite(const char *sql, bool multihost, struct strbuf *out, struct marks *marks_r, struct err *err)
{
	struct marks marks = {0};

	while (*sql) {
		const struct mark *mark = *sql == '{' ? mark_at(sql) : NULL;
		if (*sql == '{' && !mark)
			return err_set(err, "unknown mark in SQL at \"%.20s\"", sql);
		if (*sql == '?' || (mark && mark->param)) {
			if (marks.params == MARKS_PARAMS_MAX)
				return err_set(err, "more than %u parameters in SQL", MARKS_PARAMS_MAX);
			if (mark && !multihost)
				marks.dropped |= UINT64_C(1) << marks.params;
			marks.params++;
		}
		if (mark) {
			strbuf_cstr(out, multihost ? mark->multihost : mark->single);
			sql += strlen(mark->name);
		} else {
			size_t len = piece(sql);
			strbuf_add(out, sql, len);
			sql += len;
		}
	}
	*marks_r = marks;
	return 0;
}
