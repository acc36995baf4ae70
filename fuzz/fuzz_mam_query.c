/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any XML as a query of an archive, with its form and its <set/>: what is accepted keeps within the limits, and ids
 * that are read are written as they were.
 */
#include <string.h>

#include "fuzz.h"
#include "modules/mod_mam/query.h"

static void check_id(int64_t id)
{
	char text[MAM_ID_MAX];

	if (id == 0 || id == MAM_ID_NONE || id == INT64_MAX)
		return;
	fuzz_check(id > 0);
	mam_id_write(text, id);
	fuzz_check(mam_id_read(str_of(text)) == id);
}

static void check(const struct mam_query *query)
{
	const int64_t named[] = {query->after, query->before, query->after_id, query->before_id};

	fuzz_check(query->max <= MAM_PAGE_MOST);
	fuzz_check(query->queryid.len <= MAM_QUERYID_MAX);
	fuzz_check(query->id_count <= MAM_IDS_MOST && (query->by_ids || query->id_count == 0));
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
		check_id(named[i]);
	for (size_t i = 0; i < query->id_count; i++) {
		check_id(query->ids[i]);
		fuzz_check(i == 0 || query->ids[i - 1] < query->ids[i]);
	}
}

static void parse(const struct xml *elem)
{
	struct arena arena = {0};
	struct mam_query query;
	struct stanza_error error = {0};
	struct jid owner;
	struct err err;

	fuzz_check(jid_parse(STR("juliet@capulet.lit"), &arena, &owner, &err) == 0);
	if (mam_query_parse(elem, &owner, &arena, &query, &error) == 0)
		check(&query);
	arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct str text = {(const char *)bytes, size};
	struct err err;
	size_t offset;
	struct xml_tree *tree = xml_parse(text, STR("jabber:client"), &xml_limits_default, &offset, &err);

	check_id(mam_id_read(text));
	if (tree)
		parse(tree->root);
	xml_tree_unref(&tree);
	return 0;
}
