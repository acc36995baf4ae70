/* SPDX-License-Identifier: Apache-2.0 */
#include "net/outgoing.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "loop/timer.h"
#include "net/conn.h"
#include "net/dns_internal.h"
#include "net/outgoing_race.h"

enum { OUTGOING_MAGIC = 0x6f757467, TARGET_MIN_MS = 500 };

struct outgoing {
	uint32_t magic;
	const struct outgoing_ops *ops;
	void *owner;
	struct dns_options options;
	struct race_source source;
	uint64_t left_ms; /* for connecting; 0: without end */
	bool endless;
	bool given; /* the owner has a connection */
	struct dns_service_query *asking_service;
	struct dns_service *service;
	unsigned next; /* target to try */
	struct dns_host_query *asking_host;
	struct dns_host *host;
	struct race *race;
	uint64_t race_began_ms;
	struct timer timer; /* the target's time is over; or the next one is due */
	enum outgoing_failure failure;
	char reason[320];
};

static const struct dns_target *target_of(const struct outgoing *outgoing)
{
	return &outgoing->service->targets[outgoing->next - 1];
}

static void step(struct outgoing *outgoing, const char *text)
{
	if (outgoing->ops->step)
		outgoing->ops->step(outgoing->owner, text);
}

static void on_step(void *arg, const char *text)
{
	step(arg, text);
}

void outgoing_close(struct outgoing **outgoing)
{
	struct outgoing *gone = *outgoing;
	*outgoing = NULL;
	if (!gone)
		return;
	assert(gone->magic == OUTGOING_MAGIC);
	dns_service_cancel(&gone->asking_service);
	dns_host_cancel(&gone->asking_host);
	race_cancel(&gone->race);
	timer_stop(&gone->timer);
	dns_service_free(&gone->service);
	dns_host_free(&gone->host);
	gone->magic = 0;
	free(gone);
}

static void fail(struct outgoing *outgoing)
{
	const struct outgoing_ops *ops = outgoing->ops;
	void *owner = outgoing->owner;
	enum outgoing_failure failure = outgoing->failure;
	char reason[sizeof(outgoing->reason)];
	snprintf(reason, sizeof(reason), "%s", outgoing->reason);
	outgoing_close(&outgoing);
	ops->failed(owner, failure, reason);
}

static void note(struct outgoing *outgoing, enum outgoing_failure failure, const char *reason)
{
	outgoing->failure = failure;
	snprintf(outgoing->reason, sizeof(outgoing->reason), "%s", reason);
}

static enum outgoing_failure failure_of(enum dns_outcome outcome)
{
	switch (outcome) {
	case DNS_NOT_FOUND:
	case DNS_LITERAL:
		return OUTGOING_NOT_FOUND;
	case DNS_REFUSED:
		return OUTGOING_REFUSED;
	default:
		return OUTGOING_DNS;
	}
}

static void try_next(struct outgoing *outgoing);

static void spend(struct outgoing *outgoing)
{
	uint64_t spent = clock_mono_ms() - outgoing->race_began_ms;
	timer_stop(&outgoing->timer);
	outgoing->left_ms -= spent < outgoing->left_ms ? spent : outgoing->left_ms;
}

static void on_won(void *arg, int fd, const union dns_address *address)
{
	struct outgoing *outgoing = arg;
	outgoing->race = NULL;
	outgoing->given = true;
	spend(outgoing);
	outgoing->ops->connected(outgoing->owner, conn_new(fd, &address->any), target_of(outgoing));
}

static void on_lost(void *arg, const char *reason)
{
	struct outgoing *outgoing = arg;
	outgoing->race = NULL;
	spend(outgoing);
	note(outgoing, OUTGOING_UNREACHABLE, reason);
	try_next(outgoing);
}

static const struct race_ops race_ops = {on_won, on_lost, on_step};

static void on_target_late(struct timer *timer)
{
	struct outgoing *outgoing = (struct outgoing *)((char *)timer - offsetof(struct outgoing, timer));
	char reason[320];
	race_cancel(&outgoing->race);
	spend(outgoing);
	snprintf(reason, sizeof(reason), "%s port %u: no connection in time", target_of(outgoing)->host,
	    target_of(outgoing)->port);
	note(outgoing, OUTGOING_UNREACHABLE, reason);
	step(outgoing, reason);
	try_next(outgoing);
}

