/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "auth/backend.h"
#include "auth/password_rows.h"
#include "test_store.h"

/* Keys of "pencil", as ejabberd writes them: salt of RFC 5802 and of RFC 7677, computed with Python's
 * hashlib. */
#define SHA1_STORED "6dlGYMOdZcOPutkcNY8U2g7vK9Y="
#define SHA1_SERVER "D+CSWLOshSulAsxiupA+qs2/fTE="
#define SHA1_SALT "QSXCR+Q6sek8bf92"
#define SHA256_STORED "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY="
#define SHA256_SERVER "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
#define SHA256_SALT "W22ZaJ0SNY7soEsUEjb6gQ=="

static const struct auth_backend *const backend = &auth_backend_sql;
static struct auth_policy policy;
static struct err err;

static void begin(enum schema_variant variant)
{
	fresh_dir();
	if (test_open(variant, &err) < 0) {
		printf("# %s\n", err.text);
		abort();
	}
	policy = (struct auth_policy){
	    .host = STR("example.org"), .chain = {backend}, .chain_len = 1, .store_plain = true};
}

static void end(void)
{
	store_close();
	remove_dir();
}

static void store_scram(enum auth_hash hash)
{
	policy.store_plain = false;
	memset(policy.store_scram, 0, sizeof(policy.store_scram));
	policy.store_scram[hash] = true;
}

static enum auth_outcome check(const char *user, const char *password)
{
	return backend->check_password(&policy, str_of(user), str_of(password), &err);
}

/* A row as another server would have written it. */
static void put_row(
    const char *user, int type, const char *password, const char *server, const char *salt, int rounds)
{
	char sql[1000];

	snprintf(sql, sizeof(sql),
	    "INSERT INTO users (server_host, username, type, password, serverkey, salt, iterationcount) "
	    "VALUES ('example.org', '%s', %d, '%s', '%s', '%s', %d)",
	    user, type, password, server, salt, rounds);
	raw_sql(sql);
}

static void lives(enum schema_variant variant)
{
	struct auth_credentials credentials = {0};

	begin(variant);
	is_int(backend->exists(&policy, STR("alice"), &err), AUTH_NO_USER);
	is_int(check("alice", "pencil"), AUTH_NO_USER);
	is_int(backend->set_password(&policy, STR("alice"), STR("x"), &err), AUTH_NO_USER);
	is_int(backend->remove(&policy, STR("alice"), &err), AUTH_NO_USER);
	is_int(backend->credentials(&policy, STR("alice"), &credentials, &err), AUTH_NO_USER);
	is_int(backend->create(&policy, STR("alice"), STR("pencil"), &err), AUTH_OK);
	is_int(backend->exists(&policy, STR("alice"), &err), AUTH_OK);
	is_int(check("alice", "pencil"), AUTH_OK);
	is_int(check("alice", "Pencil"), AUTH_DENIED);
	is_int(check("alice", "pencil2"), AUTH_DENIED);
	is_int(backend->create(&policy, STR("alice"), STR("other"), &err), AUTH_EXISTS);
	is_int(check("alice", "pencil"), AUTH_OK);
	is_int(backend->set_password(&policy, STR("alice"), STR("h\xc3\xa9"), &err), AUTH_OK);
	is_int(check("alice", "pencil"), AUTH_DENIED);
	is_int(check("alice", "h\xc3\xa9"), AUTH_OK);
	is_int(backend->credentials(&policy, STR("alice"), &credentials, &err), AUTH_OK);
	is_cstr(credentials.plain, "h\xc3\xa9");
	auth_credentials_fini(&credentials);
	is_int(backend->remove(&policy, STR("alice"), &err), AUTH_OK);
	is_int(backend->exists(&policy, STR("alice"), &err), AUTH_NO_USER);
	is_int(raw_int("SELECT count(*) FROM users"), 0);
	end();
}

static void test_life(void)
{
	lives(VARIANT_MULTIHOST);
	lives(VARIANT_SINGLE);
}

