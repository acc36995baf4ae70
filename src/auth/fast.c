/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/fast.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <time.h>

#include "auth/digest.h"
#include "auth/secret.h"
#include "base/codec.h"
#include "base/rand.h"

#define PREFIX "secret-token:fast-" /* RFC 8959: what it is can be seen where it should not be */
#define FORMAT "stanzad1"
#define FOREVER INT64_C(253402300799) /* the last second of 9999 */
#define DATE_MAX 24

/* --- texts ---------------------------------------------------------------------------------------------- */

static void add_part(struct hmac *hmac, struct str part)
{
	hmac_update(hmac, part.ptr, part.len);
	hmac_update(hmac, "", 1);
}

void fast_token_text(const struct fast_owner *owner, const struct fast_token *token, char *text_r)
{
	unsigned char out[DIGEST_SIZE_MAX];
	char expires[24];
	struct hmac hmac;
	int len = snprintf(text_r, FAST_TEXT_MAX, "%s", PREFIX);

	snprintf(expires, sizeof(expires), "%lld", (long long)token->expires);
	hmac_init(&hmac, AUTH_SHA256, auth_secret(), AUTH_SECRET_LEN);
	add_part(&hmac, STR("XEP-0484"));
	add_part(&hmac, owner->host);
	add_part(&hmac, owner->user);
	add_part(&hmac, owner->client);
	add_part(&hmac, str_of(token->mechanism));
	add_part(&hmac, str_of(expires));
	hmac_update(&hmac, token->seed, FAST_SEED_LEN);
	hmac_final(&hmac, out);
	for (unsigned i = 0; i < auth_hash_size(AUTH_SHA256); i++)
		len += snprintf(text_r + len, (size_t)(FAST_TEXT_MAX - len), "%02x", out[i]);
	OPENSSL_cleanse(out, sizeof(out));
}

static void token_encode(const struct fast_token *token, struct strbuf *out)
{
	strbuf_printf(out, FORMAT " %s %lld %lld %llu ", token->mechanism, (long long)token->created,
	    (long long)token->expires, (unsigned long long)token->count);
	base64_encode(out, token->seed, FAST_SEED_LEN);
}

static bool seed_decode(struct str text, unsigned char *seed)
{
	struct strbuf bytes = {0};
	bool good = base64_decode(&bytes, text) == 0 && bytes.len == FAST_SEED_LEN;

	if (good)
		memcpy(seed, bytes.ptr, FAST_SEED_LEN);
	strbuf_fini(&bytes);
	return good;
}

/* False: it is not ours, or damaged. */
static bool token_decode(struct str text, struct fast_token *token_r)
{
	struct fast_token token = {.present = true};
	struct str format = str_cut(text, ' ', &text), mechanism = str_cut(text, ' ', &text);
	struct str created = str_cut(text, ' ', &text), expires = str_cut(text, ' ', &text);
	struct str count = str_cut(text, ' ', &text);

	if (!str_is(format, FORMAT) || mechanism.len == 0 || mechanism.len >= FAST_MECHANISM_MAX ||
	    !str_to_i64(created, &token.created) || !str_to_i64(expires, &token.expires) ||
	    !str_to_u64(count, &token.count) || !seed_decode(text, token.seed))
		return false;
	memcpy(token.mechanism, mechanism.ptr, mechanism.len);
	*token_r = token;
	return true;
}

static struct str date_text(int64_t seconds, char *out)
{
	time_t when = (time_t)(seconds > FOREVER ? FOREVER : seconds);
	struct tm parts;

	gmtime_r(&when, &parts);
	return (struct str){out, strftime(out, DATE_MAX, "%Y-%m-%d %H:%M:%S", &parts)};
}

static struct str slot_text(enum fast_slot slot)
{
	return slot == FAST_CURRENT ? STR("c") : STR("n");
}

/* --- rows ----------------------------------------------------------------------------------------------- */