/* What is left is shared by the targets that are left. */
static void begin_race(struct outgoing *outgoing)
{
	unsigned targets = outgoing->service->count - outgoing->next + 1;
	uint64_t share = outgoing->left_ms / targets;
	if (share < TARGET_MIN_MS)
		share = TARGET_MIN_MS;
	outgoing->race_began_ms = clock_mono_ms();
	if (!outgoing->endless)
		timer_start(
		    &outgoing->timer, share < outgoing->left_ms ? share : outgoing->left_ms, on_target_late);
	outgoing->race = race_start(
	    outgoing->host->addresses, outgoing->host->count, &outgoing->source, &race_ops, outgoing);
}

static void on_host(void *arg, struct dns_host *answer)
{
	struct outgoing *outgoing = arg;
	outgoing->asking_host = NULL;
	dns_host_free(&outgoing->host);
	outgoing->host = answer;
	if (answer->outcome == DNS_FOUND) {
		begin_race(outgoing);
		return;
	}
	note(outgoing, failure_of(answer->outcome), answer->reason);
	try_next(outgoing);
}

static void try_next(struct outgoing *outgoing)
{
	char text[400];
	if (outgoing->next == outgoing->service->count || (!outgoing->endless && !outgoing->left_ms)) {
		fail(outgoing);
		return;
	}
	const struct dns_target *target = &outgoing->service->targets[outgoing->next++];
	snprintf(text, sizeof(text), "trying %s port %u%s", target->host, target->port,
	    target->direct_tls ? ", direct TLS" : "");
	step(outgoing, text);
	outgoing->asking_host = dns_host(target, &outgoing->options, on_host, outgoing);
}

static void on_service(void *arg, struct dns_service *answer)
{
	struct outgoing *outgoing = arg;
	outgoing->asking_service = NULL;
	outgoing->service = answer;
	note(outgoing, failure_of(answer->outcome), answer->reason);
	if (answer->outcome == DNS_FOUND) {
		try_next(outgoing);
		return;
	}
	step(outgoing, answer->reason);
	fail(outgoing);
}

static void read_address(
    const struct conf *conf, struct str host, const char *name, union dns_address *address_r)
{
	const struct option_value *value = conf_get(conf, host, name);
	if (value->present)
		dns_literal_read(value->string, 0, address_r);
}

struct outgoing *outgoing_open(
    struct str from, struct str domain, const struct outgoing_ops *ops, void *owner)
{
	struct conf *conf = conf_current();
	struct outgoing *outgoing = mem_zalloc(sizeof(*outgoing));
	int64_t timeout = conf_int(conf, from, "outgoing_s2s_timeout");
	outgoing->magic = OUTGOING_MAGIC;
	outgoing->ops = ops;
	outgoing->owner = owner;
	outgoing->endless = timeout == OPTION_INFINITE;
	outgoing->left_ms = timeout > 0 ? (uint64_t)timeout : 1;
	read_address(conf, from, "outgoing_s2s_ipv4_address", &outgoing->source.from4);
	read_address(conf, from, "outgoing_s2s_ipv6_address", &outgoing->source.from6);
	dns_options_read(conf, from, &outgoing->options);
	outgoing->options.step = on_step;
	outgoing->options.step_arg = outgoing;
	outgoing->asking_service = dns_service(domain, &outgoing->options, on_service, outgoing);
	return outgoing;
}

static void on_next_due(struct timer *timer)
{
	try_next((struct outgoing *)((char *)timer - offsetof(struct outgoing, timer)));
}

void outgoing_next(struct outgoing *outgoing, const char *why)
{
	char reason[320];
	assert(outgoing->magic == OUTGOING_MAGIC && outgoing->given);
	outgoing->given = false;
	snprintf(reason, sizeof(reason), "%s port %u: %.40s", target_of(outgoing)->host,
	    target_of(outgoing)->port, why);
	note(outgoing, OUTGOING_UNREACHABLE, reason);
	step(outgoing, reason);
	timer_start(&outgoing->timer, 0, on_next_due);
}

const struct dns_tlsa *outgoing_tlsa(const struct outgoing *outgoing, unsigned *count_r)
{
	*count_r = outgoing->host ? outgoing->host->tlsa_count : 0;
	return outgoing->host ? outgoing->host->tlsa : NULL;
}
