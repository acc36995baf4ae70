/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_client_access/client.h"

#include <stdio.h>
#include <stdlib.h>

#include "auth/digest.h"
#include "auth/fast.h"
#include "auth/secret.h"
#include "stanzad/clock.h"
#include "stanzad/mem.h"

void clients_fini(struct clients *clients)
{
	free(clients->list);
	arena_fini(&clients->arena);
	clients->list = NULL;
	clients->count = clients->room = 0;
}

static struct client *find(struct clients *clients, struct str id, struct str resource)
{
	for (size_t i = 0; i < clients->count; i++) {
		struct client *client = &clients->list[i];
		if (str_eq(client->id, id) && (id.len || str_eq(client->resource, resource)))
			return client;
	}
	return NULL;
}

static struct client *find_or_add(struct clients *clients, struct str id, struct str resource)
{
	struct client *client = find(clients, id, resource);
	if (client)
		return client;
	if (clients->count == clients->room) {
		clients->room = clients->room ? 2 * clients->room : 8;
		clients->list = mem_realloc(clients->list, clients->room * sizeof(*clients->list));
	}
	client = &clients->list[clients->count++];
	*client = (struct client){.id = arena_str(&clients->arena, id)};
	client->resource = arena_str(&clients->arena, resource);
	return client;
}

void clients_add_connected(struct clients *clients, struct user *user)
{
	struct session *session = user ? user_first_session(user) : NULL;
	for (; session; session = session_next(session)) {
		struct session_about about;
		session_about(session, &about);
		struct str resource = jid_resource(session_jid(session));
		struct client *client = find_or_add(clients, about.client_id, resource);
		client->connected = true;
		if (!about.client_id.len) {
			client->first_seen = about.since_us / 1000000;
			client->last_seen = session_active_us(session) / 1000000;
			client->proofs = CLIENT_BY_PASSWORD;
		}
	}
}

/* --- the database --------------------------------------------------------------------------------- */

static void take_row(struct clients *clients, struct db_rows *rows)
{
	struct client *client = find_or_add(clients, db_text(rows, 0), STR_NULL);
	client->software = arena_str(&clients->arena, db_text(rows, 1));
	client->device = arena_str(&clients->arena, db_text(rows, 2));
	client->first_seen = db_int(rows, 3);
	client->last_seen = db_int(rows, 4);
	client->proofs = (unsigned)db_int(rows, 5);
	client->remembered = true;
}

static int read_rows(struct clients *clients, struct db *db, struct err *err)
{
	struct db_rows *rows = DB_QUERY(db, err,
	    "SELECT client, software, device, first_seen, last_seen, proofs FROM mod_client_access "
	    "WHERE {host=} username = ?",
	    DB_P_TEXT(jid_domain(&clients->user)), DB_P_TEXT(jid_local(&clients->user)));
	int result;
	while ((result = db_next(rows, err)) > 0)
		take_row(clients, rows);
	db_end(&rows);
	return result;
}

static void take_token(void *arg, struct str id, const struct fast_token *token)
{
	struct client *client = find_or_add(arg, id, STR_NULL);
	client->token = true;
	if (!client->first_seen)
		client->first_seen = client->last_seen = token->created;
}

static int by_time(const void *a, const void *b)
{
	const struct client *one = a, *other = b;
	if (one->last_seen != other->last_seen)
		return one->last_seen > other->last_seen ? -1 : 1;
	int order = str_cmp(one->id, other->id);
	return order ? order : str_cmp(one->resource, other->resource);
}

int clients_read(struct clients *clients, struct db *db, struct err *err)
{
	struct fast_owner owner = {.host = jid_domain(&clients->user), .user = jid_local(&clients->user)};
	if (read_rows(clients, db, err) < 0 ||
	    fast_each(db, &owner, clock_real_us() / 1000000, take_token, clients, err) < 0)
		return -1;
	if (clients->count)
		qsort(clients->list, clients->count, sizeof(*clients->list), by_time);
	return 0;
}

/* All but the newest, as many as are too many. */
static int make_room(struct db *db, const struct jid *user, struct err *err)
{
	struct db_rows *rows = DB_QUERY(db, err,
	    "SELECT last_seen FROM mod_client_access WHERE {host=} username = ? ORDER BY last_seen DESC "
	    "LIMIT 1 "
	    "OFFSET ?",
	    DB_P_TEXT(jid_domain(user)), DB_P_TEXT(jid_local(user)), DB_P_INT(CLIENTS_MAX - 1));
	int result = db_next(rows, err);
	int64_t before = result > 0 ? db_int(rows, 0) : 0;
	db_end(&rows);
	if (result <= 0)
		return result;
	return DB_EXEC(db, err, "DELETE FROM mod_client_access WHERE {host=} username = ? AND last_seen <= ?",
		   DB_P_TEXT(jid_domain(user)), DB_P_TEXT(jid_local(user)), DB_P_INT(before)) < 0
		   ? -1
		   : 0;
}

