/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts in the table users of the store: auth_method internal, mnesia and sql. */
#include <openssl/crypto.h>
#include <stdlib.h>

#include "auth/backend.h"
#include "auth/password_rows.h"
#include "base/mem.h"
#include "stanzad/log.h"
#include "stanzad/store.h"
#include "store/peek.h"

#define LIST_PAGE 1000

/* What the functions below run in the store with. */
struct lookup {
	const struct auth_policy *policy;
	struct str user;
	struct auth_credentials *credentials;
	const struct auth_credentials *known;
	const struct password_rows *rows;
	enum auth_outcome outcome;
};

/* Operations of one account are ordered by its bare JID. */
static struct str key_of(const struct lookup *lookup, struct strbuf *key)
{
	strbuf_str(key, lookup->user);
	strbuf_char(key, '@');
	strbuf_str(key, lookup->policy->host);
	return strbuf_view(key);
}

static enum auth_outcome call(enum store_kind kind, int (*run)(void *arg, struct db *db, struct err *err),
    struct lookup *lookup, struct err *err)
{
	struct strbuf key = {0};
	int result;

	result = store_call(kind, key_of(lookup, &key), run, lookup, err);
	strbuf_fini(&key);
	return result < 0 ? AUTH_UNAVAILABLE : lookup->outcome;
}

static void take_row(struct lookup *lookup, struct db_rows *rows)
{
	struct password_row row = {
	    .type = db_int(rows, 0),
	    .password = db_text(rows, 1),
	    .serverkey = db_text(rows, 2),
	    .salt = db_text(rows, 3),
	    .iterations = db_int(rows, 4),
	};

	if (password_row_decode(&row, lookup->credentials) < 0)
		LOG_WARNING("auth.bad_password_row", LOG_STR("user", lookup->user),
		    LOG_STR("host", lookup->policy->host), LOG_INT("type", row.type));
}

/* A row whose type says what it is comes after the one that does not, and counts more. */
static int run_credentials(void *arg, struct db *db, struct err *err)
{
	struct lookup *lookup = arg;
	struct db_rows *rows = DB_QUERY(db, err,
	    "SELECT type, password, serverkey, salt, iterationcount FROM users WHERE {host=} username = ? "
	    "ORDER BY type",
	    DB_P_TEXT(lookup->policy->host), DB_P_TEXT(lookup->user));
	int result;

	lookup->outcome = AUTH_NO_USER;
	while ((result = db_next(rows, err)) > 0) {
		lookup->outcome = AUTH_OK;
		take_row(lookup, rows);
	}
	db_end(&rows);
	return result;
}

static enum auth_outcome credentials(const struct auth_policy *policy, struct str user,
    struct auth_credentials *credentials_r, struct err *err)
{
	struct auth_credentials found = {0};
	struct lookup lookup = {.policy = policy, .user = user, .credentials = &found};
	enum auth_outcome outcome = call(STORE_READ, run_credentials, &lookup, err);

	if (outcome == AUTH_OK)
		auth_credentials_take(credentials_r, &found);
	auth_credentials_fini(&found);
	return outcome;
}

static bool peek(const struct auth_policy *policy, struct str user, struct auth_credentials *credentials_r,
    enum auth_outcome *outcome_r)
{
	struct auth_credentials found = {0};
	struct lookup lookup = {.policy = policy, .user = user, .credentials = &found};
	struct strbuf key = {0};
	bool answered = store_peek(key_of(&lookup, &key), run_credentials, &lookup);

	if (answered)
		*outcome_r = lookup.outcome;
	if (answered && lookup.outcome == AUTH_OK)
		auth_credentials_take(credentials_r, &found);
	auth_credentials_fini(&found);
	strbuf_fini(&key);
	return answered;
}

/* As long as a check against the keys that this host stores takes; nothing where it stores plain passwords.
 */
