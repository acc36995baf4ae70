/* SPDX-License-Identifier: Apache-2.0 */
#include "net/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "tap.h"

static struct proxy_header header;
static struct err err;

static int parse(struct str bytes)
{
	memset(&header, 0xee, sizeof(header));
	return proxy_parse(bytes.ptr, bytes.len, &header, &err);
}

static void is_source(const char *address, unsigned port)
{
	char text[INET6_ADDRSTRLEN] = "";
	const struct sockaddr_in *in4 = (struct sockaddr_in *)&header.source;
	const struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&header.source;

	ok(header.named);
	if (header.source.ss_family == AF_INET)
		inet_ntop(AF_INET, &in4->sin_addr, text, sizeof(text));
	else
		inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
	is_cstr(text, address);
	is_int(ntohs(in4->sin_port), port);
}

static void test_v1(void)
{
	is_int(parse(STR("PROXY TCP4 192.0.2.1 198.51.100.2 4711 5222\r\n<stream")), 0);
	is_int(header.length, 45);
	is_source("192.0.2.1", 4711);
	is_int(parse(STR("PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n")), 0);
	is_source("2001:db8::1", 1);
	is_int(parse(STR("PROXY TCP6 ::ffff:192.0.2.9 ::1 0 65535\r\n")), 0);
	is_source("192.0.2.9", 0);
	is_int(parse(STR("PROXY UNKNOWN\r\n")), 0);
	is_int(header.length, 15);
	ok(!header.named);
	is_int(parse(STR("PROXY UNKNOWN anything at all\r\n")), 0);
	ok(!header.named);
}

static void test_v1_malformed(void)
{
	static const char *const wrong[] = {
	    "PROXY TCP4 192.0.2.1 198.51.100.2 4711\r\n",
	    "PROXY TCP4 192.0.2.1 198.51.100.2 4711 5222 \r\n",
	    "PROXY TCP4 192.0.2.1 198.51.100.2 4711 65536\r\n",
	    "PROXY TCP4 192.0.2.1 198.51.100.2 04711 5222\r\n",
	    "PROXY TCP4 192.0.2.1 198.51.100.2 -1 5222\r\n",
	    "PROXY TCP4 192.0.2.256 198.51.100.2 4711 5222\r\n",
	    "PROXY TCP4 2001:db8::1 198.51.100.2 4711 5222\r\n",
	    "PROXY TCP4  192.0.2.1 198.51.100.2 4711 5222\r\n",
	    "PROXY TCP6 192.0.2.1 ::1 4711 5222\r\n",
	    "PROXY UDP4 192.0.2.1 198.51.100.2 4711 5222\r\n",
	    "PROXY TCP4 192.0.2.1 198.51.100.2 4711 5222\n",
	    "PROXY \r\n",
	    "PROXY \n",
	    "PROXY\r\n",
	    "proxy TCP4 192.0.2.1 198.51.100.2 4711 5222\r\n",
	    "<?xml version='1.0'?>",
	    "GET / HTTP/1.1\r\n",
	};
	char endless[PROXY_V1_MAX + 1] = "PROXY UNKNOWN ";

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ok(parse(str_of(wrong[i])) < 0);
	memset(endless + 14, 'x', sizeof(endless) - 14);
	is_int(parse((struct str){endless, PROXY_V1_MAX - 1}), PROXY_MORE);
	ok(parse((struct str){endless, PROXY_V1_MAX}) < 0);
	is_int(parse(STR("PROXY TCP4 1.2.3.4\0 1.2.3.4 1 1\r\n")), -1);
}

#define V2 "\r\n\r\n\0\r\nQUIT\n"

static void test_v2(void)
{
	is_int(parse(STR(V2 "\x21\x11\0\x0c"
			    "\xc0\0\2\1"
			    "\xc6\x33\x64\2"
			    "\x12\x67"
			    "\x14\x66"
			    "<stream")),
	    0);
	is_int(header.length, 28);
	is_source("192.0.2.1", 4711);
	is_int(parse(STR(V2 "\x21\x21\0\x24"
			    "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
			    "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2"
			    "\x12\x67"
			    "\x14\x66")),
	    0);
	is_int(header.length, 52);
	is_source("2001:db8::1", 4711);
	is_int(parse(STR(V2 "\x21\x11\0\x12"
			    "\xc0\0\2\1"
			    "\xc6\x33\x64\2"
			    "\x12\x67"
			    "\x14\x66"
			    "\4\0\3abc")),
	    0);
	is_int(header.length, 34);
	is_source("192.0.2.1", 4711);
	is_int(parse(STR(V2 "\x20\0\0\0")), 0);
	is_int(header.length, 16);
	ok(!header.named);
	is_int(parse(STR(V2 "\x20\x11\0\x0c"
			    "\xc0\0\2\1"
			    "\xc6\x33\x64\2"
			    "\x12\x67"
			    "\x14\x66")),
	    0);
	ok(!header.named);
	is_int(parse(STR(V2 "\x21\0\0\0")), 0);
	ok(!header.named);
}

static void test_v2_malformed(void)
{
	ok(parse(STR(V2 "\x11")) < 0);
	ok(parse(STR(V2 "\x22")) < 0);
	ok(parse(STR(V2 "\x21\x11\0\x0b"
			"\xc0\0\2\1"
			"\xc6\x33\x64\2"
			"\x12\x67"
			"\x14")) < 0);
	ok(parse(STR(V2 "\x21\x21\0\x0c"
			"\xc0\0\2\1"
			"\xc6\x33\x64\2"
			"\x12\x67"
			"\x14\x66")) < 0);
	ok(parse(STR(V2 "\x21\x12\0\x0c"
			"\xc0\0\2\1"
			"\xc6\x33\x64\2"
			"\x12\x67"
			"\x14\x66")) < 0);
	ok(parse(STR(V2 "\x21\x11\xff\xff")) < 0);
	ok(parse(STR("\r\n\r\n\0\r\nQUIx")) < 0);
}

/* A copy without a byte behind it, so that reading too far is caught. */
static char *mem_exact(const char *bytes, size_t len)
{
	char *copy = malloc(len ? len : 1);

	memcpy(copy, bytes, len);
	return copy;
}

/* Every beginning of a header asks for more, and nothing is touched. */
static void beginnings(struct str whole)
{
	bool right = true;

	for (size_t len = 0; len < whole.len; len++) {
		char *exact = mem_exact(whole.ptr, len);
		right &= parse((struct str){exact, len}) == PROXY_MORE &&
			 header.length == (size_t)0xeeeeeeeeeeeeeeee;
		free(exact);
	}
	ok(right);
	is_int(parse(whole), 0);
}

static void test_beginnings(void)
{
	beginnings(STR("PROXY TCP4 192.0.2.1 198.51.100.2 4711 5222\r\n"));
	beginnings(STR(V2 "\x21\x11\0\x12"
			  "\xc0\0\2\1"
			  "\xc6\x33\x64\2"
			  "\x12\x67"
			  "\x14\x66"
			  "\4\0\3abc"));
}

int main(void)
{
	run(test_v1);
	run(test_v1_malformed);
	run(test_v2);
	run(test_v2_malformed);
	run(test_beginnings);
	return tap_done();
}