static int insert(struct db *db, const struct jid *user, const struct client *client, struct err *err)
{
	if (make_room(db, user, err) < 0)
		return -1;
	return DB_EXEC(db, err,
		   "INSERT INTO mod_client_access ({host,} username, client, software, device, first_seen, "
		   "last_seen, proofs) VALUES ({?,} ?, ?, ?, ?, ?, ?, ?)",
		   DB_P_TEXT(jid_domain(user)), DB_P_TEXT(jid_local(user)), DB_P_TEXT(client->id),
		   DB_P_TEXT(client->software), DB_P_TEXT(client->device), DB_P_INT(client->last_seen),
		   DB_P_INT(client->last_seen), DB_P_INT(client->proofs)) < 0
		   ? -1
		   : 0;
}

int client_write(struct db *db, const struct jid *user, const struct client *client, struct err *err)
{
	struct db_rows *rows = DB_QUERY(db, err,
	    "SELECT proofs FROM mod_client_access WHERE {host=} username = ? AND client = ?",
	    DB_P_TEXT(jid_domain(user)), DB_P_TEXT(jid_local(user)), DB_P_TEXT(client->id));
	int result = db_next(rows, err);
	int64_t proofs = client->proofs | (result > 0 ? db_int(rows, 0) : 0);
	db_end(&rows);
	if (result <= 0)
		return result < 0 ? result : insert(db, user, client, err);
	return DB_EXEC(db, err,
		   "UPDATE mod_client_access SET software = ?, device = ?, last_seen = ?, proofs = ? "
		   "WHERE {host=} username = ? AND client = ?",
		   DB_P_TEXT(client->software), DB_P_TEXT(client->device), DB_P_INT(client->last_seen),
		   DB_P_INT(proofs), DB_P_TEXT(jid_domain(user)), DB_P_TEXT(jid_local(user)),
		   DB_P_TEXT(client->id)) < 0
		   ? -1
		   : 0;
}

int client_revoke(struct db *db, const struct jid *user, const struct client *client, struct err *err)
{
	struct fast_owner owner = {jid_domain(user), jid_local(user), client->id};
	if (client->id.len && fast_revoke(db, &owner, err) < 0)
		return -1;
	if (client->proofs & CLIENT_BY_PASSWORD)
		return 1;
	return DB_EXEC(db, err, "DELETE FROM mod_client_access WHERE {host=} username = ? AND client = ?",
		   DB_P_TEXT(owner.host), DB_P_TEXT(owner.user), DB_P_TEXT(client->id)) < 0
		   ? -1
		   : 0;
}

/* --- one of them ---------------------------------------------------------------------------------- */

bool client_has_access(const struct client *client)
{
	return client->connected || client->token || client->proofs;
}

void client_ref(const struct clients *clients, const struct client *client, char *out)
{
	unsigned char digest[DIGEST_SIZE_MAX];
	struct str parts[] = {STR("XEP-0494"), jid_bare(&clients->user), client->id,
	    client->id.len ? STR_NULL : client->resource};
	struct hmac hmac;
	hmac_init(&hmac, AUTH_SHA256, auth_secret(), AUTH_SECRET_LEN);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		hmac_update(&hmac, parts[i].ptr, parts[i].len);
		hmac_update(&hmac, "", 1);
	}
	hmac_final(&hmac, digest);
	for (unsigned i = 0; i < CLIENT_REF_LEN / 2; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

const struct client *clients_find(const struct clients *clients, struct str ref)
{
	char text[CLIENT_REF_LEN + 1];
	for (size_t i = 0; i < clients->count; i++) {
		client_ref(clients, &clients->list[i], text);
		if (str_is(ref, text))
			return &clients->list[i];
	}
	return NULL;
}

void client_disconnect(struct user *user, struct str id, struct str resource)
{
	struct session *next, *session = user ? user_first_session(user) : NULL;
	if (!session)
		return;
	user_hold(user);
	for (; session; session = next) {
		struct session_about about;
		next = session_next(session);
		session_about(session, &about);
		if (id.len ? str_eq(about.client_id, id)
			   : !about.client_id.len && str_eq(jid_resource(session_jid(session)), resource))
			session_close(session, "policy-violation", "the access of this client was revoked");
	}
	user_release(user);
}
