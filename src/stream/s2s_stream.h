/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams with other servers, as the rest of the program sees them: RFC 6120, XEP-0220, 0178, 0288, 0368, 0198.
 * s2s_out opens them for the links of route/s2s.h; s2s_in accepts them (listener ejabberd_s2s_in).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "stanzad/err.h"
#include "stanzad/str.h"

/* The opener and the listener kind; before listeners_apply. */
void s2s_streams_init(void);
/* When the server ends: nothing is opened any more, and what waits goes back. On a worker. */
void s2s_streams_stop(void);
/* On each worker after a reload: ends the streams of domains that are not served any more. */
void s2s_streams_close_gone(void);
/* As each worker after workers_run, after s2s_fini: what is being opened is given up. */
void s2s_streams_fini(void *unused);

enum s2s_direction { S2S_IN, S2S_OUT, S2S_BOTH };
enum s2s_authentication {
	S2S_AUTH_NONE,     /* not yet */
	S2S_AUTH_DIALBACK, /* XEP-0220 */
	S2S_AUTH_EXTERNAL, /* the certificate, by SASL EXTERNAL */
	S2S_AUTH_DANE,     /* the certificate, vouched for by TLSA records */
};

/* "none", "dialback", "certificate", "certificate (DANE)" */
const char *s2s_authentication_text(enum s2s_authentication authentication);

/* One domain pair on one stream. */
struct s2s_about {
	enum s2s_direction direction;
	struct str local, remote;
	enum s2s_authentication authentication;
	const char *tls_version, *tls_cipher; /* NULL without TLS */
	struct str address;                   /* the other end; until the next one */
	unsigned port;
	uint64_t since_ms; /* clock_mono_ms: when the stream was opened */
	size_t queued;     /* stanzas that wait for it, or for its acknowledgement */
	bool managed;      /* stream management, XEP-0198 */
};
/* On each worker: ends the streams with a remote domain (empty: all), in both directions, and lets the next stanza
 * try at once. Returns how many streams were ended. */
unsigned s2s_streams_close(struct str remote);
/* Every pair of every stream of the calling worker. */
void s2s_streams_each(void (*each)(void *arg, const struct s2s_about *about), void *arg);
