/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rand.h"

enum { SLOTS_LEAST = 8, SLOTS_KEPT = 64 };
#define SLOTS_MOST (UINT32_C(1) << 30)

struct map_slot {
	const char *key;
	void *value; /* NULL: the slot is free */
	uint32_t key_len;
	uint32_t hash;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint64_t secret[2];

static void draw_secret(void)
{
	rand_bytes(secret, sizeof(secret));
}

static inline uint64_t rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32) + v[3];
	v[2] += v[1];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

static inline uint64_t load_le64(const char *bytes, size_t len)
{
	uint64_t word = 0;

	memcpy(&word, bytes, len);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

static inline void sip_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
}

uint64_t map_hash(struct str key)
{
	uint64_t v[4] = {UINT64_C(0x736f6d6570736575), UINT64_C(0x646f72616e646f6d),
	    UINT64_C(0x6c7967656e657261), UINT64_C(0x7465646279746573)};
	uint64_t last = (uint64_t)key.len << 56;
	size_t at = 0;

	pthread_once(&once, draw_secret);
	for (int i = 0; i < 4; i++)
		v[i] ^= secret[i & 1];
	for (; key.len - at >= 8; at += 8)
		sip_word(v, load_le64(key.ptr + at, 8));
	if (at < key.len)
		last |= load_le64(key.ptr + at, key.len - at);
	sip_word(v, last);
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void map_fini(struct map *map)
{
	free(map->slots);
	*map = (struct map){0};
}

static bool slot_holds(const struct map_slot *slot, uint32_t hash, struct str key)
{
	return slot->hash == hash && str_eq((struct str){slot->key, slot->key_len}, key);
}

/* The slot of the key, or the free one where it would go. There is always a free slot. */
static struct map_slot *map_find(const struct map *map, uint32_t hash, struct str key)
{
	uint32_t i = hash & map->mask;

	while (map->slots[i].value && !slot_holds(&map->slots[i], hash, key))
		i = (i + 1) & map->mask;
	return &map->slots[i];
}

void *map_get(const struct map *map, struct str key)
{
	return map->count ? map_find(map, (uint32_t)map_hash(key), key)->value : NULL;
}

static void map_resize(struct map *map, uint32_t slots)
{
	struct map_slot *old = map->slots;
	uint32_t old_slots = old ? map->mask + 1 : 0;

	map->slots = mem_zalloc(slots * sizeof(*map->slots));
	map->mask = slots - 1;
	for (uint32_t i = 0; i < old_slots; i++) {
		uint32_t to = old[i].hash & map->mask;

		if (!old[i].value)
			continue;
		while (map->slots[to].value)
			to = (to + 1) & map->mask;
		map->slots[to] = old[i];
	}
	free(old);
}

/* Room for one more at three quarters full at most; far too large a table gets smaller. */
static void map_fit(struct map *map)
{
	uint32_t slots = map->mask + 1;

	if (!map->slots)
		map_resize(map, SLOTS_LEAST);
	else if (map->count + 1 > slots / 4 * 3)
		map_resize(map, slots * 2);
	else if (slots > SLOTS_KEPT && map->count < slots / 16)
		map_resize(map, slots / 4);
	assert(map->mask < SLOTS_MOST);
}

void *map_put(struct map *map, struct str key, void *value)
{
	uint32_t hash = (uint32_t)map_hash(key);
	struct map_slot *slot = map->slots ? map_find(map, hash, key) : NULL;
	void *before = slot ? slot->value : NULL;

	assert(value && key.len <= UINT32_MAX);
	if (!before) {
		map_fit(map);
		slot = map_find(map, hash, key);
		map->count++;
	}
	*slot = (struct map_slot){.key = key.ptr, .value = value, .key_len = (uint32_t)key.len, .hash = hash};
	return before;
}

/* Entries behind the hole move back into it unless that would put them before the slot their hash names. */
static void map_close_hole(struct map *map, uint32_t hole)
{
	uint32_t mask = map->mask;

	for (uint32_t i = (hole + 1) & mask; map->slots[i].value; i = (i + 1) & mask) {
		if (((i - map->slots[i].hash) & mask) >= ((i - hole) & mask)) {
			map->slots[hole] = map->slots[i];
			hole = i;
		}
	}
	map->slots[hole] = (struct map_slot){0};
}

void *map_remove(struct map *map, struct str key)
{
	struct map_slot *slot = map->count ? map_find(map, (uint32_t)map_hash(key), key) : NULL;
	void *before = slot ? slot->value : NULL;

	if (!before)
		return NULL;
	map_close_hole(map, (uint32_t)(slot - map->slots));
	if (--map->count == 0 && map->mask >= SLOTS_KEPT)
		map_fini(map);
	return before;
}

/*
 * A removal moves entries only from higher slots to lower ones, except those that wrapped round the end of
 * the table. So the wrapped ones are visited first (they lie before the first free slot), then all others
 * from the last slot down: what moves has been seen. Position is the number of slots left in the pass, with a
 * bit for the second one.
 */
#define SECOND_PASS (UINT32_C(1) << 31)

static uint32_t map_first_free(const struct map *map)
{
	uint32_t i = 0;

	while (map->slots[i].value)
		i++;
	return i;
}

void *map_next(const struct map *map, uint32_t *position, struct str *key_r)
{
	uint32_t left = *position & ~SECOND_PASS;
	bool second = *position & SECOND_PASS;

	if (!map->slots)
		return NULL;
	if (*position == 0)
		left = map_first_free(map);
	for (;;) {
		const struct map_slot *slot;

		if (left == 0 && second)
			break;
		if (left == 0) {
			second = true;
			left = map->mask + 1;
		}
		slot = &map->slots[--left];
		if (!slot->value || second == ((slot->hash & map->mask) > (uint32_t)(slot - map->slots)))
			continue;
		if (left == 0 && !second)
			*position = SECOND_PASS | (map->mask + 1);
		else
			*position = left | (second ? SECOND_PASS : 0);
		if (key_r)
			*key_r = (struct str){slot->key, slot->key_len};
		return slot->value;
	}
	*position = SECOND_PASS;
	return NULL;
}
