/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "client.h"

/*
 * The client's way from a connected socket to a bound resource: stream header, features, STARTTLS where the
 * run asks for it, SASL, restart, resource binding (RFC 6120) and the legacy session where a server insists
 * on it; with stream management its enabling, or a resumption in place of the binding. Each answer of the
 * server moves client->step; the end is load_client_ready() or client_fail().
 */

/* Opens the stream. */
void negotiate_begin(struct client *client);

/* Takes the next frame while the client is negotiating. */
void negotiate_frame(struct client *client, const struct frame *frame);

/* Answers a request (ping, for one) that the server made of a bound client, so that it counts as alive. */
void negotiate_answer(struct client *client, const struct frame *frame);
