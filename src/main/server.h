/* SPDX-License-Identifier: Apache-2.0 */
/* The server as a whole: starting, reloading, ending. Worker 0. */
#pragma once

#include <stdbool.h>

#include "stanzad/err.h"
#include "stanzad/str.h"

struct conf;

struct server_options {
	const char *config; /* NULL: the built-in configuration */
	const char *data_dir;
	bool welcome; /* says what to do next, for a person at a terminal */
};

#define SERVER_RESTART 256 /* server_run: start the program anew */

/* Starts everything and runs until it is told to stop. Returns the exit status, or SERVER_RESTART. */
int server_run(const struct server_options *options);
/* Reads the configuration again. < 0: nothing has changed; report holds the problems, one a line, either way.
 */
int server_reload(struct strbuf *report);
/* Puts a snapshot in force in place of the present one. < 0 with err: nothing has changed. */
int server_put_in_force(struct conf *conf, struct err *err);
/* The configuration file; NULL: the built-in one. */
const char *server_config(void);
/* Closes all streams with system-shutdown and ends. restart: afterwards the program is started anew in place.
 */
void server_stop(bool restart);
