/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/pattern.h"
#include "modules/mod_muc/muc.h"

static const struct pattern *pattern_of(
    const struct module_instance *instance, struct arena *arena, struct pattern **all, struct err *err)
{
	return pattern_new(module_option(instance, "regexp_room_id")->string, false, arena, all, err);
}

int muc_names_check(const struct module_instance *instance, struct err *err)
{
	struct arena arena = {0};
	struct pattern *all = NULL;
	struct err why = {0};
	bool good = pattern_of(instance, &arena, &all, &why) != NULL;
	pattern_free_all(all);
	arena_fini(&arena);
	return good ? 0 : err_set(err, "regexp_room_id: %s", why.text);
}

static int64_t characters(struct str text)
{
	int64_t count = 0;
	for (size_t i = 0; i < text.len; i++)
		count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
	return count;
}

bool muc_name_allowed(const struct module_instance *instance, struct str local)
{
	struct arena arena = {0};
	struct pattern *all = NULL;
	struct err err = {0};
	if (characters(local) > module_option(instance, "max_room_id")->integer)
		return false;
	const struct pattern *pattern = pattern_of(instance, &arena, &all, &err);
	bool allowed = pattern && pattern_match(pattern, local);
	pattern_free_all(all);
	arena_fini(&arena);
	return allowed;
}
