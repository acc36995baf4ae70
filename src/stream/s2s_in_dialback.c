/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/worker.h"
#include "stream/s2s_in_private.h"

#define KEY_MAX 1024 /* bytes */
#define HERE_MAX 200 /* questions of all streams of a worker */

static const struct s2s_in_checker builtin_checker = {dialback_check, dialback_check_cancel};
static const struct s2s_in_checker *checker = &builtin_checker;
static unsigned checks_here[256]; /* one a worker */

static unsigned *here(void)
{
	return &checks_here[worker_index(worker_self())];
}

void s2s_in_set_checker(const struct s2s_in_checker *other)
{
	checker = other ? other : &builtin_checker;
}

/* --- answers: XEP-0220 2.2.1, 2.5 ----------------------------------------------------------------------- */

static void answer(struct s2s_in *in, struct str local, struct str remote, const char *type,
    const char *condition)
{
	struct strbuf out = {0};
	const struct s2s_dialback result = {
	    .name = "result", .from = local, .to = remote, .type = str_of(type), .condition = condition};
	s2s_dialback_write(&out, &result);
	peer_send(&in->peer, strbuf_view(&out));
	strbuf_fini(&out);
}

void s2s_in_dialback_answer(struct s2s_in *in, const struct s2s_pair *pair, const char *type)
{
	answer(in, pair->local, pair->remote, type, NULL);
}

static void refuse(
    struct s2s_in *in, struct str local, struct str remote, const char *condition, const char *why)
{
	answer(in, local, remote, "error", condition);
	s2s_in_refused(in, "dialback", local, remote, why);
}

/* --- asking --------------------------------------------------------------------------------------------- */

void s2s_in_uncheck(struct s2s_pair *pair)
{
	if (!pair->check)
		return;
	checker->cancel(&pair->check);
	pair->in->checks--;
	*here() -= 1;
}

/* The only pair was a lie: the stream ends. Others on it have done nothing wrong. */
static void invalid(struct s2s_pair *pair, const char *text)
{
	struct s2s_in *in = pair->in;
	bool alone = in->pair_count == 1;
	s2s_in_refused(in, "dialback", pair->local, pair->remote, text);
	if (alone) {
		s2s_in_dialback_answer(in, pair, "invalid");
		peer_close(&in->peer);
	} else {
		answer(in, pair->local, pair->remote, "error", "forbidden");
	}
}

static void failed(struct s2s_pair *pair, enum dialback_outcome outcome, const char *text)
{
	if (outcome == DIALBACK_INVALID)
		invalid(pair, text);
	else if (outcome == DIALBACK_NO_DOMAIN)
		refuse(pair->in, pair->local, pair->remote, "remote-server-not-found", text);
	else
		refuse(pair->in, pair->local, pair->remote, "remote-server-timeout", text);
}

static void on_checked(void *arg, enum dialback_outcome outcome, const char *text)
{
	struct s2s_pair *pair = arg;
	struct s2s_in *in = pair->in;
	pair->check = NULL;
	in->checks--;
	*here() -= 1;
	if (outcome == DIALBACK_VALID) {
		s2s_pair_authenticated(pair, S2S_AUTH_DIALBACK);
		return;
	}
	in->held = pair;
	failed(pair, outcome, text);
	in->held = NULL;
	s2s_pair_free(pair);
}

static void ask(struct s2s_in *in, struct str local, struct str remote, struct str key)
{
	struct s2s_pair *pair = s2s_pair_new(in, local, remote);
	in->checks++;
	*here() += 1;
	pair->check = checker->check(pair->local, pair->remote, str_of(in->id), key, on_checked, pair);
}

/* --- what may be asked ---------------------------------------------------------------------------------- */

