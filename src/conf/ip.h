/* SPDX-License-Identifier: Apache-2.0 */
/* IP addresses and networks in CIDR notation. IPv4 inside IPv6 (::ffff:a.b.c.d) counts as IPv4. Pure
 * functions. */
#pragma once

#include <sys/socket.h>

#include "stanzad/str.h"

struct ip_network {
	uint8_t bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
	uint8_t prefix;    /* bits, counted in the IPv6 form: an IPv4 /8 is 104 */
};

/* "10.0.0.1", "127.0.0.1/8" (host bits are ignored), "::1", "[::1]", "2001:db8::/32". */
bool ip_network_parse(struct str text, struct ip_network *network_r);
/* False for addresses of other families, such as UNIX sockets. */
bool ip_network_has(const struct ip_network *network, const struct sockaddr *address);
