/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a JID. What is accepted must be valid UTF-8 within the limits, stay as it is when it is
 * prepared again (without a copy), and come out the same when it is made from its parts.
 */
#include "base/utf8.h"
#include "fuzz.h"
#include "stanzad/jid.h"

static void check_part(struct str part,
    int (*prepare)(struct str text, struct arena *arena, struct str *part_r, struct err *err),
    struct arena *arena)
{
	struct str again;

	fuzz_check(part.len <= JID_PART_MAX && utf8_valid(part));
	if (part.len == 0)
		return;
	fuzz_check(prepare(part, arena, &again, NULL) == 0);
	fuzz_check(again.ptr == part.ptr && again.len == part.len);
}

static void check(const struct jid *jid, struct arena *arena)
{
	struct jid again, made;

	fuzz_check(jid->domain_len > 0);
	fuzz_check(jid_parse(jid_full(jid), arena, &again, NULL) == 0);
	fuzz_check(again.text == jid->text && jid_eq(jid, &again));
	fuzz_check(str_eq(jid_bare(jid), jid_bare(&again)) && str_eq(jid_local(jid), jid_local(&again)));
	fuzz_check(jid_make(jid_local(jid), jid_domain(jid), jid_resource(jid), arena, &made, NULL) == 0);
	fuzz_check(jid_eq(jid, &made));
	check_part(jid_local(jid), jid_prep_local, arena);
	check_part(jid_domain(jid), jid_prep_domain, arena);
	check_part(jid_resource(jid), jid_prep_resource, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct arena arena = {0};
	struct str text = {(const char *)bytes, size}, part;
	struct jid jid;
	struct err err;

	if (jid_parse(text, &arena, &jid, &err) == 0)
		check(&jid, &arena);
	if (jid_prep_domain(text, &arena, &part, &err) == 0)
		check_part(part, jid_prep_domain, &arena);
	if (jid_prep_local(text, &arena, &part, &err) == 0)
		check_part(part, jid_prep_local, &arena);
	if (jid_prep_resource(text, &arena, &part, &err) == 0)
		check_part(part, jid_prep_resource, &arena);
	arena_fini(&arena);
	return 0;
}
