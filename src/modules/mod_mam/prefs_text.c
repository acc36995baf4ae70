/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/term.h"
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

void mam_jids_write(struct strbuf *out, const struct mam_jids *jids)
{
	strbuf_char(out, '[');
	for (size_t i = 0; i < jids->count; i++) {
		const struct jid *jid = &jids->list[i];
		strbuf_cstr(out, i ? ",{" : "{");
		term_put_binary(out, jid_local(jid));
		strbuf_char(out, ',');
		term_put_binary(out, jid_domain(jid));
		strbuf_char(out, ',');
		term_put_binary(out, jid->resource_len ? jid_resource(jid) : STR_NULL);
		strbuf_char(out, '}');
	}
	strbuf_char(out, ']');
}

/* One that is no JID here is left out. */
static bool read_jid(const struct term *term, struct arena *arena, struct mam_jids *jids)
{
	struct str part[3];
	struct jid jid;
	struct err err;
	if (!term_is_tuple(term, 3))
		return false;
	for (uint32_t i = 0; i < 3; i++)
		if (!term_bytes(term_item(term, i), &part[i]))
			return false;
	if (jid_make(part[0], part[1], part[2], arena, &jid, &err) == 0)
		mam_jids_add(jids, &jid);
	return true;
}

static bool read_list(const struct term *list, struct arena *arena, struct mam_jids *jids)
{
	bool good = term_is_list(list);
	for (const struct term *item = good ? list->items : NULL; good && item; item = item->next)
		good = read_jid(item, arena, jids);
	return good;
}

int mam_jids_read(struct str text, struct mam_jids *jids_r, struct err *err)
{
	struct arena arena = {0};
	struct mam_jids jids = {0};
	const struct term *list = NULL;
	int result = term_read(text, &term_limits_default, &arena, &list, err);
	if (result == 0 && !read_list(list, &arena, &jids))
		result = err_set(err, "it is no list of JIDs");
	arena_fini(&arena);
	if (result == 0)
		*jids_r = jids;
	else
		mam_jids_fini(&jids);
	return result;
}
