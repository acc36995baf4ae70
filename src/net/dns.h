/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking the DNS where a domain's XMPP server is, without waiting: RFC 6120 3.2, XEP-0368, RFC 2782, RFC
 * 7673. Two steps: dns_service says which hosts and ports, in the order in which they are to be tried;
 * dns_host says the addresses of one of them and, where DNSSEC vouches for the way there, its TLSA records.
 * libunbound resolves, validates and caches on a thread of its own (docs/adr/0010). Queries belong to the
 * worker that asks; done is called there, exactly once, never from inside the call that asks, and not any
 * more once dns_*_cancel has been called. The owner forgets the query in done: it is freed after it.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "stanzad/err.h"
#include "stanzad/str.h"

struct conf;

enum {
	DNS_NAME_SIZE = 256,    /* a name in text, without the final dot, and NUL */
	DNS_TARGETS_MAX = 10,   /* SRV records that are used; those behind are left out */
	DNS_ADDRESSES_MAX = 16, /* half of them of each family */
	DNS_TLSA_MAX = 8,       /* TLSA records that are used */
};

/* What a lookup ended with. The reason in words comes along. */
enum dns_outcome {
	DNS_FOUND,
	DNS_NOT_FOUND, /* no such domain, or it has neither SRV records nor addresses */
	DNS_REFUSED,   /* it says that it has no XMPP server: the SRV record's target is "." */
	DNS_LITERAL,   /* an address in place of a domain, which options forbid */
	DNS_BOGUS,     /* signed, and the signature is wrong: somebody tampers, or the zone is broken */
	DNS_TIMEOUT,   /* no answer in time */
	DNS_FAILED,    /* the DNS servers say that they cannot answer */
};

struct dns_options {
	uint16_t port;           /* of a domain without SRV records */
	sa_family_t families[2]; /* AF_INET6, AF_INET in the order of preference; AF_UNSPEC: not used */
	uint64_t timeout_ms;     /* for one question once; 0: as long as libunbound tries */
	unsigned tries;          /* how often a question is asked, 1 at least */
	bool allow_literal;      /* 192.0.2.1 and [2001:db8::1] may stand in place of a domain */
	/* May be NULL: one line for each question that was answered. May not call anything of this file. */
	void (*step)(void *arg, const char *text);
	void *step_arg;
};

/* outgoing_s2s_port, outgoing_s2s_families, s2s_dns_timeout, s2s_dns_retries, s2s_allow_literal_addresses as
 * they are for a local host. */
void dns_options_read(const struct conf *conf, struct str host, struct dns_options *options_r);

/* One host and port to try. */
struct dns_target {
	char host[DNS_NAME_SIZE]; /* lower-case A-labels, or an address */
	uint16_t port;
	uint16_t priority, weight; /* 0 without SRV */
	bool direct_tls;           /* TLS from the first byte (XEP-0368), else STARTTLS */
	bool secure; /* nobody but the domain can have named it: by DNSSEC, or it is the domain */
};

struct dns_service {
	enum dns_outcome outcome;
	char reason[256]; /* empty when found */
	unsigned count;
	struct dns_target targets[DNS_TARGETS_MAX]; /* to be tried in this order */
};

union dns_address {
	struct sockaddr any;
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;
};

/* RFC 6698 2.1 */
struct dns_tlsa {
	uint8_t usage, selector, matching;
	uint16_t len;
	unsigned char *bytes;
};

struct dns_host {
	enum dns_outcome outcome;
	char reason[256];
	unsigned count;
	union dns_address addresses[DNS_ADDRESSES_MAX]; /* with the port; families take turns (RFC 8305 4) */
	bool secure;                                    /* DNSSEC vouches for all of them */
	unsigned tlsa_count; /* 0 also when there are any, but nothing vouches for them */
	struct dns_tlsa tlsa[DNS_TLSA_MAX];
};

struct dns_service_query;
struct dns_host_query;

/*
 * Both SRV sets of domain (a prepared JID domain: U-labels or A-labels, or an address), merged: by priority,
 * within one by weighted chance. Without any the domain itself on options->port. done takes the answer over.
 */
struct dns_service_query *dns_service(struct str domain, const struct dns_options *options,
    void (*done)(void *arg, struct dns_service *answer), void *arg);
void dns_service_cancel(struct dns_service_query **query);
void dns_service_free(struct dns_service **answer);

/*
 * The addresses of a target, and its TLSA records when target and addresses are secure. When those exist, but
 * cannot be had, the host must not be used (RFC 7672 2.1): the outcome says so. done takes the answer over.
 */
struct dns_host_query *dns_host(const struct dns_target *target, const struct dns_options *options,
    void (*done)(void *arg, struct dns_host *answer), void *arg);
void dns_host_cancel(struct dns_host_query **query);
void dns_host_free(struct dns_host **answer);

/* "connection refused by policy" and the like: a few words for a person. */
const char *dns_outcome_text(enum dns_outcome outcome);

/*
 * Takes s2s_dns_servers, s2s_dns_hosts_file, s2s_dnssec, s2s_dns_trust_anchor over; questions from now on
 * are asked as they say. What was cached under other ones is forgotten. < 0 and nothing changed on failure.
 * Worker 0. libunbound starts with the first question.
 */
int dns_apply(const struct conf *conf, struct err *err);
/* After workers_run and before workers_fini. Every query has been cancelled or answered. */
void dns_fini(void);
