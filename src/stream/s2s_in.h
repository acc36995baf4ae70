/* SPDX-License-Identifier: Apache-2.0 */
/* Streams that other servers open: RFC 6120, XEP-0220, 0178, 0288, 0198. Listener module "ejabberd_s2s_in". */
#pragma once

#include "stream/dialback.h"
#include "stream/peer.h"
#include "stream/s2s_stream.h"

struct conf;
struct conf_listener;

extern const struct peer_ops s2s_in_peer_ops;

/* Before the first listener opens. */
void s2s_in_init(void);
/* What the listener does with a new connection, as in net/listener.h. conf is referenced. */
void s2s_in_accept(struct conn *conn, const struct conf_listener *listener, struct conf *conf);

/* Calls each for every pair of domains on the stream; once without authentication when there is none. */
void s2s_in_describe(struct peer *peer, void (*each)(void *arg, const struct s2s_about *about), void *arg);
/* Ends the stream when one of its domains is not served any more, or may not talk to the other. */
void s2s_in_close_gone(struct peer *peer);

/* As each worker after workers_run. */
void s2s_in_fini(void);

/* How keys are checked: dialback_check, unless a test plays the authoritative server. */
struct s2s_in_checker {
	struct dialback_check *(*check)(struct str local, struct str remote, struct str stream_id,
	    struct str key, void (*done)(void *arg, enum dialback_outcome outcome, const char *text),
	    void *arg);
	void (*cancel)(struct dialback_check **check);
};
void s2s_in_set_checker(const struct s2s_in_checker *checker);
