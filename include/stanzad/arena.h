/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is given back all at once. Pieces are 16-byte aligned and not zeroed. One thread at a time.
 * In the sanitizer build every piece is an allocation of its own, so that overruns are caught.
 */
#pragma once

#include "stanzad/str.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks; /* newest first */
	char *next;
	char *end;
};

/* A zeroed struct arena is empty and ready. */
void arena_fini(struct arena *arena);
void *arena_alloc(struct arena *arena, size_t size) __attribute__((malloc, returns_nonnull));
void *arena_zalloc(struct arena *arena, size_t size) __attribute__((malloc, returns_nonnull));
/* A copy with a NUL behind it. */
struct str arena_str(struct arena *arena, struct str s);
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
