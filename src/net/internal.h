/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this folder share: the body of a connection and the steps of its life.
 *
 *   conn.c        life and events         conn_in.c    reading, pausing, shaping
 *   conn_out.c    chunk queue, flush      conn_tls.c   TLS on the same socket
 *   conn_proxy.c  PROXY header            conn_move.c  from worker to worker
 *   conn_bio.c    the socket for OpenSSL
 *
 * Work that may free the connection or call its owner runs in conn_turn, once at the end of the loop's turn,
 * or from readiness; never from within a call of the owner.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "loop/io.h"
#include "loop/timer.h"
#include "loop/worker.h"
#include "net/conn.h"
#include "net/limits.h"

struct ssl_st;
struct listener;
struct move;
struct proxy_reader;

enum {
	CONN_MAGIC = 0x636f6e6e,
	NET_READ_SIZE = 64 * 1024, /* the worker's read buffer */
	NET_TURN_BYTES =
	    256 * 1024, /* what one connection may read, or write, before the others get their turn */
	NET_CHUNK_SIZE = 4096 - 32,  /* bytes of payload in a pooled output chunk */
	NET_CHUNKS_POOLED = 256,     /* per worker; more go back to malloc */
	NET_RECORD_SIZE = 16 * 1024, /* most bytes of one TLS record */
	NET_IOV = 32,
	/* What the client does not take waits in our queue, where it is counted, and not in the kernel's. */
	NET_NOT_SENT_MAX = 128 * 1024,
};

struct chunk {
	struct chunk *next;
	uint32_t start, end, room; /* unsent bytes are [start, end) */
	char bytes[];
};

/* Per worker; touched by its thread only. */
struct net_worker {
	struct chunk *chunks;
	unsigned chunk_count;
	struct list proxies; /* connections that owe a PROXY header */
	char read[NET_READ_SIZE];
	char record[NET_RECORD_SIZE]; /* small chunks on their way into one TLS record */
};

enum conn_state {
	CONN_OPEN,
	CONN_PROXY,   /* waits for the PROXY header; has no owner yet */
	CONN_CLOSING, /* sends what is queued; input is read and dropped */
	CONN_LINGER,  /* everything is sent, waits for the peer's FIN */
	CONN_MOVING,  /* between two workers */
	CONN_DEAD,    /* gone is due */
};

enum conn_tls_state {
	CONN_TLS_NONE,
	CONN_TLS_DUE, /* begins when the clear output is sent */
	CONN_TLS_HANDSHAKE,
	CONN_TLS_SECURE,
};

struct shaper {
	int64_t rate, burst; /* bytes per second, bytes */
	int64_t tokens;      /* thousandths of bytes that may be read now */
	uint64_t filled_ms;
	struct timer timer;
	struct conn *conn;
};

struct conn {
	uint32_t magic;
	int fd;
	const struct conn_ops *ops;
	void *owner;
	struct worker *worker;
	struct io *io;
	struct deferred turn;
	struct chunk *out_first, *out_last;
	size_t out_bytes;
	uint64_t blocked_ms; /* since when the socket takes nothing; 0: it does */
	int unacknowledged;  /* bytes in the kernel when conn_stalled_ms was last asked */
	uint64_t bytes_in, bytes_out;
	char *in; /* read, but not used by the owner yet */
	uint32_t in_len;
	uint16_t pauses;
	uint8_t state;            /* enum conn_state */
	uint8_t tls_state;        /* enum conn_tls_state */
	bool eof : 1;             /* the peer's direction has ended */
	bool input_due : 1;       /* conn_turn presents kept bytes and asks OpenSSL for more */
	bool shaped : 1;          /* the shaper holds reading back */
	bool over_high : 1;       /* drained is due when the queue is short again */
	bool tls_wants_write : 1; /* OpenSSL cannot go on before it has written */
	bool tls_broken : 1;      /* no close_notify after a TLS error */
	bool dry : 1;             /* the last read got all there was: nothing to read before the loop says so */
	struct ssl_st *ssl;
	char *tls_name; /* the certificate to use when the client names none */
	struct shaper *shaper;
	struct proxy_reader *proxy;
	struct timer timer; /* one at a time: PROXY header, more TLS input, linger */
	struct move *move;  /* on its way to another worker */
	struct listener *listener;
	struct limit_peer *limit;
	char *reason; /* of a dead one */
	union {
		struct sockaddr any;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
	} peer;
};

/* The calling worker's. */
struct net_worker *net_worker(void);

/* conn.c */
void conn_schedule(struct conn *conn);
void conn_fail(struct conn *conn, const char *reason);
void conn_fail_errno(struct conn *conn, const char *what, int error);
/* Tells the loop which events are of use now. */
void conn_update(struct conn *conn);
void conn_watch(struct conn *conn);
void conn_set_peer(struct conn *conn, const struct sockaddr *peer);
/* conn_new for a socket that has its options from its listener. */
struct conn *conn_adopt(int fd, const struct sockaddr *peer);
void conn_linger_begin(struct conn *conn);

/* conn_move.c */
void conn_move_post(struct conn *conn);

/* conn_in.c */
enum { CONN_AGAIN = -1, CONN_FAILED = -2 }; /* 0: the end, > 0: bytes */
bool conn_may_read(const struct conn *conn);
/* Reads and presents what is there, within the bounds of a turn. */
void conn_input(struct conn *conn);
void conn_input_kept(struct conn *conn);
/* Reads and drops, for a connection that closes. */
void conn_discard(struct conn *conn);
void conn_input_fini(struct conn *conn);
void shaper_stop(struct conn *conn);
void shaper_restart(struct conn *conn);

/* conn_out.c */
void conn_flush(struct conn *conn);
void conn_output_fini(struct conn *conn);
void net_worker_fini(struct net_worker *net);

/* conn_bio.c */
struct bio_st;
/* The socket, as OpenSSL sees it. Freed with the SSL that it is given to, before the connection. */
struct bio_st *conn_bio_new(struct conn *conn);
/* For send(2). What is sent while closing leaves in one packet with what follows: the end, if nothing else. */
int conn_send_flags(const struct conn *conn);

/* conn_tls.c */
void conn_tls_begin(struct conn *conn);
void conn_tls_handshake(struct conn *conn);
ssize_t conn_tls_recv(struct conn *conn, char *bytes, size_t room);
bool conn_tls_pending(const struct conn *conn);
void conn_tls_flush(struct conn *conn);
void conn_tls_shutdown(struct conn *conn);
void conn_tls_fini(struct conn *conn);
/* Sent n bytes of the queue; gives the chunks back. */
void conn_output_sent(struct conn *conn, size_t n);
void conn_output_blocked(struct conn *conn, bool progress);

/* conn_proxy.c */
void conn_proxy_begin(struct conn *conn, unsigned timeout_ms);
void conn_proxy_ready(struct conn *conn);
void conn_proxy_fini(struct conn *conn);
/* Drops this worker's connections that still owe their header. */
void conn_proxy_end(const struct listener *listener);

/* listener_accept.c */
/* The peer's address is known for certain: limits, then the owner, then direct TLS. */
void listener_welcome(struct conn *conn);
void listener_forget(struct conn *conn);
