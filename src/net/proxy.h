/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PROXY protocol, versions 1 (a line) and 2 (binary): what a load balancer says about the client whose
 * bytes follow. A pure parser.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "stanzad/err.h"

enum {
	PROXY_V1_MAX = 107,      /* with CR LF, by the specification */
	PROXY_HEADER_MAX = 1024, /* of version 2 with its extensions, by us */
};

struct proxy_header {
	size_t length;                  /* bytes of the header; what follows is the client's */
	bool named;                     /* an address was given: not LOCAL, UNKNOWN or a Unix socket */
	struct sockaddr_storage source; /* AF_INET or AF_INET6 when named; an IPv4-mapped one is AF_INET */
};

enum { PROXY_MORE = 1 };

/*
 * 0: *header_r is filled. PROXY_MORE: the bytes so far can begin a header, and all of them belong to it. < 0:
 * this is no PROXY header; never asks for more than PROXY_HEADER_MAX bytes.
 */
int proxy_parse(const char *bytes, size_t len, struct proxy_header *header_r, struct err *err);
