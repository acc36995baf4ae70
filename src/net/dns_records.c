/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "net/dns_internal.h"

enum { TLSA_DATA_MAX = 8192 };

static uint16_t read_u16(const unsigned char *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static bool is_host_char(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool dns_name_read(const unsigned char *bytes, size_t len, char out[DNS_NAME_SIZE])
{
	size_t at = 0, used = 0;
	while (at < len && bytes[at] != 0) {
		size_t label = bytes[at++];
		if (label > 63 || label > len - at || used + label + 1 >= DNS_NAME_SIZE)
			return false;
		if (used)
			out[used++] = '.';
		for (size_t end = at + label; at < end; at++) {
			unsigned char c = bytes[at] >= 'A' && bytes[at] <= 'Z' ? bytes[at] | 0x20 : bytes[at];
			if (!is_host_char(c))
				return false;
			out[used++] = (char)c;
		}
	}
	out[used] = 0;
	return at + 1 == len;
}

bool dns_srv_read(const unsigned char *bytes, size_t len, struct dns_target *target_r)
{
	struct dns_target target = {0};
	if (len < 7 || !dns_name_read(bytes + 6, len - 6, target.host))
		return false;
	target.priority = read_u16(bytes);
	target.weight = read_u16(bytes + 2);
	target.port = read_u16(bytes + 4);
	if (target.host[0] && !target.port)
		return false;
	*target_r = target;
	return true;
}

bool dns_tlsa_read(const unsigned char *bytes, size_t len, struct dns_tlsa *tlsa_r)
{
	if (len < 4 || len - 3 > TLSA_DATA_MAX)
		return false;
	*tlsa_r = (struct dns_tlsa){.usage = bytes[0],
	    .selector = bytes[1],
	    .matching = bytes[2],
	    .len = (uint16_t)(len - 3),
	    .bytes = mem_dup(bytes + 3, len - 3)};
	return true;
}

bool dns_address_read(
    int type, const unsigned char *bytes, size_t len, uint16_t port, union dns_address *address_r)
{
	union dns_address address = {0};
	if (type == DNS_A && len == 4) {
		address.in4.sin_family = AF_INET;
		address.in4.sin_port = htons(port);
		memcpy(&address.in4.sin_addr, bytes, 4);
	} else if (type == DNS_AAAA && len == 16) {
		address.in6.sin6_family = AF_INET6;
		address.in6.sin6_port = htons(port);
		memcpy(&address.in6.sin6_addr, bytes, 16);
	} else {
		return false;
	}
	*address_r = address;
	return true;
}

static void move_to_front(struct dns_target *targets, unsigned from)
{
	struct dns_target moved = targets[from];
	memmove(targets + 1, targets, from * sizeof(*targets));
	targets[0] = moved;
}

/* Those of the lowest priority come to the front, in the order they had; returns how many. */
static unsigned gather_lowest(struct dns_target *targets, unsigned count)
{
	unsigned lowest = UINT16_MAX, gathered = 0;
	for (unsigned i = 0; i < count; i++)
		if (targets[i].priority < lowest)
			lowest = targets[i].priority;
	for (unsigned i = 0; i < count; i++)
		if (targets[i].priority == lowest) {
			move_to_front(targets + gathered, i - gathered);
			gathered++;
		}
	return gathered;
}

static unsigned pick_one(
    const struct dns_target *targets, unsigned count, uint64_t sum, uint64_t (*chance)(uint64_t n))
{
	if (sum == 0)
		return (unsigned)chance(count - 1);
	uint64_t pick = chance(sum), running = 0;
	for (unsigned i = 0; i < count - 1; i++) {
		running += targets[i].weight;
		if (running >= pick)
			return i;
	}
	return count - 1;
}

/* Equals of one priority. Those of weight 0 stand first, so that they have a chance at all. */
static void order_equals(struct dns_target *targets, unsigned count, uint64_t (*chance)(uint64_t n))
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < count; i++) {
		sum += targets[i].weight;
		if (targets[i].weight == 0)
			move_to_front(targets, i);
	}
	for (; count > 1; targets++, count--) {
		unsigned i = pick_one(targets, count, sum, chance);
		sum -= targets[i].weight;
		move_to_front(targets, i);
	}
}

void dns_targets_order(struct dns_target *targets, unsigned count, uint64_t (*chance)(uint64_t n))
{
	while (count) {
		unsigned equals = gather_lowest(targets, count);
		order_equals(targets, equals, chance);
		targets += equals;
		count -= equals;
	}
}

bool dns_literal_read(struct str text, uint16_t port, union dns_address *address_r)
{
	unsigned char bytes[16];
	char copy[INET6_ADDRSTRLEN];
	if (text.len >= 2 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']')
		text = (struct str){text.ptr + 1, text.len - 2};
	if (text.len >= sizeof(copy))
		return false;
	snprintf(copy, sizeof(copy), "%.*s", STR_FMT(text));
	if (inet_pton(AF_INET, copy, bytes) == 1)
		return dns_address_read(DNS_A, bytes, 4, port, address_r);
	if (inet_pton(AF_INET6, copy, bytes) == 1)
		return dns_address_read(DNS_AAAA, bytes, 16, port, address_r);
	return false;
}

const char *dns_address_text(const union dns_address *address, char out[80])
{
	char text[INET6_ADDRSTRLEN] = "";
	bool four = address->any.sa_family == AF_INET;
	inet_ntop(address->any.sa_family,
	    four ? (const void *)&address->in4.sin_addr : (const void *)&address->in6.sin6_addr, text,
	    sizeof(text));
	snprintf(out, 80, "%s port %u", text, ntohs(four ? address->in4.sin_port : address->in6.sin6_port));
	return out;
}