static void spend_check(const struct auth_policy *policy, struct str password)
{
	struct scram_keys keys;

	if (policy->store_plain)
		return;
	scram_keys_fake(&keys, auth_policy_hash(policy), policy->host, STR("nobody"));
	scram_keys_match(&keys, auth_policy_hash(policy), password);
}

static bool password_fits(
    const struct auth_policy *policy, const struct auth_credentials *credentials, struct str password)
{
	for (int hash = AUTH_HASHES - 1; !credentials->plain && hash >= 0; hash--)
		if (credentials->scram[hash].present)
			return scram_keys_match(&credentials->scram[hash], hash, password);
	spend_check(policy, password);
	return credentials->plain && str_eq_consttime(str_of(credentials->plain), password);
}

static enum auth_outcome check_password(
    const struct auth_policy *policy, struct str user, struct str password, struct err *err)
{
	struct auth_credentials found = {0};
	enum auth_outcome outcome = credentials(policy, user, &found, err);

	if (outcome == AUTH_OK && !password_fits(policy, &found, password))
		outcome = AUTH_DENIED;
	else if (outcome == AUTH_NO_USER)
		spend_check(policy, password);
	auth_credentials_fini(&found);
	return outcome;
}

static int run_exists(void *arg, struct db *db, struct err *err)
{
	struct lookup *lookup = arg;
	struct db_rows *rows = DB_QUERY(db, err, "SELECT 1 FROM users WHERE {host=} username = ? LIMIT 1",
	    DB_P_TEXT(lookup->policy->host), DB_P_TEXT(lookup->user));
	int result = db_next(rows, err);

	lookup->outcome = result > 0 ? AUTH_OK : AUTH_NO_USER;
	db_end(&rows);
	return result;
}

static enum auth_outcome exists(const struct auth_policy *policy, struct str user, struct err *err)
{
	struct lookup lookup = {.policy = policy, .user = user};

	return call(STORE_READ, run_exists, &lookup, err);
}

static int insert_rows(struct lookup *lookup, struct db *db, struct err *err)
{
	for (unsigned i = 0; i < lookup->rows->count; i++) {
		const struct password_row *row = &lookup->rows->rows[i];

		if (DB_EXEC(db, err,
			"INSERT INTO users ({host,} username, type, password, serverkey, salt, "
			"iterationcount) "
			"VALUES ({?,} ?, ?, ?, ?, ?, ?)",
			DB_P_TEXT(lookup->policy->host), DB_P_TEXT(lookup->user), DB_P_INT(row->type),
			DB_P_TEXT(row->password), DB_P_TEXT(row->serverkey), DB_P_TEXT(row->salt),
			DB_P_INT(row->iterations)) < 0)
			return -1;
	}
	return 0;
}

static int run_create(void *arg, struct db *db, struct err *err)
{
	struct lookup *lookup = arg;
	int result = run_exists(lookup, db, err);

	if (result < 0)
		return result;
	lookup->outcome = result > 0 ? AUTH_EXISTS : AUTH_OK;
	return result > 0 ? 0 : insert_rows(lookup, db, err);
}

/* Rows of types that are no longer wanted go, and the account stays as old as it is. */
static int run_replace(void *arg, struct db *db, struct err *err)
{
	struct lookup *lookup = arg;
	struct str host = lookup->policy->host;
	struct strbuf created = {0};
	struct db_rows *rows =
	    DB_QUERY(db, err, "SELECT min(created_at) FROM users WHERE {host=} username = ?", DB_P_TEXT(host),
		DB_P_TEXT(lookup->user));
	int result = db_next(rows, err);

	lookup->outcome = result > 0 && !db_is_null(rows, 0) ? AUTH_OK : AUTH_NO_USER;
	if (lookup->outcome == AUTH_OK)
		strbuf_str(&created, db_text(rows, 0));
	db_end(&rows);
	if (result >= 0 && lookup->outcome == AUTH_OK) {
		result =
		    DB_EXEC(db, err, "DELETE FROM users WHERE {host=} username = ?", DB_P_TEXT(host),
			DB_P_TEXT(lookup->user)) < 0 ||
			    insert_rows(lookup, db, err) < 0 ||
			    DB_EXEC(db, err, "UPDATE users SET created_at = ? WHERE {host=} username = ?",
				DB_P_TEXT(strbuf_view(&created)), DB_P_TEXT(host),
				DB_P_TEXT(lookup->user)) < 0
			? -1
			: 0;
	}
	strbuf_fini(&created);
	return result;
}

