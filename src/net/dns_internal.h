/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the DNS files share.  dns_resolver.c  libunbound's context           dns_question.c  one question,
 * with its timeout and tries dns_records.c   records from bytes, their order        dns_service.c,
 * dns_host.c, dns.c  what dns.h promises
 */
#pragma once

#include "loop/timer.h"
#include "net/dns.h"

struct ub_result;
struct ask;

enum { DNS_A = 1, DNS_AAAA = 28, DNS_SRV = 33, DNS_TLSA = 52 };

/* --- dns_resolver.c ------------------------------------------------------------------------------------- */

struct resolver;
/* The one in force, made when there is none; NULL with a reason. Any worker; give it back. */
struct resolver *resolver_get(struct err *err);
void resolver_unref(struct resolver **resolver);
/* received(arg) is called on the calling worker with ask->result; see dns_question.c. */
int resolver_ask(
    struct resolver *resolver, const char *name, int type, struct ask *ask, int *id_r, struct err *err);
/* Whether the answer will not come any more. */
bool resolver_cancel(struct resolver *resolver, int id);
/* dns_question.c; on worker 0: the result of an ask is there. */
void ask_answered(void *arg, int error, struct ub_result *result);

/* --- dns_question.c ------------------------------------------------------------------------------------- */

/* One question; lies in its owner's query. */
struct dns_question {
	char name[DNS_NAME_SIZE + 32];
	int type;
	const struct dns_options *options;
	/*
	 * On the asking worker, from the loop, once. result is NULL without an answer; it lives for the
	 * call.
	 */
	void (*answered)(struct dns_question *, enum dns_outcome, const struct ub_result *result);
	unsigned tries;
	struct ask *ask;
	struct timer timer;
};

/* Everything but tries, ask and timer is set, and remains until answered or question_cancel. */
void question_ask(struct dns_question *question);
/* Harmless when it is not being asked. */
void question_cancel(struct dns_question *question);
/* "NAME TYPE: what came" to options->step. */
void question_report(
    const struct dns_question *question, enum dns_outcome outcome, const struct ub_result *result);

/* --- dns_records.c -------------------------------------------------------------------------------------- */

/*
 * An uncompressed wire name, as text without the final dot ("" for the root). Only what host names are made
 * of: false for anything else.
 */
bool dns_name_read(const unsigned char *bytes, size_t len, char out[DNS_NAME_SIZE]);
/* false when it is malformed. A target "." has an empty host. */
bool dns_srv_read(const unsigned char *bytes, size_t len, struct dns_target *target_r);
/* Takes a copy of the data. */
bool dns_tlsa_read(const unsigned char *bytes, size_t len, struct dns_tlsa *tlsa_r);
bool dns_address_read(
    int type, const unsigned char *bytes, size_t len, uint16_t port, union dns_address *address_r);
/*
 * RFC 2782: by priority; among equals by chance, as often first as weight says. chance(n) returns 0 to n.
 */
void dns_targets_order(struct dns_target *targets, unsigned count, uint64_t (*chance)(uint64_t n));
/* "192.0.2.1" or "[2001:db8::1]" (also without brackets). */
bool dns_literal_read(struct str text, uint16_t port, union dns_address *address_r);
/* "192.0.2.1 port 5269" into out; returns out. */
const char *dns_address_text(const union dns_address *address, char out[80]);
