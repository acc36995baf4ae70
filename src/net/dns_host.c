/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unbound.h>

#include "base/mem.h"
#include "net/dns_internal.h"

enum {
	FAMILIES = 2,
	PER_FAMILY = DNS_ADDRESSES_MAX / FAMILIES,
	OTHER_FAMILY_MS = 500, /* how long one family's addresses wait for the other's (RFC 8305 3) */
};

struct family {
	struct dns_question question;
	bool asked, answered;
	enum dns_outcome outcome;
	bool secure;
	unsigned count;
	union dns_address addresses[PER_FAMILY];
};

struct dns_host_query {
	struct dns_options options;
	struct dns_target target;
	void (*done)(void *arg, struct dns_host *answer);
	void *arg;
	struct family families[FAMILIES];
	struct timer timer;            /* the other family is late; or the outcome is known without asking */
	char canonical[DNS_NAME_SIZE]; /* where CNAMEs led to; empty: nowhere */
	struct dns_question tlsa;
	struct dns_host *answer;
};

static void query_free(struct dns_host_query **query)
{
	struct dns_host_query *gone = *query;
	*query = NULL;
	for (int i = 0; i < FAMILIES; i++)
		question_cancel(&gone->families[i].question);
	question_cancel(&gone->tlsa);
	timer_stop(&gone->timer);
	dns_host_free(&gone->answer);
	free(gone);
}

static void finish(struct dns_host_query *query)
{
	void (*done)(void *arg, struct dns_host *answer) = query->done;
	void *arg = query->arg;
	struct dns_host *answer = query->answer;
	query->answer = NULL;
	query_free(&query);
	done(arg, answer);
}

static void fail(struct dns_host_query *query, const char *name, enum dns_outcome outcome)
{
	query->answer->outcome = outcome;
	query->answer->count = 0;
	snprintf(query->answer->reason, sizeof(query->answer->reason), "%.120s: %s", name,
	    outcome == DNS_NOT_FOUND ? "no address" : dns_outcome_text(outcome));
	finish(query);
}

/* --- TLSA: RFC 7671 7, RFC 7673 ------------------------------------------------------------------------- */

static void take_tlsa(struct dns_host *answer, const struct ub_result *result)
{
	for (int i = 0; result->data[i] && answer->tlsa_count < DNS_TLSA_MAX; i++)
		if (dns_tlsa_read((unsigned char *)result->data[i], (size_t)result->len[i],
			&answer->tlsa[answer->tlsa_count]))
			answer->tlsa_count++;
}

static void ask_tlsa(struct dns_host_query *query, const char *base);

static void on_tlsa(struct dns_question *question, enum dns_outcome outcome, const struct ub_result *result)
{
	struct dns_host_query *query =
	    (struct dns_host_query *)((char *)question - offsetof(struct dns_host_query, tlsa));
	if (outcome == DNS_FOUND && result->secure)
		take_tlsa(query->answer, result);
	if (outcome == DNS_NOT_FOUND && query->canonical[0]) {
		query->canonical[0] = 0;
		ask_tlsa(query, query->target.host);
	} else if (outcome != DNS_FOUND && outcome != DNS_NOT_FOUND) {
		fail(query, question->name, outcome);
	} else {
		finish(query);
	}
}

static void ask_tlsa(struct dns_host_query *query, const char *base)
{
	snprintf(query->tlsa.name, sizeof(query->tlsa.name), "_%u._tcp.%s", query->target.port, base);
	query->tlsa.type = DNS_TLSA;
	query->tlsa.options = &query->options;
	query->tlsa.answered = on_tlsa;
	question_ask(&query->tlsa);
}

/* --- addresses ------------------------------------------------------------------------------------------ */

static void interleave(struct dns_host_query *query)
{
	struct dns_host *answer = query->answer;
	answer->secure = true;
	for (unsigned i = 0; i < PER_FAMILY; i++)
		for (unsigned f = 0; f < FAMILIES; f++)
			if (i < query->families[f].count) {
				answer->addresses[answer->count++] = query->families[f].addresses[i];
				answer->secure &= query->families[f].secure;
			}
}

static enum dns_outcome worst(const struct dns_host_query *query)
{
	enum dns_outcome outcome = DNS_NOT_FOUND;
	for (int f = 0; f < FAMILIES; f++) {
		const struct family *family = &query->families[f];
		if (!family->answered || family->outcome == DNS_FOUND)
			continue;
		if (family->outcome == DNS_BOGUS || outcome == DNS_NOT_FOUND)
			outcome = family->outcome;
	}
	return outcome;
}

