/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/arena.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

enum { CHUNK_FIRST = 512, CHUNK_LARGEST = 64 * 1024, ALIGNMENT = 16 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t size; /* header included; 0 when it holds a single piece */
} __attribute__((aligned(ALIGNMENT)));

void arena_fini(struct arena *arena)
{
	while (arena->chunks) {
		struct arena_chunk *chunk = arena->chunks;

		arena->chunks = chunk->next;
		free(chunk);
	}
	*arena = (struct arena){0};
}

/* Behind the newest chunk, which stays the one that small pieces are cut from. */
static void *arena_alloc_single(struct arena *arena, size_t size)
{
	struct arena_chunk **at = arena->chunks ? &arena->chunks->next : &arena->chunks;
	struct arena_chunk *chunk;
	size_t total;

	if (__builtin_add_overflow(size, sizeof(*chunk), &total))
		total = SIZE_MAX; /* cannot be had: mem_alloc aborts */
	chunk = mem_alloc(total);
	chunk->next = *at;
	chunk->size = 0;
	*at = chunk;
	return chunk + 1;
}

#ifdef STANZAD_SANITIZE

void *arena_alloc(struct arena *arena, size_t size)
{
	return arena_alloc_single(arena, size);
}

#else

static size_t arena_next_size(const struct arena *arena)
{
	size_t newest = arena->chunks ? arena->chunks->size : 0;

	if (newest == 0)
		return CHUNK_FIRST;
	return newest < CHUNK_LARGEST ? newest * 2 : CHUNK_LARGEST;
}

static void arena_grow(struct arena *arena, size_t chunk_size)
{
	struct arena_chunk *chunk = mem_alloc(chunk_size);

	chunk->next = arena->chunks;
	chunk->size = chunk_size;
	arena->chunks = chunk;
	arena->next = (char *)(chunk + 1);
	arena->end = (char *)chunk + chunk_size;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	size_t rounded = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	size_t room = (size_t)(arena->end - arena->next);
	char *piece;

	if (rounded < size || rounded > room || room == 0) {
		size_t chunk_size = arena_next_size(arena);

		if (rounded < size || rounded > chunk_size - sizeof(struct arena_chunk))
			return arena_alloc_single(arena, size);
		arena_grow(arena, chunk_size);
	}
	piece = arena->next;
	arena->next += rounded;
	return piece;
}

#endif

void *arena_zalloc(struct arena *arena, size_t size)
{
	return memset(arena_alloc(arena, size), 0, size);
}

struct str arena_str(struct arena *arena, struct str s)
{
	char *copy = arena_alloc(arena, s.len + 1);

	if (s.len)
		memcpy(copy, s.ptr, s.len);
	copy[s.len] = '\0';
	return (struct str){copy, s.len};
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
	char brief[128] = "";
	va_list args, again;
	size_t size;
	char *text;
	int len;

	va_start(args, format);
	va_copy(again, args);
	len = vsnprintf(brief, sizeof(brief), format, args);
	va_end(args);
	size = len > 0 ? (size_t)len + 1 : 1;
	text = arena_alloc(arena, size);
	if (size <= sizeof(brief))
		memcpy(text, brief, size);
	else
		vsnprintf(text, size, format, again);
	va_end(again);
	return text;
}
