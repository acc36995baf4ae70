/* SPDX-License-Identifier: Apache-2.0 */
#include "net/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "stanzad/str.h"

static const char v2_signature[12] = {'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n'};
static const char v1_signature[6] = {'P', 'R', 'O', 'X', 'Y', ' '};

enum { V2_FIXED = 16, V2_LOCAL = 0x20, V2_PROXY = 0x21 };

static void set_source4(struct proxy_header *header, const void *address, uint16_t port)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)&header->source;
	in4->sin_family = AF_INET;
	in4->sin_port = htons(port);
	memcpy(&in4->sin_addr, address, 4);
	header->named = true;
}

static void set_source6(struct proxy_header *header, const void *address, uint16_t port)
{
	struct in6_addr in6;
	memcpy(&in6, address, sizeof(in6));
	if (IN6_IS_ADDR_V4MAPPED(&in6)) {
		set_source4(header, in6.s6_addr + 12, port);
		return;
	}
	struct sockaddr_in6 *source = (struct sockaddr_in6 *)&header->source;
	source->sin6_family = AF_INET6;
	source->sin6_port = htons(port);
	source->sin6_addr = in6;
	header->named = true;
}

static bool v1_address(int family, struct str text, unsigned char out[16])
{
	char name[INET6_ADDRSTRLEN];
	if (text.len == 0 || text.len >= sizeof(name) || memchr(text.ptr, 0, text.len))
		return false;
	memcpy(name, text.ptr, text.len);
	name[text.len] = 0;
	return inet_pton(family, name, out) == 1;
}

static bool v1_port(struct str text, uint16_t *port_r)
{
	uint64_t port;
	if (text.len == 0 || text.len > 5 || (text.ptr[0] == '0' && text.len > 1) ||
	    !str_to_u64(text, &port) || port > 65535)
		return false;
	*port_r = (uint16_t)port;
	return true;
}

/* The line behind "PROXY ", without CR LF. */
static int v1_line(struct str line, struct proxy_header *header, struct err *err)
{
	unsigned char source[16], target[16];
	uint16_t source_port, target_port;
	struct str protocol = str_cut(line, ' ', &line);
	if (str_is(protocol, "UNKNOWN"))
		return 0;
	int family = str_is(protocol, "TCP4") ? AF_INET : AF_INET6;
	if (family == AF_INET6 && !str_is(protocol, "TCP6"))
		return err_set(err, "PROXY header of an unknown protocol");
	if (!v1_address(family, str_cut(line, ' ', &line), source) ||
	    !v1_address(family, str_cut(line, ' ', &line), target) ||
	    !v1_port(str_cut(line, ' ', &line), &source_port) || !v1_port(line, &target_port))
		return err_set(err, "malformed address in a PROXY header");
	if (family == AF_INET)
		set_source4(header, source, source_port);
	else
		set_source6(header, source, source_port);
	return 0;
}

static int v1_parse(const char *bytes, size_t len, struct proxy_header *header, struct err *err)
{
	size_t span = len < PROXY_V1_MAX ? len : PROXY_V1_MAX;
	const char *end = memchr(bytes, '\n', span);
	if (!end)
		return len < PROXY_V1_MAX ? PROXY_MORE : err_set(err, "PROXY header line too long");
	if (end[-1] != '\r')
		return err_set(err, "PROXY header line without CR LF");
	header->length = (size_t)(end - bytes) + 1;
	struct str line = {bytes + sizeof(v1_signature), header->length - sizeof(v1_signature) - 2};
	if (header->length < sizeof(v1_signature) + 2)
		return err_set(err, "PROXY header line too short");
	return v1_line(line, header, err);
}

static uint16_t read16(const unsigned char *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static int v2_addresses(const unsigned char *fixed, size_t room, struct proxy_header *header, struct err *err)
{
	const unsigned char *addresses = fixed + V2_FIXED;
	switch (fixed[13]) {
	case 0x11: /* TCP over IPv4 */
		if (room < 12)
			return err_set(err, "PROXY header too short for its addresses");
		set_source4(header, addresses, read16(addresses + 8));
		return 0;
	case 0x21: /* TCP over IPv6 */
		if (room < 36)
			return err_set(err, "PROXY header too short for its addresses");
		set_source6(header, addresses, read16(addresses + 32));
		return 0;
	case 0x00: /* unspecified */
	case 0x31: /* stream over a Unix socket */
		return 0;
	default:
		return err_set(err, "PROXY header of an unknown protocol");
	}
}

static int v2_parse(const char *bytes, size_t len, struct proxy_header *header, struct err *err)
{
	const unsigned char *fixed = (const unsigned char *)bytes;
	if (len > 12 && fixed[12] != V2_LOCAL && fixed[12] != V2_PROXY)
		return err_set(err, "PROXY header of an unknown version or command");
	if (len < V2_FIXED)
		return PROXY_MORE;
	size_t room = read16(fixed + 14);
	if (V2_FIXED + room > PROXY_HEADER_MAX)
		return err_set(err, "PROXY header longer than %d bytes", PROXY_HEADER_MAX);
	if (len < V2_FIXED + room)
		return PROXY_MORE;
	header->length = V2_FIXED + room;
	return fixed[12] == V2_LOCAL ? 0 : v2_addresses(fixed, room, header, err);
}

static bool begins(const char *bytes, size_t len, const char *signature, size_t signature_len)
{
	return memcmp(bytes, signature, len < signature_len ? len : signature_len) == 0;
}

int proxy_parse(const char *bytes, size_t len, struct proxy_header *header_r, struct err *err)
{
	struct proxy_header header = {0};
	int rc;
	if (len == 0)
		return PROXY_MORE;
	if (begins(bytes, len, v1_signature, sizeof(v1_signature)))
		rc = v1_parse(bytes, len, &header, err);
	else if (begins(bytes, len, v2_signature, sizeof(v2_signature)))
		rc = v2_parse(bytes, len, &header, err);
	else
		return err_set(err, "no PROXY header");
	if (rc == 0)
		*header_r = header;
	return rc;
}
