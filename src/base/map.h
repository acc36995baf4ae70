/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash map from byte strings to pointers. Keys are hashed with a per-process secret (SipHash-1-3), so that
 * a peer cannot choose colliding keys. The map does not copy keys: they live in or with the value until it is
 * removed. One thread at a time. A zeroed struct map is empty.
 */
#pragma once

#include "stanzad/str.h"

struct map_slot;

struct map {
	struct map_slot *slots;
	uint32_t mask; /* slots - 1, or 0 */
	uint32_t count;
};

void map_fini(struct map *map);
/* NULL when it is not there. */
void *map_get(const struct map *map, struct str key);
/* Replaces the key and the value that was there; returns that value or NULL. value is not NULL. */
void *map_put(struct map *map, struct str key, void *value);
/* Returns the value that was there or NULL. */
void *map_remove(struct map *map, struct str key);
/*
 * Iterates: start with *position = 0; NULL at the end. When nothing changes, or only the entry returned last
 * is removed, every other entry is returned exactly once. When further entries are removed, each one that
 * stays is returned at least once. Putting a key that is not in the map ends these promises: start again.
 */
/* key_r may be NULL. */
void *map_next(const struct map *map, uint32_t *position, struct str *key_r);
/* The keyed hash that the map uses. key NULL-safe. Stable within a process only. */
uint64_t map_hash(struct str key);
