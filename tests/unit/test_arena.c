/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/arena.h"

#include "tap.h"

static void test_pieces(void)
{
	struct arena arena = {0};
	unsigned char *pieces[300];
	bool aligned = true, intact = true;

	for (size_t i = 0; i < 300; i++) {
		pieces[i] = arena_alloc(&arena, i * 7);
		aligned = aligned && (uintptr_t)pieces[i] % 16 == 0;
		memset(pieces[i], (int)(i & 255), i * 7);
	}
	for (size_t i = 0; i < 300; i++)
		for (size_t at = 0; at < i * 7; at++)
			intact = intact && pieces[i][at] == (i & 255);
	ok(aligned);
	ok(intact);
	arena_fini(&arena);
	ok(!arena.chunks && !arena.next && !arena.end);
}

static void test_big(void)
{
	struct arena arena = {0};
	char *big = arena_zalloc(&arena, 1 << 20);
	char *small = arena_zalloc(&arena, 1);
	bool zero = *small == 0;

	for (size_t i = 0; i < 1 << 20; i++)
		zero = zero && big[i] == 0;
	ok(zero);
	memset(big, 'x', 1 << 20);
	is_int(*small, 0);
#ifndef STANZAD_SANITIZE
	char *before = arena_alloc(&arena, 16);

	arena_alloc(&arena, 200000);
	ok((char *)arena_alloc(&arena, 16) == before + 16);
#endif
	arena_fini(&arena);
}

static void test_text(void)
{
	struct arena arena = {0};
	struct str copy = arena_str(&arena, STR("ju\0liet"));

	is_str(copy, STR("ju\0liet"));
	is_int(copy.ptr[copy.len], 0);
	is_text(arena_str(&arena, STR_NULL), "");
	is_cstr(arena_printf(&arena, "%s@%d", "juliet", 7), "juliet@7");
	is_cstr(arena_printf(&arena, "%s", ""), "");
	is_int(strlen(arena_printf(&arena, "%5000d", 1)), 5000);
	arena_fini(&arena);
}

int main(void)
{
	run(test_pieces);
	run(test_big);
	run(test_text);
	return tap_done();
}
