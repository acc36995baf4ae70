/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a list of JIDs in a row of archive_prefs, which other programs write, too. What is read is written,
 * read again as the same, and written the same again.
 */
#include "fuzz.h"
#include "modules/mod_mam/mam.h"

static void compare(const struct mam_jids *jids, const struct mam_jids *again)
{
	fuzz_check(jids->count == again->count);
	for (size_t i = 0; i < jids->count; i++)
		fuzz_check(jid_eq(&jids->list[i], &again->list[i]));
}

static void check(const struct mam_jids *jids)
{
	struct strbuf text = {0}, text_again = {0};
	struct mam_jids again = {0};
	struct err err;

	mam_jids_write(&text, jids);
	fuzz_check(mam_jids_read(strbuf_view(&text), &again, &err) == 0);
	compare(jids, &again);
	mam_jids_write(&text_again, &again);
	fuzz_check(str_eq(strbuf_view(&text), strbuf_view(&text_again)));
	mam_jids_fini(&again);
	strbuf_fini(&text);
	strbuf_fini(&text_again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct mam_jids jids = {0};
	struct err err;

	if (mam_jids_read((struct str){(const char *)bytes, size}, &jids, &err) == 0)
		check(&jids);
	else
		fuzz_check(!jids.list);
	mam_jids_fini(&jids);
	return 0;
}
