/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/fast.h"

#include "test_store.h"

#define DAY INT64_C(86400)
#define NOW INT64_C(1800000000)
#define MECHANISM "HT-SHA-256-NONE"

static struct err err;
static struct fast_owner owner;
static struct fast_token tokens[FAST_SLOTS];

static void begin(enum schema_variant variant)
{
	fresh_dir();
	if (test_open(variant, &err) < 0) {
		printf("# %s\n", err.text);
		abort();
	}
	owner = (struct fast_owner){
	    STR("example.org"), STR("alice"), STR("d4565fa7-4d72-4749-b3d3-740edbf87770")};
}

static void end(void)
{
	store_close();
	remove_dir();
}

static int read_run(void *arg, struct db *db, struct err *error)
{
	return fast_read(db, &owner, tokens, error);
}

static void look(void)
{
	is_int(store_call(STORE_READ, STR_NULL, read_run, NULL, &err), 0);
}

static int use_run(void *arg, struct db *db, struct err *error)
{
	return fast_use(db, arg, error);
}

static struct fast_use login(int64_t now)
{
	return (struct fast_use){.owner = owner, .lifetime = 30 * DAY, .refresh_age = DAY, .now = now};
}

static int use(struct fast_use *one)
{
	return store_call(STORE_WRITE, STR("alice@example.org"), use_run, one, &err);
}

static struct fast_token issue(int64_t now)
{
	struct fast_use first = login(now);

	first.wanted = MECHANISM;
	is_int(use(&first), FAST_DONE);
	ok(first.issued.present);
	return first.issued;
}

static int use_again(struct fast_token *token, int64_t now)
{
	struct fast_use next = login(now);
	int result;

	next.used = *token;
	result = use(&next);
	if (next.issued.present)
		*token = next.issued;
	return result;
}

static void lives(enum schema_variant variant)
{
	struct fast_token first, second, copy;

	begin(variant);
	look();
	ok(!tokens[FAST_CURRENT].present && !tokens[FAST_NEXT].present);
	first = issue(NOW);
	is_int(first.expires, NOW + 30 * DAY);
	look();
	ok(!tokens[FAST_CURRENT].present && tokens[FAST_NEXT].present);
	ok(memcmp(&tokens[FAST_NEXT], &first, sizeof(first)) == 0);
	/* The first use moves it. */
	copy = first;
	is_int(use_again(&copy, NOW + 10), FAST_DONE);
	look();
	ok(tokens[FAST_CURRENT].present && !tokens[FAST_NEXT].present);
	/* An old one is replaced, and stays until the new one is used. */
	second = first;
	is_int(use_again(&second, NOW + DAY), FAST_DONE);
	ok(memcmp(second.seed, first.seed, FAST_SEED_LEN) != 0);
	look();
	ok(tokens[FAST_CURRENT].present && tokens[FAST_NEXT].present);
	copy = first;
	is_int(use_again(&copy, NOW + 10), FAST_DONE);
	is_int(use_again(&second, NOW + DAY), FAST_DONE);
	is_int(use_again(&first, NOW + 10), FAST_REFUSED);
	look();
	ok(tokens[FAST_CURRENT].present && !tokens[FAST_NEXT].present);
	end();
}

static void test_lives(void)
{
	lives(VARIANT_SINGLE);
	lives(VARIANT_MULTIHOST);
}

static void test_count(void)
{
	struct fast_use next;

	begin(VARIANT_MULTIHOST);
	next = login(NOW);
	next.used = issue(NOW);
	next.counted = true;
	is_int(use(&next), FAST_REFUSED); /* 0 is not above what it began with */
	next.count = 3;
	is_int(use(&next), FAST_DONE);
	is_int(use(&next), FAST_REFUSED);
	next.count = 2;
	is_int(use(&next), FAST_REFUSED);
	next.count = INT64_MAX;
	is_int(use(&next), FAST_DONE);
	look();
	ok(tokens[FAST_CURRENT].count == INT64_MAX);
	end();
}

static int revoke_run(void *arg, struct db *db, struct err *error)
{
	*(int64_t *)arg = fast_revoke(db, &owner, error);
	return 0;
}

static int purge_run(void *arg, struct db *db, struct err *error)
{
	*(int64_t *)arg = fast_purge(db, owner.host, NOW + 31 * DAY, error);
	return 0;
}

