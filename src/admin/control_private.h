/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the control socket share. Worker 0. */
#pragma once

#include "admin/registry.h"
#include "admin/threads.h"
#include "base/list.h"
#include "loop/io.h"

#define CONTROL_LINE_MAX (1024 * 1024)
#define CONTROL_CONNS_MAX 64
#define CONTROL_REQUESTS_MAX 128         /* of one connection, read and not answered yet */
#define CONTROL_CONCURRENT_MAX 64        /* of one connection, running */
#define CONTROL_OUTPUT_MAX (1024 * 1024) /* answers the client has not read: then no request is read */

struct control_conn {
	struct list node;
	int fd; /* -1: gone, kept until nothing runs for it */
	struct io *io;
	struct strbuf in, out;
	size_t in_start, in_seen; /* what was taken; where no line end was found up to */
	size_t out_sent;
	struct list requests; /* in order; the first is the oldest */
	unsigned request_count, running;
	bool finishing; /* takes no more requests, closes after the last answer */
};

enum request_state { REQUEST_WAITING, REQUEST_RUNNING, REQUEST_ANSWERED };

struct control_request {
	struct list node;
	struct control_conn *conn;
	enum request_state state;
	bool concurrent;
	uint64_t key; /* hash of the account it is about; 0: not about one */
	json_t *id;
	const struct command *command;
	struct command_call call;
	struct strbuf answer; /* with the line end */
	struct command_job job;
};

/* control_conn.c: takes fd over. */
struct control_conn *control_conn_new(int fd);
/* No more requests. May free it. */
void control_conn_finish(struct control_conn *conn);
/* An answer may be ready, a request may be able to run. May free it. */
void control_conn_go_on(struct control_conn *conn);

/* control_request.c: always makes one request, answered already when the line is wrong. */
void control_request_add(struct control_conn *conn, struct str line);
/* One that is its own answer: the line was too long. */
void control_request_refuse(struct control_conn *conn, const char *text);
/* Starts what may start. */
void control_requests_start(struct control_conn *conn);
void control_request_free(struct control_request *request);

/* control.c: the connection is freed. */
void control_conn_gone(struct control_conn *conn);
