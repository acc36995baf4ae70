/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

enum {
	SCRAM_TEXT_MAX = 512,
};

/* The client's half of one SCRAM-SHA-1 log-in (RFC 5802), without channel binding. */
struct scram {
	char first_bare[SCRAM_TEXT_MAX];
	char signature[32]; /* what the server must prove, base64 */
};

/* Writes the client-first-message, in base64, into out_r. */
void scram_begin(struct scram *scram, const char *user, char out_r[SCRAM_TEXT_MAX]);

/*
 * Answers the server-first-message (base64) with the client-final-message (base64). The key that PBKDF2
 * derives is kept for the whole process per password, salt and iteration count, so that many log-ins cost the
 * client little. Returns 0, or < 0 if the server's message cannot be understood.
 */
int scram_answer(struct scram *scram, const char *password, const char *challenge, size_t size,
    char out_r[SCRAM_TEXT_MAX]);

/* Checks the server-final-message (base64): 0 if the server knows the password too, else < 0. */
int scram_verify(const struct scram *scram, const char *final, size_t size);