/* Why no proof can help; *condition_r says it to the other side. */
static const char *hopeless(
    const struct s2s_in *in, struct str local, struct str remote, const char **condition_r)
{
	*condition_r = "policy-violation";
	if (s2s_in_tls_due(in))
		return "without TLS";
	*condition_r = "item-not-found";
	if (!s2s_is_local(local))
		return "the domain is not served here";
	*condition_r = "forbidden";
	if (s2s_is_local(remote))
		return "a domain of ours is claimed";
	if (!s2s_allowed(local, remote))
		return "this server may not talk to that one";
	*condition_r = "resource-constraint";
	if (in->pair_count >= S2S_IN_PAIRS_MAX)
		return "too many domains on one stream";
	return NULL;
}

/* Why the authoritative server is not asked. */
static const char *unaskable(
    const struct s2s_in *in, struct str local, struct str remote, struct str key, const char **condition_r)
{
	const struct conf *conf = conf_current();
	*condition_r = "not-authorized";
	if (s2s_tls_wanted(conf, local) == S2S_TLS_TRUSTED)
		return "the certificate is not good for the domain";
	if (!s2s_dialback_allowed(conf, local, remote))
		return "dialback is not allowed for the domain";
	*condition_r = "bad-request";
	if (!key.len || key.len > KEY_MAX)
		return "there is no key, or it is too long";
	*condition_r = "resource-constraint";
	if (in->checks >= S2S_IN_CHECKS_MAX || *here() >= HERE_MAX)
		return "too many keys are being checked";
	return NULL;
}

/* XEP-0344: what the certificate proves needs no question. */
static bool is_proven(struct s2s_in *in, struct str remote, enum s2s_authentication *how_r)
{
	struct err ignored;
	enum s2s_certificate certificate = s2s_in_certificate(in, remote, &ignored);
	*how_r = certificate == S2S_CERTIFICATE_DANE ? S2S_AUTH_DANE : S2S_AUTH_EXTERNAL;
	return certificate == S2S_CERTIFICATE_GOOD || certificate == S2S_CERTIFICATE_DANE;
}

static void claimed(struct s2s_in *in, struct str local, struct str remote, struct str key)
{
	const char *why, *condition;
	enum s2s_authentication how;
	struct s2s_pair *pair = s2s_pair_find(in, local, remote);
	if (pair && pair->authentication != S2S_AUTH_NONE)
		s2s_in_dialback_answer(in, pair, "valid");
	else if (pair)
		s2s_in_refused(in, "dialback", local, remote, "the same key again while it is checked");
	else if ((why = hopeless(in, local, remote, &condition)))
		refuse(in, local, remote, condition, why);
	else if (is_proven(in, remote, &how))
		s2s_pair_authenticated(s2s_pair_new(in, local, remote), how);
	else if ((why = unaskable(in, local, remote, key, &condition)))
		refuse(in, local, remote, condition, why);
	else
		ask(in, local, remote, key);
}

/* --- elements ------------------------------------------------------------------------------------------- */

static void on_result(struct s2s_in *in, const struct xml *elem)
{
	struct arena arena = {0};
	struct strbuf joined = {0};
	struct str local, remote;
	struct err err;
	if (jid_prep_domain(xml_attr_s(elem, "to"), &arena, &local, &err) < 0 ||
	    jid_prep_domain(xml_attr_s(elem, "from"), &arena, &remote, &err) < 0)
		peer_fail(&in->peer, STREAM_improper_addressing, "a dialback key has from and to");
	else if (xml_attr(elem, "type").ptr)
		s2s_in_refused(in, "dialback", local, remote, "a result that was not asked for");
	else
		claimed(in, local, remote, str_trim(xml_text(elem, &joined)));
	strbuf_fini(&joined);
	arena_fini(&arena);
}

static void on_verify(struct s2s_in *in, const struct xml *elem)
{
	if (xml_attr(elem, "type").ptr)
		s2s_in_refused(in, "dialback", xml_attr_s(elem, "to"), xml_attr_s(elem, "from"),
		    "an answer that was not asked for");
	else
		s2s_verify_answer(&in->peer, elem);
}

bool s2s_in_dialback_element(struct s2s_in *in, const struct xml *elem)
{
	if (s2s_is_dialback(elem, "result"))
		on_result(in, elem);
	else if (s2s_is_dialback(elem, "verify"))
		on_verify(in, elem);
	else
		return false;
	return true;
}
