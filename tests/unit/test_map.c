/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include <stdlib.h>

#include "base/rand.h"
#include "tap.h"

enum { KEYS = 1000 };

static struct entry {
	char key[16];
	int seen;
	bool present;
} entries[KEYS];

static struct str key_of(size_t i)
{
	return str_of(entries[i].key);
}

static void fill(struct map *map, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		snprintf(entries[i].key, sizeof(entries[i].key), "key%zu", i);
		entries[i].seen = 0;
		entries[i].present = true;
		map_put(map, key_of(i), &entries[i]);
	}
}

static void test_put_get_remove(void)
{
	struct map map = {0};
	int one, two;

	ok(map_get(&map, STR("a")) == NULL);
	ok(map_remove(&map, STR("a")) == NULL);
	ok(map_put(&map, STR("a"), &one) == NULL);
	ok(map_get(&map, STR("a")) == &one);
	ok(map_put(&map, STR("a"), &two) == &one);
	is_int(map.count, 1);
	ok(map_get(&map, STR("ab")) == NULL);
	ok(map_put(&map, STR_NULL, &one) == NULL);
	ok(map_get(&map, STR("")) == &one);
	ok(map_put(&map, STR("a\0b"), &one) == NULL);
	ok(map_get(&map, STR("a")) == &two);
	ok(map_remove(&map, STR("a")) == &two);
	ok(map_get(&map, STR("a")) == NULL);
	is_int(map.count, 2);
	map_fini(&map);
	is_int(map.count, 0);
	ok(map_get(&map, STR("")) == NULL);
}

static void test_replaces_key(void)
{
	struct map map = {0};
	char *first = str_dup(STR("name")), *second = str_dup(STR("name"));

	map_put(&map, str_of(first), first);
	ok(map_put(&map, str_of(second), second) == first);
	free(first);
	ok(map_get(&map, STR("name")) == second);
	map_fini(&map);
	free(second);
}

static bool agrees(const struct map *map)
{
	uint32_t present = 0;

	for (size_t i = 0; i < KEYS; i++) {
		present += entries[i].present;
		if (map_get(map, key_of(i)) != (entries[i].present ? &entries[i] : NULL))
			return false;
	}
	return present == map->count && present <= (map->mask + 1) / 4 * 3;
}

static void test_random_changes(void)
{
	struct map map = {0};
	bool good = true;

	fill(&map, KEYS);
	ok(agrees(&map));
	for (int step = 0; step < 40000; step++) {
		struct entry *entry = &entries[rand_u64() % KEYS];

		if (entry->present)
			good = map_remove(&map, str_of(entry->key)) == entry && good;
		else
			good = map_put(&map, str_of(entry->key), entry) == NULL && good;
		entry->present = !entry->present;
		if (step % 1000 == 0)
			good = agrees(&map) && good;
	}
	ok(good);
	ok(agrees(&map));
	map_fini(&map);
}

static void test_shrinks(void)
{
	struct map map = {0};

	fill(&map, KEYS);
	ok(map.mask >= KEYS);
	for (size_t i = 1; i < KEYS; i++) {
		map_remove(&map, key_of(i));
		entries[i].present = false;
	}
	for (int i = 0; i < 10; i++) {
		map_put(&map, key_of(1), &entries[1]);
		map_remove(&map, key_of(1));
	}
	ok(map.mask < 128);
	ok(agrees(&map));
	map_remove(&map, key_of(0));
	is_int(map.count, 0);
	map_fini(&map);
}

/* Walks once and removes the entry just returned when chance says so; true when each was seen exactly once.
 */
static bool walk_removing(size_t count, unsigned one_in)
{
	struct map map = {0};
	uint32_t position = 0;
	struct str key;
	struct entry *entry;
	bool good = true;

	fill(&map, count);
	while ((entry = map_next(&map, &position, &key))) {
		entry->seen++;
		good = good && str_eq(key, str_of(entry->key));
		if (one_in && rand_u64() % one_in == 0)
			good = map_remove(&map, key) == entry && good;
	}
	for (size_t i = 0; i < count; i++)
		good = good && entries[i].seen == 1;
	map_fini(&map);
	return good;
}

/* Small tables at their fullest wrap round their end nearly always; chance varies the places. */
static void test_next_once(void)
{
	bool good = true;

	for (int round = 0; round < 3000; round++)
		good = walk_removing((size_t)round % 13, (unsigned)round % 4) && good;
	ok(good);
	ok(walk_removing(KEYS, 0));
	ok(walk_removing(KEYS, 1));
	ok(walk_removing(KEYS, 2));
}

/* Removes others than the current one: whatever stays is seen. */
static bool walk_removing_others(size_t count)
{
	struct map map = {0};
	uint32_t position = 0;
	struct str key;
	struct entry *entry;
	bool good = true;

	fill(&map, count);
	while ((entry = map_next(&map, &position, &key))) {
		size_t other = rand_u64() % count;

		entry->seen++;
		if (rand_u64() % 3 == 0 && entries[other].present) {
			entries[other].present = false;
			map_remove(&map, key_of(other));
		}
	}
	for (size_t i = 0; i < count; i++)
		good = good && (entries[i].seen > 0 || !entries[i].present);
	map_fini(&map);
	return good;
}

static void test_next_at_least_once(void)
{
	bool good = true;

	for (int round = 0; round < 3000; round++)
		good = walk_removing_others((size_t)round % 24 + 1) && good;
	ok(good);
}

static void test_hash(void)
{
	char copy[] = "juliet@capulet.example";

	ok(map_hash(str_of(copy)) == map_hash(STR("juliet@capulet.example")));
	ok(map_hash(STR("a")) != map_hash(STR("b")));
	ok(map_hash(STR("a")) != map_hash(STR("a\0")));
	ok(map_hash(STR("12345678a")) != map_hash(STR("12345678b")));
	ok(map_hash(STR_NULL) == map_hash(STR("")));
}

int main(void)
{
	run(test_put_get_remove);
	run(test_replaces_key);
	run(test_random_changes);
	run(test_shrinks);
	run(test_next_once);
	run(test_next_at_least_once);
	run(test_hash);
	return tap_done();
}