static enum auth_outcome write_rows(const struct auth_policy *policy, struct str user, struct str password,
    int (*run)(void *arg, struct db *db, struct err *err), struct err *err)
{
	struct lookup lookup = {.policy = policy, .user = user};
	struct password_rows rows;
	enum auth_outcome outcome;

	password_rows_make(&rows, policy, password);
	lookup.rows = &rows;
	outcome = call(STORE_WRITE, run, &lookup, err);
	password_rows_fini(&rows);
	return outcome;
}

static enum auth_outcome set_password(
    const struct auth_policy *policy, struct str user, struct str password, struct err *err)
{
	return write_rows(policy, user, password, run_replace, err);
}

static bool same_plain(const char *a, const char *b)
{
	return a && b ? str_eq_consttime(str_of(a), str_of(b)) : a == b;
}

/* Of the same password: what is stored now was known before. Keys may be known that are not stored, made of the plain
 * password. */
static bool is_same_password(const struct auth_credentials *stored, const struct auth_credentials *known)
{
	bool same = same_plain(stored->plain, known->plain);

	for (unsigned hash = 0; hash < AUTH_HASHES; hash++)
		if (stored->scram[hash].present)
			same &= known->scram[hash].present &&
				CRYPTO_memcmp(stored->scram[hash].stored_key, known->scram[hash].stored_key,
				    auth_hash_size(hash)) == 0;
	return same;
}

static int run_add(void *arg, struct db *db, struct err *err)
{
	struct lookup *lookup = arg;
	struct auth_credentials stored = {0};
	int result;

	lookup->credentials = &stored;
	result = run_credentials(lookup, db, err);
	if (result >= 0 && lookup->outcome == AUTH_OK && !is_same_password(&stored, lookup->known))
		lookup->outcome = AUTH_DENIED;
	auth_credentials_fini(&stored);
	if (result < 0 || lookup->outcome != AUTH_OK)
		return result;
	if (DB_EXEC(db, err, "DELETE FROM users WHERE {host=} username = ? AND type = ?",
		DB_P_TEXT(lookup->policy->host), DB_P_TEXT(lookup->user),
		DB_P_INT(lookup->rows->rows[0].type)) < 0)
		return -1;
	return insert_rows(lookup, db, err);
}

static enum auth_outcome add_keys(const struct auth_policy *policy, struct str user,
    const struct auth_credentials *known, enum auth_hash hash, const struct scram_keys *keys, struct err *err)
{
	struct lookup lookup = {.policy = policy, .user = user, .known = known};
	struct password_rows rows;
	enum auth_outcome outcome;

	password_rows_of_keys(&rows, hash, keys);
	lookup.rows = &rows;
	outcome = call(STORE_WRITE, run_add, &lookup, err);
	password_rows_fini(&rows);
	return outcome;
}

/* Another server on the same database may have been faster: then the insertion fails and the account is
 * there. */
static enum auth_outcome create(
    const struct auth_policy *policy, struct str user, struct str password, struct err *err)
{
	enum auth_outcome outcome = exists(policy, user, err);

	if (outcome != AUTH_NO_USER)
		return outcome == AUTH_OK ? AUTH_EXISTS : outcome;
	outcome = write_rows(policy, user, password, run_create, err);
	if (outcome == AUTH_UNAVAILABLE && exists(policy, user, NULL) == AUTH_OK)
		return AUTH_EXISTS;
	return outcome;
}

