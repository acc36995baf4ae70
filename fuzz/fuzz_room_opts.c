/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the options of a room in a row of muc_room: what is read is written, read again, written the same. */
#include "fuzz.h"
#include "modules/mod_muc/config.h"

static void check(const struct room_saved *saved, const struct room_config *defaults, struct arena *arena)
{
	struct strbuf text = {0}, text_again = {0};
	struct room_saved again;
	struct err err;

	room_saved_write(&text, saved);
	fuzz_check(room_saved_read(strbuf_view(&text), defaults, arena, &again, &err) == 0);
	fuzz_check(again.affiliation_count == saved->affiliation_count);
	room_saved_write(&text_again, &again);
	fuzz_check(str_eq(strbuf_view(&text), strbuf_view(&text_again)));
	room_config_fini(&again.config);
	strbuf_fini(&text);
	strbuf_fini(&text_again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct arena arena = {0};
	struct room_config defaults;
	struct room_saved saved;
	struct err err;

	room_config_init_plain(&defaults);
	if (room_saved_read((struct str){(const char *)bytes, size}, &defaults, &arena, &saved, &err) == 0)
		check(&saved, &defaults, &arena);
	room_config_fini(&saved.config);
	room_config_fini(&defaults);
	arena_fini(&arena);
	return 0;
}
