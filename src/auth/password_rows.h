/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ejabberd's encoding of passwords in the table users. A row's type: 0 told by what it holds (plain when
 * iterationcount is 0, else SCRAM with the hash as prefix of the stored key), 1 plain, 2 to 4 SCRAM with
 * SHA-1, SHA-256, SHA-512. Keys and salt are base64.
 */
#pragma once

#include "auth/policy.h"

enum { PASSWORD_TYPE_UNTOLD, PASSWORD_TYPE_PLAIN, PASSWORD_TYPE_SCRAM /* + enum auth_hash */ };

struct password_row {
	int64_t type;
	struct str password, serverkey, salt;
	int64_t iterations;
};

/* Adds what a row holds; < 0 when it is damaged or of an unknown type, and nothing is changed. */
int password_row_decode(const struct password_row *row, struct auth_credentials *credentials);

#define PASSWORD_ROWS_MAX (1 + AUTH_HASHES)

struct password_rows {
	struct password_row rows[PASSWORD_ROWS_MAX];
	unsigned count;
	struct strbuf text; /* what the rows point into */
};

/* The rows that the policy wants for a new password. Slow: derives keys. */
void password_rows_make(struct password_rows *rows_r, const struct auth_policy *policy, struct str password);
/* One row, of keys that are there. */
void password_rows_of_keys(
    struct password_rows *rows_r, enum auth_hash hash, const struct scram_keys *keys);
/* Overwrites them. */
void password_rows_fini(struct password_rows *rows);