static void test_scram_storage(void)
{
	struct auth_credentials credentials = {0};

	begin(VARIANT_MULTIHOST);
	for (unsigned hash = 0; hash < AUTH_HASHES; hash++) {
		store_scram(hash);
		is_int(backend->create(&policy, STR("alice"), STR("pencil"), &err), AUTH_OK);
		is_int(raw_int("SELECT type FROM users"), 2 + hash);
		is_int(raw_int("SELECT count(*) FROM users WHERE password LIKE '%pencil%'"), 0);
		is_int(raw_int("SELECT iterationcount FROM users"), 4096);
		is_int(check("alice", "pencil"), AUTH_OK);
		is_int(check("alice", "pencil "), AUTH_DENIED);
		is_int(check("bob", "pencil"), AUTH_NO_USER);
		is_int(backend->credentials(&policy, STR("alice"), &credentials, &err), AUTH_OK);
		ok(credentials.plain == NULL);
		for (unsigned other = 0; other < AUTH_HASHES; other++)
			ok(credentials.scram[other].present == (other == hash));
		ok(scram_keys_match(&credentials.scram[hash], hash, STR("pencil")));
		is_int(credentials.scram[hash].salt_len, SCRAM_SALT_LEN);
		auth_credentials_fini(&credentials);
		backend->remove(&policy, STR("alice"), &err);
	}
	end();
}

/* A change of the policy takes hold when the password is set; the account stays as old as it was. */
static void test_several_types(void)
{
	struct auth_credentials credentials = {0};

	begin(VARIANT_MULTIHOST);
	backend->create(&policy, STR("alice"), STR("pencil"), &err);
	backend->create(&policy, STR("bob"), STR("pencil"), &err);
	raw_sql("UPDATE users SET created_at = '2001-02-03 04:05:06'");
	policy.store_plain = false;
	policy.store_scram[AUTH_SHA1] = policy.store_scram[AUTH_SHA512] = true;
	is_int(check("alice", "pencil"), AUTH_OK);
	is_int(check("alice", "pen"), AUTH_DENIED);
	is_int(backend->set_password(&policy, STR("alice"), STR("eraser"), &err), AUTH_OK);
	is_int(raw_int("SELECT count(*) FROM users WHERE username = 'alice'"), 2);
	is_int(raw_int("SELECT count(*) FROM users WHERE username = 'alice' AND type IN (2, 4) "
		       "AND created_at = '2001-02-03 04:05:06'"),
	    2);
	is_int(raw_int("SELECT count(*) FROM users WHERE username = 'bob' AND type = 1"), 1);
	backend->credentials(&policy, STR("alice"), &credentials, &err);
	ok(!credentials.plain && credentials.scram[AUTH_SHA1].present &&
	    !credentials.scram[AUTH_SHA256].present && credentials.scram[AUTH_SHA512].present);
	ok(memcmp(credentials.scram[AUTH_SHA1].salt, credentials.scram[AUTH_SHA512].salt, 16) != 0);
	is_int(check("alice", "eraser"), AUTH_OK);
	is_int(check("alice", "pencil"), AUTH_DENIED);
	auth_credentials_fini(&credentials);
	policy.store_plain = true;
	is_int(backend->set_password(&policy, STR("alice"), STR("ink"), &err), AUTH_OK);
	is_int(raw_int("SELECT count(*) FROM users WHERE username = 'alice'"), 3);
	is_int(check("alice", "ink"), AUTH_OK);
	is_int(backend->count(&policy, &err), 2);
	end();
}

