/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to authoritative servers: XEP-0220 2.1.2. */
#include <stdlib.h>

#include "base/mem.h"
#include "loop/worker.h"
#include "stream/dialback.h"
#include "stream/s2s_out.h"

#define CHECK_MS 30000
#define VERIFIERS_MAX 128 /* streams that one worker opens at a time to ask */
#define CHECKS_MAX 1000   /* that wait for one stream */

/* On the way to a stream that is only for questions. */
struct verifier {
	struct list link;
	struct s2s_attempt *attempt;
	struct list checks;
	struct str local, remote; /* in names */
	char names[];
};

struct dialback_check {
	struct list link; /* of a verifier or a stream, or of none */
	struct str local, remote, id, key; /* in text */
	void (*done)(void *arg, enum dialback_outcome outcome, const char *text);
	void *arg;
	struct s2s_out *out; /* that it was asked by */
	struct timer timer;
	const char *refusal; /* the timer tells it; NULL: the time is over */
	char text[];
};

static struct verifiers {
	struct list list;
	unsigned count;
} verifiers[256];

static struct verifiers *verifiers_here(void)
{
	struct verifiers *here = &verifiers[worker_index(worker_self())];
	if (!here->list.next)
		list_init(&here->list);
	return here;
}

/* --- one check ------------------------------------------------------------------------------------------ */

static struct str put(char **at, struct str text)
{
	struct str copy = {memcpy(*at, text.len ? text.ptr : "", text.len), text.len};
	*at += text.len;
	return copy;
}

static void check_free(struct dialback_check *check)
{
	struct s2s_out *out = check->out;
	timer_stop(&check->timer);
	list_remove(&check->link);
	free(check);
	if (out && out->for_checks && list_empty(&out->checks))
		peer_close(&out->peer);
}

static void check_done(struct dialback_check *check, enum dialback_outcome outcome, const char *text)
{
	void (*done)(void *, enum dialback_outcome, const char *) = check->done;
	void *arg = check->arg;
	check_free(check);
	done(arg, outcome, text);
}

static void checks_done(struct list *checks, enum dialback_outcome outcome, const char *text)
{
	while (!list_empty(checks))
		check_done(list_entry(checks->next, struct dialback_check, link), outcome, text);
}

static void ask(struct s2s_out *out, struct dialback_check *check)
{
	struct strbuf bytes = {0};
	struct s2s_dialback request = {
	    "verify", check->local, check->remote, check->id, .text = check->key};
	list_remove(&check->link);
	list_add_before(&out->checks, &check->link);
	check->out = out;
	s2s_dialback_write(&bytes, &request);
	peer_send(&out->peer, strbuf_view(&bytes));
	strbuf_fini(&bytes);
}

/* --- answers -------------------------------------------------------------------------------------------- */

static bool is_answer(const struct dialback_check *check, const struct xml *verify)
{
	return str_eq(xml_attr_s(verify, "id"), check->id) &&
	       s2s_domain_is(xml_attr_s(verify, "from"), check->remote) &&
	       s2s_domain_is(xml_attr_s(verify, "to"), check->local);
}

static enum dialback_outcome outcome_of(const struct xml *verify, const char **text_r)
{
	struct str type = xml_attr_s(verify, "type");
	const struct xml *error = xml_child(verify, "error", "jabber:client");
	const struct xml *condition = error ? xml_first_element(error) : NULL;
	if (str_is(type, "valid")) {
		*text_r = "the key is valid";
		return DIALBACK_VALID;
	}
	if (str_is(type, "error") && condition && str_is(condition->name, "item-not-found")) {
		*text_r = "the authoritative server does not serve the domain";
		return DIALBACK_NO_DOMAIN;
	}
	if (str_is(type, "error")) {
		*text_r = "the authoritative server could not check the key";
		return DIALBACK_NO_ANSWER;
	}
	*text_r = "the authoritative server says that the key is not its own";
	return DIALBACK_INVALID;
}

void s2s_out_verified(struct s2s_out *out, const struct xml *verify)
{
	for (struct list *at = out->checks.next; at != &out->checks; at = at->next) {
		struct dialback_check *check = list_entry(at, struct dialback_check, link);
		const char *text;
		if (!is_answer(check, verify))
			continue;
		enum dialback_outcome outcome = outcome_of(verify, &text);
		check_done(check, outcome, text);
		return;
	}
}

void s2s_out_unverified(struct s2s_out *out)
{
	bool unknown = out->failing && out->condition == SE_remote_server_not_found;
	checks_done(&out->checks, unknown ? DIALBACK_NO_DOMAIN : DIALBACK_NO_ANSWER,
	    out->failing ? out->why : "the authoritative server closed the stream");
}

/* --- streams for questions alone ------------------------------------------------------------------------ */

static void verifier_free(struct verifier *verifier)
{
	list_remove(&verifier->link);
	verifiers_here()->count--;
	free(verifier);
}

