/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A secret of this server that never leaves it: what makes up salts for users who have none. It is kept in
 * the data directory, because salts that changed with every start would tell made-up ones from stored ones.
 */
#pragma once

#define AUTH_SECRET_LEN 32

/* AUTH_SECRET_LEN bytes that stay for the life of the process. Any thread. auth_secret_load is in
 * credentials.h. */
const unsigned char *auth_secret(void);
