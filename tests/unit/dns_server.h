/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A DNS server on loopback that answers from a table, on a thread of its own. A name that is not in the table
 * does not exist; a type that its rows lack has no records.
 */
#pragma once

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/dns_internal.h"

enum { DNS_ROWS_MAX = 64, DNS_CNAME = 5, DNS_SERVFAIL = 1000, DNS_SILENT = 1001 };

/* SRV: "PRIORITY WEIGHT PORT HOST"; A, AAAA: an address; CNAME: a host; SERVFAIL and SILENT go for all types.
 */
struct dns_row {
	const char *name;
	int type;
	const char *text;
};

static struct {
	struct dns_row rows[DNS_ROWS_MAX];
	unsigned count;
	int fd;
	unsigned port;
	pthread_t thread;
	pthread_mutex_t lock;
	char asked[8192]; /* "name type\n" of each question */
} dns_server = {.lock = PTHREAD_MUTEX_INITIALIZER};

static inline size_t dns_put_name(unsigned char *out, const char *name)
{
	size_t used = 0;

	while (*name && strcmp(name, ".") != 0) {
		const char *end = strchrnul(name, '.');
		out[used++] = (unsigned char)(end - name);
		memcpy(out + used, name, (size_t)(end - name));
		used += (size_t)(end - name);
		name = *end ? end + 1 : end;
	}
	out[used++] = 0;
	return used;
}

static inline size_t dns_put_data(unsigned char *out, const struct dns_row *row)
{
	unsigned priority, weight, port;
	char host[256];

	if (row->type == DNS_A && inet_pton(AF_INET, row->text, out) == 1)
		return 4;
	if (row->type == DNS_AAAA && inet_pton(AF_INET6, row->text, out) == 1)
		return 16;
	if (row->type == DNS_CNAME)
		return dns_put_name(out, row->text);
	if (sscanf(row->text, "%u %u %u %255s", &priority, &weight, &port, host) != 4)
		abort();
	uint16_t numbers[] = {htons((uint16_t)priority), htons((uint16_t)weight), htons((uint16_t)port)};
	memcpy(out, numbers, 6);
	return 6 + dns_put_name(out + 6, host);
}

/* The question's name in lower case; returns where it ends. */
static inline size_t dns_get_name(const unsigned char *packet, size_t at, char out[256])
{
	size_t used = 0;

	while (packet[at]) {
		size_t label = packet[at++];
		if (used)
			out[used++] = '.';
		for (; label; label--, at++)
			out[used++] =
			    (char)(packet[at] >= 'A' && packet[at] <= 'Z' ? packet[at] | 0x20 : packet[at]);
	}
	out[used] = 0;
	return at + 1;
}

struct dns_reply {
	unsigned char bytes[4096];
	size_t len;
	unsigned answers, code;
	bool silent;
};

static inline void dns_reply_add(struct dns_reply *reply, const char *name, const struct dns_row *row)
{
	unsigned char *out = reply->bytes + reply->len;
	size_t at = dns_put_name(out, name);
	const uint16_t head[] = {htons((uint16_t)row->type), htons(1), 0, htons(60)};

	memcpy(out + at, head, 8);
	size_t len = dns_put_data(out + at + 10, row);
	out[at + 8] = (unsigned char)(len >> 8);
	out[at + 9] = (unsigned char)len;
	reply->len += at + 10 + len;
	reply->answers++;
}

static inline void dns_reply_fill(struct dns_reply *reply, const char *name, int type)
{
	bool known = false;

	for (unsigned i = 0; i < dns_server.count; i++) {
		const struct dns_row *row = &dns_server.rows[i];
		if (strcmp(row->name, name) != 0)
			continue;
		known = true;
		reply->silent |= row->type == DNS_SILENT || row->type == DNS_SILENT + type;
		if (row->type == DNS_SERVFAIL)
			reply->code = 2;
		if (row->type == type || row->type == DNS_CNAME)
			dns_reply_add(reply, name, row);
		if (row->type == DNS_CNAME)
			dns_reply_fill(reply, row->text, type);
	}
	if (!known)
		reply->code = 3;
}

static inline void *dns_server_run(void *arg)
{
	for (;;) {
		struct sockaddr_in from;
		socklen_t from_len = sizeof(from);
		struct dns_reply reply = {.len = 0};
		char name[256];
		ssize_t len =
		    recvfrom(dns_server.fd, reply.bytes, 512, 0, (struct sockaddr *)&from, &from_len);

		if (len == 1)
			return NULL;
		if (len < 17)
			continue;
		reply.len = dns_get_name(reply.bytes, 12, name) + 4;
		int type = reply.bytes[reply.len - 4] << 8 | reply.bytes[reply.len - 3];
		pthread_mutex_lock(&dns_server.lock);
		size_t used = strlen(dns_server.asked);
		snprintf(dns_server.asked + used, sizeof(dns_server.asked) - used, "%s %d\n", name, type);
		dns_reply_fill(&reply, name, type);
		pthread_mutex_unlock(&dns_server.lock);
		reply.bytes[2] = 0x81;
		reply.bytes[3] = (unsigned char)(0x80 | reply.code);
		memcpy(reply.bytes + 6, (uint16_t[]){htons((uint16_t)reply.answers), 0, 0}, 6);
		if (!reply.silent)
			sendto(dns_server.fd, reply.bytes, reply.len, 0, (struct sockaddr *)&from, from_len);
	}
}

static inline void dns_server_start(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);

	dns_server.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (bind(dns_server.fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		abort();
	getsockname(dns_server.fd, (struct sockaddr *)&address, &len);
	dns_server.port = ntohs(address.sin_port);
	if (pthread_create(&dns_server.thread, NULL, dns_server_run, NULL) != 0)
		abort();
}

static inline void dns_server_stop(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	    .sin_port = htons((uint16_t)dns_server.port)};

	sendto(dns_server.fd, "", 1, 0, (struct sockaddr *)&address, sizeof(address));
	pthread_join(dns_server.thread, NULL);
	close(dns_server.fd);
}

static inline void dns_row(const char *name, int type, const char *text)
{
	pthread_mutex_lock(&dns_server.lock);
	if (dns_server.count == DNS_ROWS_MAX)
		abort();
	dns_server.rows[dns_server.count++] = (struct dns_row){name, type, text};
	pthread_mutex_unlock(&dns_server.lock);
}

/* How often that was asked ("name type\n"). */
static inline unsigned dns_asked(const char *line)
{
	unsigned count = 0;

	pthread_mutex_lock(&dns_server.lock);
	for (const char *at = dns_server.asked; (at = strstr(at, line)); at++)
		if (at == dns_server.asked || at[-1] == '\n')
			count++;
	pthread_mutex_unlock(&dns_server.lock);
	return count;
}