int fast_read(
    struct db *db, const struct fast_owner *owner, struct fast_token tokens_r[FAST_SLOTS], struct err *err)
{
	struct db_rows *rows = DB_QUERY(db, err,
	    "SELECT type, token FROM auth_fast_tokens WHERE {host=} username = ? AND ua = ?",
	    DB_P_TEXT(owner->host), DB_P_TEXT(owner->user), DB_P_TEXT(owner->client));
	int result;

	memset(tokens_r, 0, FAST_SLOTS * sizeof(*tokens_r));
	while ((result = db_next(rows, err)) > 0)
		for (unsigned slot = 0; slot < FAST_SLOTS; slot++)
			if (str_eq(db_text(rows, 0), slot_text(slot)))
				token_decode(db_text(rows, 1), &tokens_r[slot]);
	db_end(&rows);
	return result;
}

static int slot_clear(struct db *db, const struct fast_owner *owner, enum fast_slot slot, struct err *err)
{
	return DB_EXEC(db, err,
		   "DELETE FROM auth_fast_tokens WHERE {host=} username = ? AND ua = ? AND type = ?",
		   DB_P_TEXT(owner->host), DB_P_TEXT(owner->user), DB_P_TEXT(owner->client),
		   DB_P_TEXT(slot_text(slot))) < 0
		   ? -1
		   : 0;
}

static int slot_write(struct db *db, const struct fast_owner *owner, enum fast_slot slot,
    const struct fast_token *token, struct err *err)
{
	char created[DATE_MAX], expires[DATE_MAX];
	struct strbuf text = {0};
	int64_t written;

	if (slot_clear(db, owner, slot, err) < 0)
		return -1;
	token_encode(token, &text);
	written = DB_EXEC(db, err,
	    "INSERT INTO auth_fast_tokens ({host,} username, ua, type, token, created_at, expires) "
	    "VALUES ({?,} ?, ?, ?, ?, ?, ?)",
	    DB_P_TEXT(owner->host), DB_P_TEXT(owner->user), DB_P_TEXT(owner->client),
	    DB_P_TEXT(slot_text(slot)), DB_P_TEXT(strbuf_view(&text)),
	    DB_P_TEXT(date_text(token->created, created)), DB_P_TEXT(date_text(token->expires, expires)));
	strbuf_fini(&text);
	return written < 0 ? -1 : 0;
}

int64_t fast_revoke(struct db *db, const struct fast_owner *owner, struct err *err)
{
	if (owner->client.len == 0)
		return DB_EXEC(db, err, "DELETE FROM auth_fast_tokens WHERE {host=} username = ?",
		    DB_P_TEXT(owner->host), DB_P_TEXT(owner->user));
	return DB_EXEC(db, err, "DELETE FROM auth_fast_tokens WHERE {host=} username = ? AND ua = ?",
	    DB_P_TEXT(owner->host), DB_P_TEXT(owner->user), DB_P_TEXT(owner->client));
}

int64_t fast_purge(struct db *db, struct str host, int64_t now, struct err *err)
{
	char date[DATE_MAX];

	return DB_EXEC(db, err, "DELETE FROM auth_fast_tokens WHERE {host=} expires < ?", DB_P_TEXT(host),
	    DB_P_TEXT(date_text(now, date)));
}

int fast_each(struct db *db, const struct fast_owner *owner, int64_t now,
    void (*each)(void *arg, struct str client, const struct fast_token *token), void *arg, struct err *err)
{
	struct db_rows *rows = DB_QUERY(db, err,
	    "SELECT ua, token FROM auth_fast_tokens WHERE {host=} username = ? ORDER BY ua, type",
	    DB_P_TEXT(owner->host), DB_P_TEXT(owner->user));
	struct fast_token token;
	int result;

	while ((result = db_next(rows, err)) > 0)
		if (token_decode(db_text(rows, 1), &token) && token.expires > now)
			each(arg, db_text(rows, 0), &token);
	db_end(&rows);
	return result;
}

/* --- a log-in ------------------------------------------------------------------------------------------- */

