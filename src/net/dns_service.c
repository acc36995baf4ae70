/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unbound.h>

#include "base/mem.h"
#include "base/rand.h"
#include "net/dns_internal.h"
#include "net/tls_names.h"

enum { RECORDS_MAX = 64 }; /* of both sets; those behind are not looked at */

/* The two SRV sets: XEP-0368. */
enum { PLAIN, DIRECT, SETS };

struct dns_service_query {
	struct dns_options options;
	void (*done)(void *arg, struct dns_service *answer);
	void *arg;
	char domain[DNS_NAME_SIZE];
	struct dns_question questions[SETS];
	enum dns_outcome outcomes[SETS];
	bool none[SETS]; /* its target is ".": RFC 2782 */
	unsigned waiting;
	unsigned count;
	struct dns_target records[RECORDS_MAX];
	struct timer timer; /* the outcome is known without asking */
	struct dns_service *answer;
};

static uint64_t chance(uint64_t n)
{
	return n == UINT64_MAX ? rand_u64() : rand_u64() % (n + 1);
}

static void query_free(struct dns_service_query **query)
{
	struct dns_service_query *gone = *query;
	*query = NULL;
	for (int i = 0; i < SETS; i++)
		question_cancel(&gone->questions[i]);
	timer_stop(&gone->timer);
	dns_service_free(&gone->answer);
	free(gone);
}

static void finish(struct dns_service_query *query)
{
	void (*done)(void *arg, struct dns_service *answer) = query->done;
	void *arg = query->arg;
	struct dns_service *answer = query->answer;
	query->answer = NULL;
	query_free(&query);
	done(arg, answer);
}

static void on_later(struct timer *timer)
{
	finish((struct dns_service_query *)((char *)timer - offsetof(struct dns_service_query, timer)));
}

static void fail(struct dns_service_query *query, enum dns_outcome outcome)
{
	query->answer->outcome = outcome;
	snprintf(query->answer->reason, sizeof(query->answer->reason), "%.160s: %s", query->domain,
	    dns_outcome_text(outcome));
}

/* The domain itself. Whoever vouches for its addresses vouches for it: it was not chosen by an SRV record. */
static void fall_back(struct dns_service_query *query)
{
	struct dns_target *target = &query->answer->targets[0];
	query->answer->count = 1;
	snprintf(target->host, sizeof(target->host), "%s", query->domain);
	target->port = query->options.port;
	target->secure = true;
}

/*
 * RFC 6120 3.2.1: no fallback when there are records, nor when they were tampered with; but when the question
 * went unanswered. "." in the set for direct TLS says only that there is none.
 */
static void conclude(struct dns_service_query *query)
{
	if (query->count) {
		dns_targets_order(query->records, query->count, chance);
		unsigned used = query->count < DNS_TARGETS_MAX ? query->count : DNS_TARGETS_MAX;
		query->answer->count = used;
		memcpy(query->answer->targets, query->records, used * sizeof(query->records[0]));
	} else if (query->outcomes[PLAIN] == DNS_BOGUS || query->outcomes[DIRECT] == DNS_BOGUS) {
		fail(query, DNS_BOGUS);
	} else if (query->none[PLAIN]) {
		fail(query, DNS_REFUSED);
	} else {
		fall_back(query);
	}
}

static void take_records(struct dns_service_query *query, int set, const struct ub_result *result)
{
	for (int i = 0; result->data[i] && query->count < RECORDS_MAX; i++) {
		struct dns_target target;
		if (!dns_srv_read((unsigned char *)result->data[i], (size_t)result->len[i], &target))
			continue;
		if (!target.host[0]) {
			query->none[set] = true;
			continue;
		}
		target.direct_tls = set == DIRECT;
		target.secure = result->secure;
		query->records[query->count++] = target;
	}
}

static void on_answered(
    struct dns_question *question, enum dns_outcome outcome, const struct ub_result *result, int set)
{
	struct dns_service_query *query =
	    (struct dns_service_query *)((char *)(question - set) -
					 offsetof(struct dns_service_query, questions));
	query->outcomes[set] = outcome;
	if (outcome == DNS_FOUND)
		take_records(query, set, result);
	if (--query->waiting)
		return;
	conclude(query);
	finish(query);
}

static void on_plain(struct dns_question *question, enum dns_outcome outcome, const struct ub_result *result)
{
	on_answered(question, outcome, result, PLAIN);
}

static void on_direct(struct dns_question *question, enum dns_outcome outcome, const struct ub_result *result)
{
	on_answered(question, outcome, result, DIRECT);
}

static void ask(struct dns_service_query *query, int set)
{
	struct dns_question *question = &query->questions[set];
	snprintf(question->name, sizeof(question->name), "%s._tcp.%s",
	    set == DIRECT ? "_xmpps-server" : "_xmpp-server", query->domain);
	question->type = DNS_SRV;
	question->options = &query->options;
	question->answered = set == DIRECT ? on_direct : on_plain;
	query->waiting++;
	question_ask(question);
}

/* An address needs nobody to ask. */
static bool is_literal(struct dns_service_query *query, struct str domain)
{
	union dns_address address;
	if (!dns_literal_read(domain, query->options.port, &address))
		return false;
	snprintf(query->domain, sizeof(query->domain), "%.*s", STR_FMT(domain));
	if (query->options.allow_literal)
		fall_back(query);
	else
		fail(query, DNS_LITERAL);
	return true;
}

struct dns_service_query *dns_service(struct str domain, const struct dns_options *options,
    void (*done)(void *arg, struct dns_service *answer), void *arg)
{
	struct dns_service_query *query = mem_zalloc(sizeof(*query));
	query->options = *options;
	query->done = done;
	query->arg = arg;
	query->answer = mem_zalloc(sizeof(*query->answer));
	if (is_literal(query, domain)) {
		timer_start(&query->timer, 0, on_later);
	} else if (!tls_name_normal(domain, query->domain)) {
		snprintf(query->domain, sizeof(query->domain), "%.*s", STR_FMT(domain));
		fail(query, DNS_NOT_FOUND);
		timer_start(&query->timer, 0, on_later);
	} else {
		ask(query, PLAIN);
		ask(query, DIRECT);
	}
	return query;
}

void dns_service_cancel(struct dns_service_query **query)
{
	if (*query)
		query_free(query);
}

void dns_service_free(struct dns_service **answer)
{
	free(*answer);
	*answer = NULL;
}
