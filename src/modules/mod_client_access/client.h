/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clients of a user: those that are connected, those that logged in with a <user-agent/> (XEP-0388) and
 * are remembered in the table mod_client_access, those that have tokens (XEP-0484). One that does not say who
 * it is counts as a client of its own as long as its session lasts.
 */
#pragma once

#include "stanzad/module.h"

#define CLIENTS_MAX 100 /* remembered of one user; the one that was away longest gives way */
#define CLIENT_REF_LEN 16

enum {
	CLIENT_BY_PASSWORD = 1,    /* showed the password, and it was not changed since */
	CLIENT_BY_CERTIFICATE = 2, /* logged in with EXTERNAL */
};

struct client {
	struct str id;       /* of the <user-agent/>; empty: it has none, and resource says which it is */
	struct str resource; /* of the latest session that is there */
	struct str software, device;
	int64_t first_seen, last_seen; /* seconds since 1970; 0: unknown */
	unsigned proofs;               /* CLIENT_BY_* */
	bool connected, token;
	bool remembered; /* it has a row */
};

struct clients {
	struct jid user; /* bare; borrowed */
	struct client *list;
	size_t count, room;
	struct arena arena; /* what is in them */
};

void clients_fini(struct clients *clients);
/* Adds those that are connected; on the user's home worker. user NULL adds none. */
void clients_add_connected(struct clients *clients, struct user *user);
/* Adds those that the database knows to those that are there, and sorts: the latest first. In the store. */
int clients_read(struct clients *clients, struct db *db, struct err *err);
/* Whether it could come in, or is in: XEP-0494 lists no others. */
bool client_has_access(const struct client *client);
/* What it is called outside: CLIENT_REF_LEN characters and a NUL, always the same, from which nothing can be
 * told. */
void client_ref(const struct clients *clients, const struct client *client, char *out);
/* The one that is called so; NULL. */
const struct client *clients_find(const struct clients *clients, struct str ref);

/* A log-in of the client: its row is made or renewed, and those above CLIENTS_MAX go. */
int client_write(struct db *db, const struct jid *user, const struct client *client, struct err *err);
/*
 * Its tokens go. 0: and so does its row; 1: the row stays, as it can come back with the password that it
 * knows. In the store.
 */
int client_revoke(struct db *db, const struct jid *user, const struct client *client, struct err *err);
/* Ends the sessions of a client; on the home worker. */
void client_disconnect(struct user *user, struct str id, struct str resource);

extern const struct command client_commands[];
/* urn:xmpp:cam:0 to the user's own account. */
enum iq_verdict client_iq(struct iq *iq);