/* The place where the used token is; FAST_SLOTS: nowhere any more. */
static enum fast_slot find_used(const struct fast_use *use, const struct fast_token tokens[FAST_SLOTS])
{
	enum fast_slot slot = FAST_CURRENT;

	while (slot < FAST_SLOTS &&
	       !(tokens[slot].present && memcmp(tokens[slot].seed, use->used.seed, FAST_SEED_LEN) == 0))
		slot++;
	return slot;
}

static int take_used(struct db *db, struct fast_use *use, struct err *err)
{
	struct fast_token tokens[FAST_SLOTS];
	enum fast_slot slot;

	if (fast_read(db, &use->owner, tokens, err) < 0)
		return -1;
	slot = find_used(use, tokens);
	if (slot == FAST_SLOTS || (use->counted && use->count <= tokens[slot].count))
		return FAST_REFUSED;
	if (use->invalidate)
		return fast_revoke(db, &use->owner, err) < 0 ? -1 : FAST_DONE;
	if (slot == FAST_CURRENT && !use->counted)
		return FAST_DONE;
	if (use->counted)
		tokens[slot].count = use->count;
	if (slot == FAST_NEXT && slot_clear(db, &use->owner, FAST_NEXT, err) < 0)
		return -1;
	return slot_write(db, &use->owner, FAST_CURRENT, &tokens[slot], err);
}

/* How many clients of the user have rows, this one left out; the oldest of them in first_r. */
static int count_others(struct db *db, const struct fast_use *use, struct strbuf *first_r, struct err *err)
{
	struct db_rows *rows = DB_QUERY(db, err,
	    "SELECT ua, max(created_at) FROM auth_fast_tokens WHERE {host=} username = ? AND ua <> ? "
	    "GROUP BY ua ORDER BY max(created_at), ua",
	    DB_P_TEXT(use->owner.host), DB_P_TEXT(use->owner.user), DB_P_TEXT(use->owner.client));
	int result, count = 0;

	while ((result = db_next(rows, err)) > 0)
		if (count++ == 0)
			strbuf_str(first_r, db_text(rows, 0));
	db_end(&rows);
	return result < 0 ? -1 : count;
}

static int make_room(struct db *db, const struct fast_use *use, struct err *err)
{
	struct strbuf first = {0};
	int count = count_others(db, use, &first, err);
	int result = count < 0 ? -1 : 0;

	if (count >= FAST_CLIENTS_MAX) {
		struct fast_owner oldest = use->owner;

		oldest.client = strbuf_view(&first);
		result = fast_revoke(db, &oldest, err) < 0 ? -1 : 0;
	}
	strbuf_fini(&first);
	return result;
}

static bool is_due(const struct fast_use *use)
{
	if (use->wanted)
		return true;
	return use->used.present && !use->invalidate && use->now - use->used.created >= use->refresh_age;
}

static int issue(struct db *db, struct fast_use *use, struct err *err)
{
	struct fast_token token = {.present = true, .created = use->now, .expires = FOREVER};
	const char *mechanism = use->wanted ? use->wanted : use->used.mechanism;

	if (use->lifetime < FOREVER - use->now)
		token.expires = use->now + use->lifetime;
	snprintf(token.mechanism, sizeof(token.mechanism), "%s", mechanism);
	rand_bytes(token.seed, sizeof(token.seed));
	if (make_room(db, use, err) < 0 || slot_write(db, &use->owner, FAST_NEXT, &token, err) < 0)
		return -1;
	use->issued = token;
	return 0;
}

int fast_use(struct db *db, struct fast_use *use, struct err *err)
{
	int result = use->used.present ? take_used(db, use, err) : FAST_DONE;

	use->issued.present = false;
	if (result != FAST_DONE || !is_due(use))
		return result;
	return issue(db, use, err);
}

bool fast_use_matters(const struct fast_use *use, enum fast_slot slot)
{
	return slot == FAST_NEXT || use->counted || use->invalidate || is_due(use);
}
