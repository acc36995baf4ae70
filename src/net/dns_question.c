/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <unbound.h>

#include "base/mem.h"
#include "loop/worker.h"
#include "net/dns_internal.h"

/*
 * What libunbound knows of a question. The answer comes by way of worker 0; an owner who has lost interest
 * takes the question away from it, and it goes when the answer has come, or at once when none will.
 */
struct ask {
	struct mail mail;
	struct worker *home;
	struct resolver *resolver;
	struct dns_question *question;
	struct ub_result *result;
	int id;
};

static void ask_free(struct ask *ask)
{
	ub_resolve_free(ask->result);
	resolver_unref(&ask->resolver);
	free(ask);
}

static enum dns_outcome outcome_of(const struct ub_result *result)
{
	if (!result)
		return DNS_FAILED;
	if (result->bogus)
		return DNS_BOGUS;
	if (result->nxdomain)
		return DNS_NOT_FOUND;
	if (result->rcode != 0)
		return DNS_FAILED;
	return result->havedata ? DNS_FOUND : DNS_NOT_FOUND;
}

static void on_answer(struct mail *mail)
{
	struct ask *ask = (struct ask *)mail;
	struct dns_question *question = ask->question;
	if (question) {
		enum dns_outcome outcome = outcome_of(ask->result);
		question->ask = NULL;
		timer_stop(&question->timer);
		question_report(question, outcome, ask->result);
		question->answered(question, outcome, ask->result);
	}
	ask_free(ask);
}

void ask_answered(void *arg, int error, struct ub_result *result)
{
	struct ask *ask = arg;
	ask->result = error ? NULL : result;
	worker_post(ask->home, &ask->mail);
}

static void ask_cancel(struct ask **ask)
{
	struct ask *gone = *ask;
	*ask = NULL;
	if (!gone)
		return;
	gone->question = NULL;
	if (resolver_cancel(gone->resolver, gone->id))
		ask_free(gone);
}

static void on_failed_to_ask(struct timer *timer)
{
	struct dns_question *question =
	    (struct dns_question *)((char *)timer - offsetof(struct dns_question, timer));
	question_report(question, DNS_FAILED, NULL);
	question->answered(question, DNS_FAILED, NULL);
}

static void on_timeout(struct timer *timer);

static void ask_once(struct dns_question *question)
{
	struct err err;
	struct ask *ask = mem_zalloc(sizeof(*ask));
	ask->mail.receive = on_answer;
	ask->home = worker_self();
	ask->question = question;
	ask->resolver = resolver_get(&err);
	if (!ask->resolver ||
	    resolver_ask(ask->resolver, question->name, question->type, ask, &ask->id, &err) < 0) {
		if (question->options->step)
			question->options->step(question->options->step_arg, err.text);
		ask_free(ask);
		timer_start(&question->timer, 0, on_failed_to_ask);
		return;
	}
	question->ask = ask;
	if (question->options->timeout_ms)
		timer_start(&question->timer, question->options->timeout_ms, on_timeout);
}

static void on_timeout(struct timer *timer)
{
	struct dns_question *question =
	    (struct dns_question *)((char *)timer - offsetof(struct dns_question, timer));
	ask_cancel(&question->ask);
	question_report(question, DNS_TIMEOUT, NULL);
	if (++question->tries < question->options->tries)
		ask_once(question);
	else
		question->answered(question, DNS_TIMEOUT, NULL);
}

void question_ask(struct dns_question *question)
{
	question->tries = 0;
	ask_once(question);
}

void question_cancel(struct dns_question *question)
{
	timer_stop(&question->timer);
	ask_cancel(&question->ask);
}

static const char *type_text(int type)
{
	return type == DNS_A ? "A" : type == DNS_AAAA ? "AAAA" : type == DNS_SRV ? "SRV" : "TLSA";
}

static void print_data(struct strbuf *text, int type, const unsigned char *bytes, size_t len)
{
	char address[INET6_ADDRSTRLEN] = "?";
	struct dns_target target;
	struct dns_tlsa tlsa;
	if (type == DNS_SRV && dns_srv_read(bytes, len, &target))
		strbuf_printf(text, "%u %u %u %s", target.priority, target.weight, target.port,
		    target.host[0] ? target.host : ".");
	else if (type == DNS_A && len == 4)
		strbuf_cstr(text, inet_ntop(AF_INET, bytes, address, sizeof(address)));
	else if (type == DNS_AAAA && len == 16)
		strbuf_cstr(text, inet_ntop(AF_INET6, bytes, address, sizeof(address)));
	else if (type == DNS_TLSA && dns_tlsa_read(bytes, len, &tlsa)) {
		strbuf_printf(
		    text, "%u %u %u (%u bytes)", tlsa.usage, tlsa.selector, tlsa.matching, tlsa.len);
		free(tlsa.bytes);
	} else {
		strbuf_cstr(text, "malformed");
	}
}

void question_report(
    const struct dns_question *question, enum dns_outcome outcome, const struct ub_result *result)
{
	enum { SHOWN = 10 };
	struct strbuf text = {0};
	if (!question->options->step)
		return;
	strbuf_printf(&text, "%s %s: ", question->name, type_text(question->type));
	if (outcome == DNS_NOT_FOUND)
		strbuf_cstr(&text, result->nxdomain ? "no such name" : "none");
	else if (outcome != DNS_FOUND)
		strbuf_cstr(&text, dns_outcome_text(outcome));
	for (int i = 0; outcome == DNS_FOUND && i < SHOWN && result->data[i]; i++) {
		strbuf_cstr(&text, i ? ", " : "");
		print_data(&text, question->type, (unsigned char *)result->data[i], (size_t)result->len[i]);
	}
	if (result && outcome == DNS_BOGUS && result->why_bogus)
		strbuf_printf(&text, " (%s)", result->why_bogus);
	if (result && result->secure)
		strbuf_cstr(&text, " (signed)");
	question->options->step(question->options->step_arg, text.ptr);
	strbuf_fini(&text);
}
