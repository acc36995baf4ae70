/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"
#include "frame.h"
#include "scram.h"
#include "sm.h"

struct load;

enum client_state {
	CLIENT_CLOSED,
	CLIENT_CONNECTING,
	CLIENT_TLS,         /* handshake under way */
	CLIENT_NEGOTIATING, /* see negotiate.h */
	CLIENT_READY,       /* bound: stanzas flow */
	CLIENT_LEAVING,     /* our stream is closed, the server's not yet */
};

/* What the negotiation waits for. */
enum client_step {
	STEP_FEATURES,
	STEP_PROCEED,
	STEP_CHALLENGE,
	STEP_SUCCESS,
	STEP_BIND,
	STEP_SESSION,
	STEP_ENABLE,
	STEP_RESUME,
};

/* One XMPP client: a socket, perhaps TLS on it, and where its stream has got to. */
struct client {
	struct load *load;
	unsigned index; /* of its slot; chat partners are index and index ^ 1 */
	unsigned user;  /* number of the user that it logs in */
	int fd;         /* -1 when closed */
	SSL *ssl;
	bool tls_active;
	uint32_t events; /* that epoll watches */
	enum client_state state;
	enum client_step step;
	bool authenticated;
	bool session_wanted;
	bool dirty; /* listed for the next flush */
	struct buffer in;
	struct buffer out;
	struct scram scram;
	struct sm sm; /* survives the connection */
	uint64_t started_ns;
	char jid[128]; /* full JID as the server bound it */
	char resource[24];
	/* chat with stream management: of the messages that this client has sent */
	uint64_t delivered;
	uint64_t acknowledged;
	uint64_t done; /* both */
	uint64_t asked_ns; /* when it asked for the page or to enter the room that it waits for */
	unsigned messages; /* page: of the page */
	bool present;	   /* room: its own presence came back */
	bool joined;	   /* and the subject after it */
};

/* Starts to connect and log in the slot's user. Reports to the load when it is ready or has failed. */
void client_start(struct client *client);

/* Of its server: the second one's, if there is one and the slot is odd. */
const char *client_domain(const struct client *client);

/* Handles what epoll reported for the client's socket. */
void client_event(struct client *client, uint32_t events);

/* Starts the TLS handshake on the connected socket. */
void client_tls_start(struct client *client);

/* Queues bytes; they leave with the load's next flush. */
void client_send(struct client *client, const void *bytes, size_t size);
void client_sendf(struct client *client, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Has the client looked after by the next flush, even if it has nothing to write. */
void client_mark(struct client *client);

/* Writes what is queued, as far as the socket takes it. */
void client_flush(struct client *client);

/* Sends the stream's end; the client closes when the server has ended its stream too. */
void client_leave(struct client *client);

/* Drops the connection at once, without a word and without a report. */
void client_close(struct client *client);

/* Drops the connection and reports the failure. */
void client_fail(struct client *client, const char *format, ...) __attribute__((format(printf, 2, 3)));
