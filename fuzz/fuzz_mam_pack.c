/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a message, which comes back from its compact row; as such a row; and as what is in one behind the
 * base64.
 */
#include "base/codec.h"
#include "fuzz.h"
#include "modules/mod_mam/mam.h"

static void unpack(struct str row)
{
	struct strbuf buf = {0};
	struct str xml;
	struct err err;

	if (mam_unpack(row, &buf, &xml, &err) == 0)
		fuzz_check(xml.ptr == row.ptr || xml.len <= MAM_PACKED_MOST);
	strbuf_fini(&buf);
}

static void there_and_back(struct str text)
{
	struct strbuf row = {0}, buf = {0};
	struct str xml;
	struct err err;

	if (mam_pack(text, &row)) {
		fuzz_check(row.len < text.len);
		fuzz_check(mam_unpack(strbuf_view(&row), &buf, &xml, &err) == 0);
		fuzz_check(str_eq(xml, text));
	} else {
		fuzz_check(!row.len);
	}
	strbuf_fini(&row);
	strbuf_fini(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct str text = {(const char *)bytes, size};
	struct strbuf row = {0};

	there_and_back(text);
	unpack(text);
	strbuf_cstr(&row, "stanzad1:");
	base64_encode(&row, bytes, size);
	unpack(strbuf_view(&row));
	strbuf_fini(&row);
	return 0;
}