static void on_ready(void *owner, struct s2s_out *out)
{
	struct verifier *verifier = owner;
	out->for_checks = true;
	while (!list_empty(&verifier->checks))
		ask(out, list_entry(verifier->checks.next, struct dialback_check, link));
	verifier_free(verifier);
	if (list_empty(&out->checks))
		peer_close(&out->peer);
}

static void on_failed(void *owner, const struct s2s_failure *failure)
{
	struct verifier *verifier = owner;
	struct list checks;
	list_init(&checks);
	while (!list_empty(&verifier->checks)) {
		struct list *first = verifier->checks.next;
		list_remove(first);
		list_add_before(&checks, first);
	}
	verifier_free(verifier);
	checks_done(&checks,
	    failure->condition == SE_remote_server_not_found ? DIALBACK_NO_DOMAIN : DIALBACK_NO_ANSWER,
	    failure->text);
}

static const struct s2s_attempt_ops verifier_ops = {
    .unauthenticated = true, .ready = on_ready, .failed = on_failed};

static struct verifier *verifier_find(struct str local, struct str remote)
{
	struct list *list = &verifiers_here()->list;
	for (struct list *at = list->next; at != list; at = at->next) {
		struct verifier *verifier = list_entry(at, struct verifier, link);
		if (str_eq(verifier->remote, remote) && str_eq(verifier->local, local))
			return verifier;
	}
	return NULL;
}

static struct verifier *verifier_new(struct str local, struct str remote)
{
	struct verifier *verifier = mem_zalloc(sizeof(*verifier) + local.len + remote.len);
	char *at = verifier->names;
	verifier->local = put(&at, local);
	verifier->remote = put(&at, remote);
	list_init(&verifier->checks);
	list_add_before(&verifiers_here()->list, &verifier->link);
	verifiers_here()->count++;
	verifier->attempt = s2s_attempt_start(local, remote, &verifier_ops, verifier);
	return verifier;
}

/* --- asking --------------------------------------------------------------------------------------------- */

static void on_check_late(struct timer *timer)
{
	struct dialback_check *check = list_entry(timer, struct dialback_check, timer);
	check_done(check, DIALBACK_NO_ANSWER,
	    check->refusal ? check->refusal : "the authoritative server did not answer in time");
}

struct search {
	struct str local, remote;
	struct s2s_out *found;
};

static void search_one(void *arg, struct peer *peer)
{
	struct search *search = arg;
	struct s2s_out *out = (struct s2s_out *)peer;
	if (peer->ops == &s2s_out_peer_ops && out->state == S2S_OUT_READY && !peer->is_closing &&
	    str_eq(out->remote, search->remote) && str_eq(out->local, search->local))
		search->found = out;
}

static unsigned length(const struct list *list)
{
	unsigned count = 0;
	for (const struct list *at = list->next; at != list; at = at->next)
		count++;
	return count;
}

static void check_start(struct dialback_check *check)
{
	struct search search = {check->local, check->remote, NULL};
	peers_each(search_one, &search);
	struct verifier *verifier = search.found ? NULL : verifier_find(check->local, check->remote);
	if (!search.found && !verifier && verifiers_here()->count < VERIFIERS_MAX)
		verifier = verifier_new(check->local, check->remote);
	struct list *list = search.found ? &search.found->checks : verifier ? &verifier->checks : NULL;
	if (!list || length(list) >= CHECKS_MAX) {
		check->refusal = "too many dialback keys are being checked";
		timer_start(&check->timer, 0, on_check_late);
		return;
	}
	timer_start(&check->timer, CHECK_MS, on_check_late);
	if (search.found)
		ask(search.found, check);
	else
		list_add_before(list, &check->link);
}

struct dialback_check *dialback_check(struct str local, struct str remote, struct str stream_id,
    struct str key, void (*done)(void *arg, enum dialback_outcome outcome, const char *text), void *arg)
{
	struct dialback_check *check =
	    mem_zalloc(sizeof(*check) + local.len + remote.len + stream_id.len + key.len);
	char *at = check->text;
	check->local = put(&at, local);
	check->remote = put(&at, remote);
	check->id = put(&at, stream_id);
	check->key = put(&at, key);
	check->done = done;
	check->arg = arg;
	list_init(&check->link);
	check_start(check);
	return check;
}

void dialback_check_cancel(struct dialback_check **check_ptr)
{
	struct dialback_check *check = *check_ptr;
	*check_ptr = NULL;
	if (check)
		check_free(check);
}

void s2s_verifiers_fini(void)
{
	while (!list_empty(&verifiers_here()->list)) {
		struct verifier *verifier = list_entry(verifiers_here()->list.next, struct verifier, link);
		while (!list_empty(&verifier->checks))
			check_free(list_entry(verifier->checks.next, struct dialback_check, link));
		s2s_attempt_cancel(&verifier->attempt);
		verifier_free(verifier);
	}
}
