/* SPDX-License-Identifier: Apache-2.0 */
/* The connection to the server: lines of JSON there and back. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "stanzad/err.h"
#include "stanzad/str.h"

struct client {
	int fd;
	struct strbuf out, in;
	size_t out_sent, in_taken, in_seen;
	bool closed; /* the server has closed its side */
};

/* Where the server's socket is, by options, environment and defaults; the caller frees it. */
char *client_path(const char *socket, const char *data_dir);

/* < 0: err says what is wrong; errno is left as it was. */
int client_open(struct client *client_r, const char *path, struct err *err);
/* What to do about such an errno, as lines; may be empty. */
const char *client_hint(int error);
void client_close(struct client *client);

/* Puts a request into the output. Takes it over. */
void client_put(struct client *client, json_t *request);
/* Sends and receives what is possible now; never waits. < 0: the connection broke. */
int client_move(struct client *client, struct err *err);
/* An answer that has arrived whole; NULL: none yet. The caller owns it. */
json_t *client_take(struct client *client, struct err *err);
/* Sends everything and waits for the next answer; NULL with err when the connection ends first. */
json_t *client_wait(struct client *client, struct err *err);