static void test_gone(void)
{
	struct fast_use next;
	int64_t count;

	begin(VARIANT_MULTIHOST);
	next = login(NOW + 2 * DAY);
	next.used = issue(NOW);
	next.invalidate = true;
	is_int(use(&next), FAST_DONE);
	ok(!next.issued.present);
	look();
	ok(!tokens[FAST_CURRENT].present && !tokens[FAST_NEXT].present);
	is_int(use(&next), FAST_REFUSED);
	issue(NOW);
	owner.client = STR("another");
	issue(NOW + 5 * DAY);
	store_call(STORE_WRITE, STR_NULL, purge_run, &count, &err);
	is_int(count, 1);
	owner.client = STR_NULL;
	store_call(STORE_WRITE, STR_NULL, revoke_run, &count, &err);
	is_int(count, 1);
	end();
}

/* Everything that it was made for is part of a token. */
static void test_text(void)
{
	struct fast_token token = {.present = true, .mechanism = MECHANISM, .expires = NOW};
	struct fast_owner other = owner =
	    (struct fast_owner){STR("example.org"), STR("alice"), STR("client")};
	char text[FAST_TEXT_MAX], changed[FAST_TEXT_MAX];

	fast_token_text(&owner, &token, text);
	ok(str_starts(str_of(text), "secret-token:"));
	fast_token_text(&owner, &token, changed);
	is_cstr(changed, text);
	other.user = STR("alic");
	other.client = STR("eclient");
	fast_token_text(&other, &token, changed);
	ok(strcmp(changed, text) != 0);
	other = owner;
	other.host = STR("example.com");
	fast_token_text(&other, &token, changed);
	ok(strcmp(changed, text) != 0);
	token.expires++;
	fast_token_text(&owner, &token, changed);
	ok(strcmp(changed, text) != 0);
	token.expires--;
	snprintf(token.mechanism, sizeof(token.mechanism), "HT-SHA-256-EXPR");
	fast_token_text(&owner, &token, changed);
	ok(strcmp(changed, text) != 0);
	snprintf(token.mechanism, sizeof(token.mechanism), MECHANISM);
	token.seed[15] = 1;
	fast_token_text(&owner, &token, changed);
	ok(strcmp(changed, text) != 0);
}

static void put_row(const char *token)
{
	char sql[600];

	snprintf(sql, sizeof(sql),
	    "INSERT OR REPLACE INTO auth_fast_tokens (server_host, username, ua, type, token, expires) "
	    "VALUES ('example.org', 'alice', '%.*s', 'c', '%s', '2100-01-01 00:00:00')",
	    STR_FMT(owner.client), token);
	raw_sql(sql);
}

/* Rows of others, and damaged ones. */
static void test_strange_rows(void)
{
	static const char *const rows[] = {
	    "secret-token:fast-of-another-server",
	    "",
	    "stanzad1",
	    "stanzad1 HT-SHA-256-NONE 1 2 3",
	    "stanzad1 HT-SHA-256-NONE 1 2 3 !!!!",
	    "stanzad1 HT-SHA-256-NONE 1 2 3 AAAA",
	    "stanzad1 HT-SHA-256-NONE x 2 3 AAAAAAAAAAAAAAAAAAAAAA==",
	    "stanzad1 HT-SHA-256-NONE 1 2 -3 AAAAAAAAAAAAAAAAAAAAAA==",
	    "stanzad1 HT-SHA-256-NONE-AND-SO-ON-AND-SO-ON 1 2 3 AAAAAAAAAAAAAAAAAAAAAA==",
	    "stanzad2 HT-SHA-256-NONE 1 2 3 AAAAAAAAAAAAAAAAAAAAAA==",
	};

	begin(VARIANT_MULTIHOST);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put_row(rows[i]);
		look();
		ok(!tokens[FAST_CURRENT].present);
	}
	put_row("stanzad1 HT-SHA-256-NONE 1 2 3 AAAAAAAAAAAAAAAAAAAAAA==");
	look();
	ok(tokens[FAST_CURRENT].present);
	is_int(tokens[FAST_CURRENT].count, 3);
	end();
}

static void test_room(void)
{
	static char clients[FAST_CLIENTS_MAX + 2][16];

	begin(VARIANT_MULTIHOST);
	for (unsigned i = 0; i < FAST_CLIENTS_MAX + 2; i++) {
		snprintf(clients[i], sizeof(clients[i]), "client-%u", i);
		owner.client = str_of(clients[i]);
		issue(NOW + i);
	}
	for (unsigned i = 0; i < FAST_CLIENTS_MAX + 2; i++) {
		owner.client = str_of(clients[i]);
		look();
		ok(tokens[FAST_NEXT].present == (i >= 2));
	}
	end();
}

int main(void)
{
	run(test_lives);
	run(test_count);
	run(test_gone);
	run(test_text);
	run(test_strange_rows);
	run(test_room);
	return tap_done();
}
