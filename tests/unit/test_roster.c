/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_roster/roster_data.h"
#include "tap.h"

static const struct roster_item *put(struct roster *roster, const char *jid, const char *name)
{
	struct roster_item draft = {.jid = str_of(jid), .name = str_of(name), .listed = true};

	return roster_put(roster, &draft);
}

static void order_is(const struct roster *roster, const char *wanted)
{
	struct roster_walk walk = {0};
	struct strbuf got = {0};

	while (roster_walk_next(roster, &walk)) {
		strbuf_str(&got, jid_full(&walk.jid));
		strbuf_char(&got, ' ');
	}
	is_text(strbuf_view(&got), wanted);
	roster_walk_fini(&walk);
	strbuf_fini(&got);
}

static void test_put_get_remove(void)
{
	struct roster *roster = roster_new();

	ok(!roster_get(NULL, STR("a@b")));
	ok(!roster_get(roster, STR("a@b")));
	put(roster, "c@x", "C");
	put(roster, "a@x", "A");
	put(roster, "b@x", "B");
	put(roster, "b", "gateway");
	order_is(roster, "a@x b b@x c@x ");
	is_int(roster->count, 4);
	is_text(roster_get(roster, STR("b@x"))->name, "B");
	put(roster, "b@x", "Bee");
	is_int(roster->count, 4);
	is_text(roster_get(roster, STR("b@x"))->name, "Bee");
	roster_remove(roster, STR("a@x"));
	roster_remove(roster, STR("not@there"));
	order_is(roster, "b b@x c@x ");
	roster_clear(roster);
	order_is(roster, "");
	roster_free(&roster);
	ok(!roster);
	roster_free(&roster);
}

/* A new item made of the old one's own text. */
static void test_draft_of_itself(void)
{
	struct roster *roster = roster_new();
	struct str groups[] = {STR("One"), STR("Two")};
	struct roster_item draft = {.jid = STR("a@x"),
	    .name = STR("A"),
	    .groups = groups,
	    .group_count = 2,
	    .request = STR("<status/>")};

	roster_put(roster, &draft);
	struct roster_item again = *roster_get(roster, STR("a@x"));
	again.subscription = ROSTER_BOTH;
	const struct roster_item *item = roster_put(roster, &again);
	is_text(item->jid, "a@x");
	is_text(item->name, "A");
	is_text(item->request, "<status/>");
	is_int(item->group_count, 2);
	is_text(item->groups[1], "Two");
	is_int(item->subscription, ROSTER_BOTH);
	roster_free(&roster);
}

static void test_counts(void)
{
	struct roster *roster = roster_new();
	struct roster_item request = {.jid = STR("r@x"), .pending_in = true};

	roster_put(roster, &request);
	put(roster, "a@x", "A");
	is_int(roster->count, 2);
	is_int(roster->listed, 1);
	request.listed = true;
	roster_put(roster, &request);
	is_int(roster->listed, 2);
	roster_remove(roster, STR("r@x"));
	is_int(roster->listed, 1);
	roster_free(&roster);
}

/* Each step may change the roster: nothing is visited twice, nothing that stays is left out. */
static void test_walk_while_it_changes(void)
{
	struct roster *roster = roster_new();
	struct roster_walk walk = {0};
	struct strbuf seen = {0};

	for (const char *const *jid = (const char *const[]){"a@x", "b@x", "c@x", "d@x", NULL}; *jid; jid++)
		put(roster, *jid, "");
	while (roster_walk_next(roster, &walk)) {
		if (str_is(jid_full(&walk.jid), "b@x")) {
			roster_remove(roster, STR("b@x"));
			roster_remove(roster, STR("c@x"));
			put(roster, "aa@x", "");
			put(roster, "bb@x", "");
		}
		strbuf_str(&seen, jid_full(&walk.jid));
		strbuf_char(&seen, ' ');
	}
	is_text(strbuf_view(&seen), "a@x b@x bb@x d@x ");
	roster_walk_fini(&walk);
	strbuf_fini(&seen);
	roster_free(&roster);
}

static void test_many(void)
{
	enum { COUNT = 2000 };
	struct roster *roster = roster_new();
	char jid[32];

	for (unsigned i = 0; i < COUNT; i++) {
		snprintf(jid, sizeof(jid), "user%u@x", i * 7919u % COUNT);
		put(roster, jid, "");
	}
	is_int(roster->count, COUNT);
	bool sorted = true;
	for (uint32_t i = 1; i < roster->count; i++)
		sorted = sorted && str_cmp(roster->items[i - 1]->jid, roster->items[i]->jid) < 0;
	ok(sorted);
	ok(roster_get(roster, STR("user1999@x")));
	roster_free(&roster);
}