static int run_remove(void *arg, struct db *db, struct err *err)
{
	struct lookup *lookup = arg;
	int64_t gone = DB_EXEC(db, err, "DELETE FROM users WHERE {host=} username = ?",
	    DB_P_TEXT(lookup->policy->host), DB_P_TEXT(lookup->user));

	lookup->outcome = gone > 0 ? AUTH_OK : AUTH_NO_USER;
	return gone < 0 ? -1 : 0;
}

static enum auth_outcome remove_user(const struct auth_policy *policy, struct str user, struct err *err)
{
	struct lookup lookup = {.policy = policy, .user = user};

	return call(STORE_WRITE, run_remove, &lookup, err);
}

/* Lists
 * ----------------------------------------------------------------------------------------------------------
 */

struct page {
	const struct auth_policy *policy;
	struct str after;
	struct arena arena;
	struct str names[LIST_PAGE];
	size_t count;
	int64_t total;
};

static int run_page(void *arg, struct db *db, struct err *err)
{
	struct page *page = arg;
	struct db_rows *rows = DB_QUERY(db, err,
	    "SELECT DISTINCT username FROM users WHERE {host=} username > ? ORDER BY username LIMIT ?",
	    DB_P_TEXT(page->policy->host), DB_P_TEXT(page->after), DB_P_INT(LIST_PAGE));
	int result;

	page->count = 0;
	while ((result = db_next(rows, err)) > 0 && page->count < LIST_PAGE)
		page->names[page->count++] = arena_str(&page->arena, db_text(rows, 0));
	db_end(&rows);
	return result;
}

/* A page at a time, and the calls outside of the database: they may want it themselves. */
static int list(const struct auth_policy *policy, struct str after, bool (*each)(struct str user, void *arg),
    void *arg, struct err *err)
{
	struct page *page = mem_zalloc(sizeof(*page));
	struct arena previous = {0};
	bool more = true;
	int result = 0;

	page->policy = policy;
	page->after = after;
	while (more && (result = store_call(STORE_READ, STR_NULL, run_page, page, err)) >= 0) {
		for (size_t i = 0; more && i < page->count; i++)
			more = each(page->names[i], arg);
		more = more && page->count == LIST_PAGE;
		if (page->count)
			page->after = page->names[page->count - 1];
		arena_fini(&previous);
		previous = page->arena;
		page->arena = (struct arena){0};
	}
	arena_fini(&previous);
	arena_fini(&page->arena);
	free(page);
	return result < 0 ? -1 : 0;
}

static int run_count(void *arg, struct db *db, struct err *err)
{
	struct page *page = arg;
	struct db_rows *rows = DB_QUERY(db, err,
	    "SELECT count(DISTINCT username) FROM users WHERE {host=} 1 = 1", DB_P_TEXT(page->policy->host));
	int result = db_next(rows, err);

	page->total = result > 0 ? db_int(rows, 0) : 0;
	db_end(&rows);
	return result;
}

static int64_t count(const struct auth_policy *policy, struct err *err)
{
	struct page *page = mem_zalloc(sizeof(*page));
	int64_t total;

	page->policy = policy;
	total = store_call(STORE_READ, STR_NULL, run_count, page, err) < 0 ? -1 : page->total;
	free(page);
	return total;
}

static void methods(const struct auth_policy *policy, struct auth_methods *methods)
{
	methods->plain_check |= !policy->hide_plain;
	for (unsigned hash = 0; hash < AUTH_HASHES; hash++)
		methods->scram[hash] |=
		    (policy->store_plain || policy->store_scram[hash]) && !policy->hide_scram[hash];
	methods->set_password = true;
	methods->registers = true;
}

const struct auth_backend auth_backend_sql = {
    .name = "sql",
    .credentials = credentials,
    .peek = peek,
    .check_password = check_password,
    .exists = exists,
    .set_password = set_password,
    .add_keys = add_keys,
    .create = create,
    .remove = remove_user,
    .list = list,
    .count = count,
    .methods = methods,
};