/* What ejabberd wrote. */
static void test_adopted_rows(void)
{
	struct auth_credentials credentials = {0};

	begin(VARIANT_MULTIHOST);
	put_row("plain0", 0, "pencil", "", "", 0);
	put_row("plain1", 1, "pencil", "", "", 0);
	put_row("sha1-0", 0, SHA1_STORED, SHA1_SERVER, SHA1_SALT, 4096);
	put_row("sha1-2", 2, SHA1_STORED, SHA1_SERVER, SHA1_SALT, 4096);
	put_row("sha256-0", 0, "sha256:" SHA256_STORED, SHA256_SERVER, SHA256_SALT, 4096);
	put_row("sha256-3", 3, SHA256_STORED, SHA256_SERVER, SHA256_SALT, 4096);
	put_row("both", 0, "eraser", "", "", 0);
	put_row("both", 3, SHA256_STORED, SHA256_SERVER, SHA256_SALT, 4096);
	is_int(check("plain0", "pencil"), AUTH_OK);
	is_int(check("plain1", "pencil"), AUTH_OK);
	is_int(check("sha1-0", "pencil"), AUTH_OK);
	is_int(check("sha1-2", "pencil"), AUTH_OK);
	is_int(check("sha256-0", "pencil"), AUTH_OK);
	is_int(check("sha256-3", "pencil"), AUTH_OK);
	is_int(check("sha256-3", "eraser"), AUTH_DENIED);
	backend->credentials(&policy, STR("sha256-0"), &credentials, &err);
	ok(credentials.scram[AUTH_SHA256].present && !credentials.scram[AUTH_SHA1].present);
	backend->credentials(&policy, STR("sha1-0"), &credentials, &err);
	ok(!credentials.scram[AUTH_SHA256].present && credentials.scram[AUTH_SHA1].present);
	is_int(credentials.scram[AUTH_SHA1].salt_len, 12);
	backend->credentials(&policy, STR("both"), &credentials, &err);
	is_cstr(credentials.plain, "eraser");
	ok(credentials.scram[AUTH_SHA256].present);
	is_int(backend->count(&policy, &err), 7);
	auth_credentials_fini(&credentials);
	end();
}

static void test_damaged_rows(void)
{
	static const struct {
		int type;
		const char *password, *server, *salt;
		int rounds;
	} rows[] = {
	    {0, "", "", "", 0},
	    {1, "", "", "", 0},
	    {-1, "pencil", "", "", 0},
	    {5, "pencil", "", "", 0},
	    {2, SHA1_STORED, SHA1_SERVER, SHA1_SALT, 0},
	    {2, SHA1_STORED, SHA1_SERVER, SHA1_SALT, -5},
	    {2, SHA1_STORED, SHA1_SERVER, SHA1_SALT, 2000000000},
	    {2, SHA1_STORED, SHA1_SERVER, "", 4096},
	    {2, SHA1_STORED, SHA1_SERVER, "?", 4096},
	    {2, SHA1_STORED, "", SHA1_SALT, 4096},
	    {2, "", SHA1_SERVER, SHA1_SALT, 4096},
	    {2, SHA256_STORED, SHA256_SERVER, SHA256_SALT, 4096},
	    {3, SHA1_STORED, SHA1_SERVER, SHA1_SALT, 4096},
	    {3, "sha512:" SHA256_STORED, SHA256_SERVER, SHA256_SALT, 4096},
	    {0, "sha512:" SHA256_STORED, SHA256_SERVER, SHA256_SALT, 4096},
	    {0, "md5:" SHA1_STORED, SHA1_SERVER, SHA1_SALT, 4096},
	};
	struct auth_credentials credentials = {0};

	begin(VARIANT_MULTIHOST);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		raw_sql("DELETE FROM users");
		put_row(
		    "alice", rows[i].type, rows[i].password, rows[i].server, rows[i].salt, rows[i].rounds);
		is_int(check("alice", "pencil"), AUTH_DENIED);
		is_int(check("alice", ""), AUTH_DENIED);
		is_int(backend->credentials(&policy, STR("alice"), &credentials, &err), AUTH_OK);
		ok(!credentials.plain && !credentials.scram[0].present && !credentials.scram[1].present &&
		    !credentials.scram[2].present);
	}
	/* The account is there, so its name is taken and its password can be set. */
	is_int(backend->create(&policy, STR("alice"), STR("x"), &err), AUTH_EXISTS);
	is_int(backend->set_password(&policy, STR("alice"), STR("x"), &err), AUTH_OK);
	is_int(check("alice", "x"), AUTH_OK);
	auth_credentials_fini(&credentials);
	end();
}