/* --- version: RFC 6121 2.6 ------------------------------------------------------------------------------ */

static char before[ROSTER_VERSION_LEN + 1], after[ROSTER_VERSION_LEN + 1];

static bool changes(const struct roster *roster)
{
	roster_hash(roster, after);
	bool changed = strcmp(before, after) != 0;
	strcpy(before, after);
	return changed;
}

static void test_version_changes(void)
{
	struct roster *roster = roster_new();
	struct str groups[] = {STR("One"), STR("Two")}, turned[] = {STR("Two"), STR("One")};
	struct roster_item draft = {.jid = STR("a@x"), .listed = true};

	roster_hash(NULL, before);
	is_int(strlen(before), ROSTER_VERSION_LEN);
	ok(!changes(roster));
	roster_put(roster, &draft);
	ok(changes(roster));
	roster_put(roster, &draft);
	ok(!changes(roster));
	draft.name = STR("A");
	roster_put(roster, &draft);
	ok(changes(roster));
	draft.groups = groups;
	draft.group_count = 2;
	roster_put(roster, &draft);
	ok(changes(roster));
	draft.groups = turned;
	roster_put(roster, &draft);
	ok(!changes(roster));
	draft.subscription = ROSTER_TO;
	roster_put(roster, &draft);
	ok(changes(roster));
	draft.ask = true;
	roster_put(roster, &draft);
	ok(changes(roster));
	draft.approved = true;
	roster_put(roster, &draft);
	ok(changes(roster));
	roster_free(&roster);
}

/* What clients do not see is not part of the version. */
static void test_version_of_what_is_seen(void)
{
	struct roster *roster = roster_new();
	struct roster_item request = {.jid = STR("r@x"), .pending_in = true};

	put(roster, "a@x", "A");
	roster_hash(roster, before);
	roster_put(roster, &request);
	ok(!changes(roster));
	request.listed = true;
	roster_put(roster, &request);
	ok(changes(roster));
	request.request = STR("<status>hello</status>");
	roster_put(roster, &request);
	ok(!changes(roster));
	roster_free(&roster);
}

/* Text must not move from one field into the next unnoticed. */
static void test_version_is_not_fooled(void)
{
	struct roster *one = roster_new(), *other = roster_new();

	put(one, "a@x", "yz");
	put(other, "a@xy", "z");
	roster_hash(one, before);
	ok(changes(other));
	roster_free(&one);
	roster_free(&other);
}

static void test_same(void)
{
	struct str groups[] = {STR("One"), STR("Two")}, turned[] = {STR("Two"), STR("One")};
	struct roster_item a = {.jid = STR("a@x"), .listed = true, .groups = groups, .group_count = 2};
	struct roster_item b = {.jid = STR("a@x"), .listed = true, .groups = turned, .group_count = 2};

	ok(roster_item_same(&a, &b));
	ok(roster_item_same(NULL, NULL));
	ok(!roster_item_same(&a, NULL));
	b.pending_in = true;
	ok(roster_item_same(&a, &b));
	b.name = STR("B");
	ok(!roster_item_same(&a, &b));
	b.listed = false;
	ok(roster_item_same(NULL, &b));
}

static void parts_are(const char *text, const char *local, const char *domain, const char *resource)
{
	struct jid jid = jid_of_prepared(str_of(text));

	is_text(jid_local(&jid), local);
	is_text(jid_domain(&jid), domain);
	is_text(jid_resource(&jid), resource);
	is_text(jid_full(&jid), text);
}

static void test_parts_of_a_jid(void)
{
	parts_are("a@x", "a", "x", "");
	parts_are("x", "", "x", "");
	parts_are("a@x/r", "a", "x", "r");
	parts_are("x/r@s/t", "", "x", "r@s/t");
}

int main(void)
{
	run(test_put_get_remove);
	run(test_draft_of_itself);
	run(test_counts);
	run(test_walk_while_it_changes);
	run(test_many);
	run(test_version_changes);
	run(test_version_of_what_is_seen);
	run(test_version_is_not_fooled);
	run(test_same);
	run(test_parts_of_a_jid);
	return tap_done();
}
