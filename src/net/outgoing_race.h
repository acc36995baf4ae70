/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connecting to the first of several addresses that answers (RFC 8305 5): the next one is tried when one
 * has failed, or has said nothing for a quarter of a second; the first that connects wins, the others are
 * closed. For the worker that starts it.
 */
#pragma once

#include "net/dns.h"

struct race;

struct race_source {
	union dns_address from4, from6; /* our own addresses; AF_UNSPEC: the kernel's choice */
};

struct race_ops {
	/* fd is the receiver's; the race is over. */
	void (*won)(void *arg, int fd, const union dns_address *address);
	/* All have failed; reason is that of the last one. The race is over. */
	void (*lost)(void *arg, const char *reason);
	void (*step)(void *arg, const char *text);
};

/* addresses (1 to DNS_ADDRESSES_MAX) are copied. Calls come from the loop; won or lost once. */
struct race *race_start(const union dns_address *addresses, unsigned count, const struct race_source *source,
    const struct race_ops *ops, void *arg);
/* How often a connection was begun. */
unsigned race_begun(const struct race *race);
/* No call comes after it. *race may be NULL. */
void race_cancel(struct race **race);
