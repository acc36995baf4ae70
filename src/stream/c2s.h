/* SPDX-License-Identifier: Apache-2.0 */
/* Client streams: RFC 6120, XEP-0368. Registers the listener module "ejabberd_c2s". */
#pragma once

#include "stanzad/str.h"

struct conf;
struct conf_listener;
struct conn;

/* Before the first listener opens. */
void c2s_init(void);
/* What the listener does with a new connection, as in net/listener.h: takes it over. conf is referenced. */
void c2s_accept(struct conn *conn, const struct conf_listener *listener, struct conf *conf);
/* On each worker, when the server stops: closes every stream of that worker with a stream error (its element name) and
 * text. Sessions that can be resumed are left to the next process. */
void c2s_close_all(const char *stream_condition, const char *text);
/* On each worker: the same for the streams of hosts that conf does not serve any more. */
void c2s_close_gone_hosts(void);
/* After the loops ended. */
void c2s_fini(void);
/* Streams open on the calling worker. */
unsigned c2s_count(void);