static void test_hosts_are_apart(void)
{
	struct auth_policy other;

	begin(VARIANT_MULTIHOST);
	other = policy;
	other.host = STR("example.com");
	backend->create(&policy, STR("alice"), STR("pencil"), &err);
	is_int(backend->exists(&other, STR("alice"), &err), AUTH_NO_USER);
	is_int(backend->create(&other, STR("alice"), STR("eraser"), &err), AUTH_OK);
	is_int(backend->set_password(&other, STR("alice"), STR("ink"), &err), AUTH_OK);
	is_int(check("alice", "pencil"), AUTH_OK);
	is_int(backend->remove(&other, STR("alice"), &err), AUTH_OK);
	is_int(check("alice", "pencil"), AUTH_OK);
	is_int(backend->count(&other, &err), 0);
	is_int(backend->count(&policy, &err), 1);
	end();
}

/* Names are data. */
static void test_odd_names(void)
{
	begin(VARIANT_MULTIHOST);
	is_int(backend->create(&policy, STR("o'brien\"; --"), STR("pen'cil"), &err), AUTH_OK);
	is_int(backend->exists(&policy, STR("o'brien\"; --"), &err), AUTH_OK);
	is_int(check("o'brien\"; --", "pen'cil"), AUTH_OK);
	is_int(check("%", "pen'cil"), AUTH_NO_USER);
	end();
}

struct racer {
	pthread_t thread;
	enum auth_outcome outcome;
};

static pthread_barrier_t start;

static void *race(void *arg)
{
	struct racer *racer = arg;

	pthread_barrier_wait(&start);
	racer->outcome = backend->create(&policy, STR("alice"), STR("pencil"), NULL);
	return NULL;
}

static void test_register_at_once(void)
{
	enum { RACERS = 4 };
	struct racer racers[RACERS];
	int made = 0, refused = 0;

	begin(VARIANT_MULTIHOST);
	store_scram(AUTH_SHA1);
	pthread_barrier_init(&start, NULL, RACERS);
	for (int i = 0; i < RACERS; i++)
		if (pthread_create(&racers[i].thread, NULL, race, &racers[i]) != 0)
			abort();
	for (int i = 0; i < RACERS; i++) {
		pthread_join(racers[i].thread, NULL);
		made += racers[i].outcome == AUTH_OK;
		refused += racers[i].outcome == AUTH_EXISTS;
	}
	is_int(made, 1);
	is_int(refused, RACERS - 1);
	is_int(raw_int("SELECT count(*) FROM users"), 1);
	pthread_barrier_destroy(&start);
	end();
}

struct listing {
	int count, stop_at;
	char last[20];
	bool ordered;
};

static bool note(struct str user, void *arg)
{
	struct listing *listing = arg;

	listing->ordered &= str_cmp(str_of(listing->last), user) < 0;
	snprintf(listing->last, sizeof(listing->last), "%.*s", STR_FMT(user));
	/* The store is free for others meanwhile. */
	if (listing->count == 0)
		ok(backend->exists(&policy, user, &err) == AUTH_OK);
	return ++listing->count != listing->stop_at;
}

static struct listing list_from(const char *after, int stop_at)
{
	struct listing listing = {.stop_at = stop_at, .ordered = true};

	is_int(backend->list(&policy, str_of(after), note, &listing, &err), 0);
	ok(listing.ordered);
	return listing;
}

static void test_list(void)
{
	struct listing listing;

	begin(VARIANT_MULTIHOST);
	is_int(list_from("", -1).count, 0);
	/* Two pages and a half, two rows each. */
	raw_sql("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 2499) "
		"INSERT INTO users (server_host, username, type, password) "
		"SELECT 'example.org', printf('u%05d', i), t.type, 'x' FROM n JOIN (SELECT 1 AS type UNION "
		"SELECT 2) AS t");
	raw_sql(
	    "INSERT INTO users (server_host, username, type, password) VALUES ('example.com', 'a', 1, 'x')");
	listing = list_from("", -1);
	is_int(listing.count, 2500);
	is_cstr(listing.last, "u02499");
	is_int(backend->count(&policy, &err), 2500);
	listing = list_from("u00999", -1);
	is_int(listing.count, 1500);
	listing = list_from("", 1000);
	is_int(listing.count, 1000);
	is_cstr(listing.last, "u00999");
	is_int(list_from("u02499", -1).count, 0);
	raw_sql("DELETE FROM users WHERE username >= 'u01000'");
	is_int(list_from("", -1).count, 1000);
	end();
}

