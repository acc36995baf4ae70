/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLSA records of the domain that a stream header claims: RFC 7712 5. They belong to the hosts that the DNS
 * names for the domain; a certificate that one of them lists is good, whoever made it out. One that none of
 * them lists is judged as if there were none: a server may call with another certificate than it answers with.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "net/dns.h"
#include "stanzad/log.h"
#include "stream/s2s_in_private.h"

#define TARGETS_MAX 4     /* hosts that are looked at */
#define QUESTION_MS 5000u /* for each question, asked once */

struct s2s_in_dane {
	struct s2s_in *in;
	struct dns_options options;
	struct dns_service_query *asking_service;
	struct dns_host_query *asking_host;
	struct dns_service *service;
	unsigned next;
};

void s2s_in_dane_cancel(struct s2s_in *in)
{
	struct s2s_in_dane *dane = in->dane;
	in->dane = NULL;
	if (!dane)
		return;
	if (dane->asking_service)
		dns_service_cancel(&dane->asking_service);
	if (dane->asking_host)
		dns_host_cancel(&dane->asking_host);
	dns_service_free(&dane->service);
	free(dane);
}

static void finish(struct s2s_in_dane *dane, bool vouched)
{
	struct s2s_in *in = dane->in;
	s2s_in_dane_cancel(in);
	if (vouched)
		in->certificate = S2S_CERTIFICATE_DANE;
	if (peer_resume(&in->peer))
		s2s_in_header_judged(in);
}

static bool vouches(const struct s2s_in *in, const struct dns_target *target, const struct dns_host *host)
{
	struct s2s_vouching vouching = {
	    .tlsa = host->tlsa, .tlsa_count = host->tlsa_count, .host = str_of(target->host)};
	struct err ignored;
	return s2s_certificate_check(in->peer.conn, in->remote, &vouching, &ignored) == S2S_CERTIFICATE_DANE;
}

static void try_next(struct s2s_in_dane *dane);

static void on_host(void *arg, struct dns_host *answer)
{
	struct s2s_in_dane *dane = arg;
	const struct dns_target *target = &dane->service->targets[dane->next - 1];
	dane->asking_host = NULL;
	bool vouched = answer->outcome == DNS_FOUND && vouches(dane->in, target, answer);
	dns_host_free(&answer);
	if (vouched)
		finish(dane, true);
	else
		try_next(dane);
}

static void try_next(struct s2s_in_dane *dane)
{
	const struct dns_service *service = dane->service;
	while (dane->next < service->count && dane->next < TARGETS_MAX) {
		const struct dns_target *target = &service->targets[dane->next++];
		if (!target->secure)
			continue;
		dane->asking_host = dns_host(target, &dane->options, on_host, dane);
		return;
	}
	finish(dane, false);
}

static void on_service(void *arg, struct dns_service *answer)
{
	struct s2s_in_dane *dane = arg;
	dane->asking_service = NULL;
	dane->service = answer;
	if (answer->outcome == DNS_FOUND)
		try_next(dane);
	else
		finish(dane, false);
}

void s2s_in_dane_start(struct s2s_in *in)
{
	struct s2s_in_dane *dane = mem_zalloc(sizeof(*dane));
	dane->in = in;
	dns_options_read(conf_current(), in->local, &dane->options);
	dane->options.tries = 1;
	if (!dane->options.timeout_ms || dane->options.timeout_ms > QUESTION_MS)
		dane->options.timeout_ms = QUESTION_MS;
	in->dane = dane;
	peer_wait(&in->peer);
	dane->asking_service = dns_service(in->remote, &dane->options, on_service, dane);
}
