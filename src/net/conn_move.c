/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/internal.h"

struct move {
	struct mail mail;
	struct conn *conn;
	void (*moved)(void *owner);
};

static void on_arrived(struct mail *mail)
{
	struct move *move = (struct move *)mail;
	struct conn *conn = move->conn;
	void (*moved)(void *owner) = move->moved;
	free(move);
	assert(conn->magic == CONN_MAGIC && conn->state == CONN_MOVING);
	conn->move = NULL;
	conn->state = CONN_OPEN;
	conn_watch(conn);
	shaper_restart(conn);
	conn->input_due = true;
	conn_schedule(conn);
	moved(conn->owner);
}

void conn_move(struct conn *conn, struct worker *worker, void (*moved)(void *owner))
{
	assert(conn->magic == CONN_MAGIC && conn->state == CONN_OPEN && conn->worker == worker_self());
	assert(conn->tls_state == CONN_TLS_NONE || conn->tls_state == CONN_TLS_SECURE);
	struct move *move = mem_zalloc(sizeof(*move));
	move->mail.receive = on_arrived;
	move->conn = conn;
	move->moved = moved;
	timer_stop(&conn->timer);
	shaper_stop(conn);
	io_free(&conn->io);
	conn->state = CONN_MOVING;
	conn->worker = worker;
	conn->move = move;
	/* Posted at the end of the turn: until then this worker may still be inside a call that looks at the
	 * connection. */
	conn_schedule(conn);
}

void conn_move_post(struct conn *conn)
{
	worker_post(conn->worker, &conn->move->mail);
}

bool conn_is_open(const struct conn *conn)
{
	return conn->state == CONN_OPEN;
}
