/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: DATA_DIR/ctl.sock, mode 0600, for the server's own uid and root. Worker 0.
 *
 * A request is one line of JSON, and so is its answer; answers come in the order of the requests:
 *
 *   {"id": 1, "command": "register", "arguments": {"user": "bob", "host": "localhost", "password": "..."}}
 *   {"id": 1, "outcome": "ok", "result": null, "text": "..."}
 *
 * arguments may also be a list, by position. outcome is ok, failed, conflict, not_found or usage; result is
 * there when the command has one. Requests of a connection run one after another; those with "concurrent":
 * true run beside each other (at most 64) when they name different users.
 *
 *   {"id": 2, "describe": true}        the table of all commands, as command_describe gives it
 *   {"id": 3, "describe": "register"}  that of one
 *
 * Limits: 1 MiB a line, 64 connections.
 */
#pragma once

#include <stdbool.h>

#include "stanzad/err.h"

/* A socket that a dead server left is replaced; one that answers is an error. */
int control_open(const char *data_dir, struct err *err);
/* No further requests. What runs is answered, then its connection closes. Harmless when not open. */
void control_close(void);
/* How many commands wait or run: the loops must turn until it is 0. Any thread. */
unsigned control_load(void);
/* After the loops ended, before workers_fini: ends the threads of commands. False: a command still waits for
 * a worker, and the process must end without freeing what it could touch. */
bool control_fini(void);
