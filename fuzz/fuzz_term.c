/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an Erlang term. What is read is written, read again as the same, and written the same again; so is the
 * source of every term in it.
 */
#include "base/term.h"
#include "fuzz.h"

static const struct term_limits limits = {.max_bytes = 1 << 20, .max_terms = 10000, .max_depth = 20};

static void compare(const struct term *term, const struct term *again)
{
	fuzz_check(term->kind == again->kind && term->count == again->count && term->improper == again->improper);
	fuzz_check(str_eq(term->text, again->text));
	const struct term *item = term->items, *copy = again->items;
	for (uint32_t i = 0; i < term->count; i++, item = item->next, copy = copy->next)
		compare(item, copy);
	fuzz_check(!item && !copy);
}

static void check(struct arena *arena, const struct term *term)
{
	struct strbuf text = {0}, text_again = {0};
	struct term_limits more = limits;
	const struct term *again;
	struct err err;

	more.max_bytes *= 8;
	term_put(&text, term);
	fuzz_check(term_read(strbuf_view(&text), &more, arena, &again, &err) == 0);
	compare(term, again);
	term_put(&text_again, again);
	fuzz_check(str_eq(strbuf_view(&text), strbuf_view(&text_again)));
	fuzz_check(term_read(term->source, &limits, arena, &again, &err) == 0);
	compare(term, again);
	strbuf_fini(&text);
	strbuf_fini(&text_again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct arena arena = {0};
	const struct term *term = NULL;
	struct err err;

	if (term_read((struct str){(const char *)bytes, size}, &limits, &arena, &term, &err) == 0)
		check(&arena, term);
	else
		fuzz_check(!term);
	arena_fini(&arena);
	return 0;
}