static void test_store_fails(void)
{
	struct auth_credentials credentials = {0};

	begin(VARIANT_MULTIHOST);
	backend->create(&policy, STR("alice"), STR("pencil"), &err);
	for (unsigned statement = 1; statement <= 4; statement++) {
		store_fail_at(statement);
		is_int(backend->set_password(&policy, STR("alice"), STR("eraser"), &err), AUTH_UNAVAILABLE);
		store_fail_at(0);
		is_int(check("alice", "pencil"), AUTH_OK);
	}
	store_fail_at(1);
	is_int(check("alice", "pencil"), AUTH_UNAVAILABLE);
	ok(err.text[0] != '\0');
	store_fail_at(1);
	is_int(backend->exists(&policy, STR("alice"), &err), AUTH_UNAVAILABLE);
	store_fail_at(1);
	is_int(backend->create(&policy, STR("bob"), STR("x"), &err), AUTH_UNAVAILABLE);
	store_fail_at(1);
	is_int(backend->remove(&policy, STR("alice"), &err), AUTH_UNAVAILABLE);
	store_fail_at(1);
	ok(backend->count(&policy, &err) < 0);
	store_fail_at(1);
	ok(backend->list(&policy, STR(""), note, NULL, &err) < 0);
	store_fail_at(0);
	is_int(backend->credentials(&policy, STR("alice"), &credentials, &err), AUTH_OK);
	auth_credentials_fini(&credentials);
	end();
	is_int(backend->exists(&policy, STR("alice"), &err), AUTH_UNAVAILABLE);
}

static void test_methods(void)
{
	struct auth_methods methods = {0};

	policy = (struct auth_policy){.host = STR("example.org"), .store_plain = true};
	backend->methods(&policy, &methods);
	ok(methods.plain_check && methods.scram[0] && methods.scram[1] && methods.scram[2]);
	ok(methods.set_password && methods.registers && !methods.anonymous);
	store_scram(AUTH_SHA256);
	methods = (struct auth_methods){0};
	backend->methods(&policy, &methods);
	ok(methods.plain_check && !methods.scram[0] && methods.scram[1] && !methods.scram[2]);
	policy.hide_plain = policy.hide_scram[AUTH_SHA256] = true;
	methods = (struct auth_methods){0};
	backend->methods(&policy, &methods);
	ok(!methods.plain_check && !methods.scram[0] && !methods.scram[1] && !methods.scram[2]);
}

static void test_anonymous_login(void)
{
	const struct auth_backend *anonymous = &auth_backend_anonymous;
	struct auth_methods methods = {0};

	begin(VARIANT_MULTIHOST);
	backend->create(&policy, STR("alice"), STR("pencil"), &err);
	policy.chain[policy.chain_len++] = anonymous;
	policy.anonymous = AUTH_ANONYMOUS_SASL;
	is_int(anonymous->check_password(&policy, STR("guest"), STR("x"), &err), AUTH_NO_USER);
	anonymous->methods(&policy, &methods);
	ok(methods.anonymous && !methods.plain_check && !methods.scram[0]);
	policy.anonymous = AUTH_ANONYMOUS_LOGIN;
	methods = (struct auth_methods){0};
	anonymous->methods(&policy, &methods);
	ok(!methods.anonymous && methods.plain_check && !methods.scram[0]);
	is_int(anonymous->check_password(&policy, STR("guest"), STR("x"), &err), AUTH_OK);
	is_int(anonymous->check_password(&policy, STR("alice"), STR("x"), &err), AUTH_DENIED);
	store_fail_at(1);
	is_int(anonymous->check_password(&policy, STR("guest"), STR("x"), &err), AUTH_UNAVAILABLE);
	store_fail_at(0);
	end();
}

int main(void)
{
	run(test_life);
	run(test_scram_storage);
	run(test_several_types);
	run(test_adopted_rows);
	run(test_damaged_rows);
	run(test_hosts_are_apart);
	run(test_odd_names);
	run(test_register_at_once);
	run(test_list);
	run(test_store_fails);
	run(test_methods);
	run(test_anonymous_login);
	return tap_done();
}