static void addresses_done(struct dns_host_query *query)
{
	interleave(query);
	if (query->answer->count == 0)
		fail(query, query->target.host, worst(query));
	else if (query->target.secure && query->answer->secure)
		ask_tlsa(query, query->canonical[0] ? query->canonical : query->target.host);
	else
		finish(query);
}

static void on_other_late(struct timer *timer)
{
	struct dns_host_query *query =
	    (struct dns_host_query *)((char *)timer - offsetof(struct dns_host_query, timer));
	for (int f = 0; f < FAMILIES; f++)
		question_cancel(&query->families[f].question);
	addresses_done(query);
}

static void take_addresses(
    struct dns_host_query *query, struct family *family, const struct ub_result *result)
{
	family->secure = result->secure;
	for (int i = 0; result->data[i] && family->count < PER_FAMILY; i++)
		if (dns_address_read(family->question.type, (unsigned char *)result->data[i],
			(size_t)result->len[i], query->target.port, &family->addresses[family->count]))
			family->count++;
	if (family->count == 0)
		family->outcome = DNS_NOT_FOUND;
	if (!result->canonname)
		return;
	size_t len = strlen(result->canonname);
	if (len && result->canonname[len - 1] == '.')
		len--;
	if (len < DNS_NAME_SIZE && !str_ieq((struct str){result->canonname, len}, str_of(query->target.host)))
		snprintf(query->canonical, sizeof(query->canonical), "%.*s", (int)len, result->canonname);
}

static void on_address(
    struct dns_question *question, enum dns_outcome outcome, const struct ub_result *result)
{
	struct family *family = (struct family *)((char *)question - offsetof(struct family, question));
	struct dns_host_query *query = (struct dns_host_query *)question->options; /* its first field */
	struct family *other = &query->families[family == query->families];
	family->answered = true;
	family->outcome = outcome;
	if (outcome == DNS_FOUND)
		take_addresses(query, family, result);
	if (!other->asked || other->answered) {
		timer_stop(&query->timer);
		addresses_done(query);
	} else if (family->count) {
		timer_start(&query->timer, OTHER_FAMILY_MS, on_other_late);
	}
}

static void ask_address(struct dns_host_query *query, unsigned index)
{
	struct dns_question *question = &query->families[index].question;
	if (query->options.families[index] == AF_UNSPEC)
		return;
	snprintf(question->name, sizeof(question->name), "%s", query->target.host);
	question->type = query->options.families[index] == AF_INET6 ? DNS_AAAA : DNS_A;
	question->options = &query->options;
	question->answered = on_address;
	query->families[index].asked = true;
}

static void on_later(struct timer *timer)
{
	struct dns_host_query *query =
	    (struct dns_host_query *)((char *)timer - offsetof(struct dns_host_query, timer));
	if (query->answer->count)
		finish(query);
	else
		fail(query, query->target.host, DNS_NOT_FOUND);
}

struct dns_host_query *dns_host(const struct dns_target *target, const struct dns_options *options,
    void (*done)(void *arg, struct dns_host *answer), void *arg)
{
	_Static_assert(offsetof(struct dns_host_query, options) == 0, "on_address counts on it");
	struct dns_host_query *query = mem_zalloc(sizeof(*query));
	query->options = *options;
	query->target = *target;
	query->done = done;
	query->arg = arg;
	query->answer = mem_zalloc(sizeof(*query->answer));
	if (dns_literal_read(str_of(target->host), target->port, &query->answer->addresses[0])) {
		query->answer->count = 1;
		timer_start(&query->timer, 0, on_later);
		return query;
	}
	for (unsigned f = 0; f < FAMILIES; f++)
		ask_address(query, f);
	/* Both are marked as asked before the first one can be answered. */
	for (unsigned f = 0; f < FAMILIES; f++)
		if (query->families[f].asked)
			question_ask(&query->families[f].question);
	if (!query->families[0].asked && !query->families[1].asked)
		timer_start(&query->timer, 0, on_later);
	return query;
}

void dns_host_cancel(struct dns_host_query **query)
{
	if (*query)
		query_free(query);
}

void dns_host_free(struct dns_host **answer)
{
	struct dns_host *gone = *answer;
	*answer = NULL;
	if (!gone)
		return;
	for (unsigned i = 0; i < gone->tlsa_count; i++)
		free(gone->tlsa[i].bytes);
	free(gone);
}
