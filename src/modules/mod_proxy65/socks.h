/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's side of a SOCKS5 handshake as XEP-0065 uses it: RFC 1928, RFC 1929. Pure functions: bytes in,
 * bytes out. Never more is asked for than the handshake has, so what follows stays in the socket.
 */
#pragma once

#include "stanzad/str.h"

#define SOCKS_HASH_SIZE 40              /* hexadecimal digits of a SHA-1 */
#define SOCKS_INPUT_MAX (3 + 255 + 255) /* the longest message: name and password */
#define SOCKS_REPLY_MAX (7 + SOCKS_HASH_SIZE)

enum socks_state { SOCKS_GREETING, SOCKS_PASSWORD, SOCKS_REQUEST, SOCKS_OVER };

struct socks {
	bool plain; /* name and password are asked for; set before the first byte */
	enum socks_state state;
	size_t len;
	unsigned char bytes[SOCKS_INPUT_MAX]; /* of the message that is being read */
	size_t reply_len;                     /* what is to be sent now */
	unsigned char reply[SOCKS_REPLY_MAX];
	char hash[SOCKS_HASH_SIZE + 1]; /* SOCKS_CONNECT: lower case */
};

enum socks_event {
	SOCKS_MORE,    /* send the reply, if there is one, and read on */
	SOCKS_LOGIN,   /* socks_login tells name and password; answer with socks_logged_in */
	SOCKS_CONNECT, /* answer with socks_connected */
	SOCKS_REFUSED, /* send the reply, if there is one, and close */
};

/* How many bytes may be read at most; 0 when an answer to SOCKS_LOGIN or SOCKS_CONNECT is due, or it is over.
 */
size_t socks_wanted(const struct socks *socks);
/* Takes len bytes, at most that many. Replaces the reply. */
enum socks_event socks_take(struct socks *socks, const void *bytes, size_t len);
/* After SOCKS_LOGIN, until the answer. */
void socks_login(const struct socks *socks, struct str *name_r, struct str *password_r);
enum socks_event socks_logged_in(struct socks *socks, bool good);
/* After SOCKS_CONNECT: sets the reply. */
void socks_connected(struct socks *socks, bool good);
