/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "modules/mod_muc/muc.h"

#include "tap.h"

static void put(struct directory *directory, const char *jid, const char *title, unsigned occupants)
{
	struct directory_entry entry = {
	    .jid = str_of(jid), .title = str_of(title), .occupants = occupants, .public = true, .loaded = true};
	directory_put(directory, &entry);
}

struct walk {
	struct strbuf seen;
	unsigned left;
};

static bool note(void *arg, const struct directory_entry *entry)
{
	struct walk *walk = arg;
	strbuf_printf(&walk->seen, "%.*s ", STR_FMT(entry->jid));
	return --walk->left > 0;
}

static void is_walk(
    struct directory *directory, const char *domain, const char *after, unsigned most, const char *expected)
{
	struct walk walk = {.left = most};
	directory_each(directory, str_of(domain), str_of(after), note, &walk);
	is_text(strbuf_view(&walk.seen), expected);
	strbuf_fini(&walk.seen);
}

static void test_order(void)
{
	struct directory *directory = directory_new();
	put(directory, "m@b", "", 0);
	put(directory, "z@a", "", 0);
	put(directory, "b@a", "", 0);
	put(directory, "ab@a", "", 0);
	put(directory, "a@c", "", 0);
	put(directory, "a@a", "", 0);
	is_walk(directory, "", "", 99, "a@a ab@a b@a z@a m@b a@c ");
	is_walk(directory, "a", "", 99, "a@a ab@a b@a z@a ");
	is_walk(directory, "a", "ab@a", 99, "b@a z@a ");
	is_walk(directory, "a", "ac@a", 99, "b@a z@a ");
	is_walk(directory, "a", "z@a", 99, "");
	is_walk(directory, "a", "", 2, "a@a ab@a ");
	is_walk(directory, "b", "", 99, "m@b ");
	is_walk(directory, "b", "a@a", 99, "m@b ");
	is_walk(directory, "b", "a@c", 99, "");
	is_walk(directory, "bb", "", 99, "");
	is_int((int)directory_count(directory, STR("a")), 4);
	is_int((int)directory_count(directory, STR("c")), 1);
	is_int((int)directory_count(directory, STR("d")), 0);
	is_int((int)directory_count(directory, STR_NULL), 6);
	directory_free(&directory);
	ok(!directory);
}

static void test_find(void)
{
	struct directory *directory = directory_new();
	struct arena arena = {0};
	struct directory_entry entry = {.occupants = 77};
	ok(!directory_find(directory, STR("a@a"), &arena, &entry));
	is_int((int)entry.occupants, 77);
	put(directory, "a@a", "Title", 3);
	ok(directory_find(directory, STR("a@a"), &arena, &entry));
	ok(str_is(entry.jid, "a@a"));
	ok(str_is(entry.title, "Title"));
	is_int((int)entry.occupants, 3);
	ok(entry.public && entry.loaded && !entry.persistent && !entry.members_only && !entry.public_list);
	ok(!directory_find(directory, STR("a@b"), &arena, &entry));
	ok(!directory_find(directory, STR("a"), &arena, &entry));
	arena_fini(&arena);
	directory_free(&directory);
}

static void test_replace(void)
{
	struct directory *directory = directory_new();
	struct arena arena = {0};
	struct directory_entry entry;
	put(directory, "a@a", "Title", 3);
	put(directory, "a@a", "Title", 4);
	ok(directory_find(directory, STR("a@a"), &arena, &entry));
	is_int((int)entry.occupants, 4);
	put(directory, "a@a", "", 5);
	ok(directory_find(directory, STR("a@a"), &arena, &entry));
	is_int((int)entry.title.len, 0);
	is_int((int)entry.occupants, 5);
	is_int((int)directory_count(directory, STR_NULL), 1);
	directory_remove(directory, STR("b@a"));
	is_int((int)directory_count(directory, STR_NULL), 1);
	directory_remove(directory, STR("a@a"));
	is_int((int)directory_count(directory, STR_NULL), 0);
	directory_remove(directory, STR("a@a"));
	ok(!directory_find(directory, STR("a@a"), &arena, &entry));
	arena_fini(&arena);
	directory_free(&directory);
}

/* Some hundreds in an order that is none, and every third one out again. */
static void test_many(void)
{
	enum { COUNT = 500, STEP = 211 };
	struct directory *directory = directory_new();
	struct strbuf expected = {0};
	char jid[32];
	for (int i = 0; i < COUNT; i++) {
		snprintf(jid, sizeof(jid), "room%04d@muc", i * STEP % COUNT);
		put(directory, jid, "", 0);
	}
	is_int((int)directory_count(directory, STR("muc")), COUNT);
	for (int i = 0; i < COUNT; i++) {
		snprintf(jid, sizeof(jid), "room%04d@muc", i);
		if (i % 3 == 0)
			directory_remove(directory, str_of(jid));
		else
			strbuf_printf(&expected, "%s ", jid);
	}
	is_walk(directory, "muc", "", COUNT, expected.ptr);
	strbuf_fini(&expected);
	directory_free(&directory);
}

int main(void)
{
	run(test_order);
	run(test_find);
	run(test_replace);
	run(test_many);
	return tap_done();
}
