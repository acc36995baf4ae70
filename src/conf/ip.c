/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/ip.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

static bool parse_address(struct str text, uint8_t bytes[16], unsigned *bits_r)
{
	char copy[INET6_ADDRSTRLEN];

	if (text.len > 2 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']')
		text = (struct str){text.ptr + 1, text.len - 2};
	if (text.len == 0 || text.len >= sizeof(copy) || memchr(text.ptr, '\0', text.len))
		return false;
	memcpy(copy, text.ptr, text.len);
	copy[text.len] = '\0';
	*bits_r = 128;
	if (inet_pton(AF_INET6, copy, bytes) == 1)
		return true;
	*bits_r = 32;
	memcpy(bytes, mapped, sizeof(mapped));
	return inet_pton(AF_INET, copy, bytes + 12) == 1;
}

bool ip_network_parse(struct str text, struct ip_network *network_r)
{
	struct ip_network network;
	struct str prefix, address = str_cut(text, '/', &prefix);
	unsigned bits;
	uint64_t length;

	if (!parse_address(address, network.bytes, &bits))
		return false;
	length = bits;
	if (address.len != text.len && (!str_to_u64(prefix, &length) || length > bits))
		return false;
	network.prefix = (uint8_t)(length + 128 - bits);
	*network_r = network;
	return true;
}

bool ip_network_has(const struct ip_network *network, const struct sockaddr *address)
{
	uint8_t bytes[16];
	unsigned whole = network->prefix / 8, rest = network->prefix % 8;

	if (!address)
		return false;
	if (address->sa_family == AF_INET6) {
		memcpy(bytes, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, 16);
	} else if (address->sa_family == AF_INET) {
		memcpy(bytes, mapped, sizeof(mapped));
		memcpy(bytes + 12, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
	} else {
		return false;
	}
	if (memcmp(bytes, network->bytes, whole) != 0)
		return false;
	return rest == 0 || ((bytes[whole] ^ network->bytes[whole]) >> (8 - rest)) == 0;
}
