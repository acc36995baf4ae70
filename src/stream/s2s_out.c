/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/s2s_out.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "net/tls.h"
#include "stanzad/log.h"

#define ANSWER_MS 20000   /* for each thing that the other server is waited for */
#define DIALBACK_MS 40000 /* it has to find us first */

static struct s2s_out *out_of(struct peer *peer)
{
	return (struct s2s_out *)peer;
}

/* --- what is said about it ------------------------------------------------------------------------------ */

void s2s_out_step(struct s2s_out *out, const char *format, ...)
{
	char text[600];
	va_list args;
	if (!out->attempt || !s2s_attempt_ops(out->attempt)->step)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	s2s_attempt_step(out->attempt, "%s", text);
}

static void note(struct s2s_out *out, enum stanza_condition condition, bool final, const char *text)
{
	if (out->failing)
		return;
	out->failing = true;
	out->final = final;
	out->condition = condition;
	snprintf(out->why, sizeof(out->why), "%s", text);
}

void s2s_out_fail(struct s2s_out *out, enum stream_condition condition, enum stanza_condition bounce,
    bool final, const char *format, ...)
{
	char text[sizeof(out->why)];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	note(out, bounce, final, text);
	if (condition == STREAM_CONDITIONS)
		peer_close(&out->peer);
	else
		peer_fail(&out->peer, condition, text);
}

void s2s_out_expect(struct s2s_out *out, enum s2s_out_state state, const char *late)
{
	uint64_t now = clock_mono_ms(), ms = state == S2S_OUT_DIALBACK ? DIALBACK_MS : ANSWER_MS;
	uint64_t left = out->deadline_ms > now ? out->deadline_ms - now : 1;
	out->state = state;
	out->late_ms = now + (ms < left ? ms : left);
	peer_expect_within(&out->peer, ms < left ? ms : left, late);
}

/* --- headers -------------------------------------------------------------------------------------------- */

static void send_header(struct peer *peer)
{
	struct s2s_out *out = out_of(peer);
	struct s2s_header header = {
	    .from = out->local,
	    .to = out->remote,
	    .lang = conf_str(conf_current(), out->local, "language"),
	    .versioned = true,
	};
	struct strbuf bytes = {0};
	s2s_header_write(&bytes, &header);
	peer_send(peer, strbuf_view(&bytes));
	strbuf_fini(&bytes);
}

void s2s_out_header(struct s2s_out *out)
{
	s2s_out_expect(out, S2S_OUT_HEADER, "the other server does not answer with a stream");
	send_header(&out->peer);
	out->peer.header_sent = true;
}

static void on_header(struct peer *peer, const struct xml *root)
{
	struct s2s_out *out = out_of(peer);
	struct s2s_header header;
	note(out, SE_remote_server_timeout, false, "the other side does not speak XMPP with servers");
	if (!s2s_header_read(peer, root, &header))
		return;
	out->failing = false;
	free(out->stream_id);
	out->stream_id = header.id.ptr ? str_dup(header.id) : NULL;
	out->lang = header.lang;
	out->dialback_declared = header.dialback;
	out->features = (struct s2s_features){0};
	if (header.versioned)
		s2s_out_expect(out, S2S_OUT_FEATURES, "the other server does not say what it offers");
	else
		s2s_out_negotiate(out); /* before XMPP 1.0 there are no features: RFC 6120 4.7.5 */
}

/* --- elements ------------------------------------------------------------------------------------------- */

static bool may_come(void *arg, struct str local, struct str remote)
{
	const struct s2s_out *out = arg;
	return str_eq(local, out->local) && str_eq(remote, out->remote);
}

static void on_dialback(struct s2s_out *out, const struct xml *elem)
{
	bool answer = xml_attr(elem, "type").ptr;
	if (s2s_is_dialback(elem, "verify") && answer) {
		s2s_out_verified(out, elem);
	} else if (s2s_is_dialback(elem, "verify") && out->bidi) {
		s2s_verify_answer(&out->peer, elem);
	} else if (s2s_is_dialback(elem, "result") && !answer && out->bidi) {
		/* XEP-0220 2.5: one pair is enough for this stream; a new one is free. */
		struct s2s_dialback refusal = {"result", xml_attr(elem, "to"), xml_attr(elem, "from"),
		    .type = STR("error"), .condition = "resource-constraint"};
		struct strbuf bytes = {0};
		s2s_dialback_write(&bytes, &refusal);
		peer_send(&out->peer, strbuf_view(&bytes));
		strbuf_fini(&bytes);
	}
}

static void on_stanza(struct s2s_out *out, struct xml_tree *tree)
{
	if (!out->bidi || out->authentication == S2S_AUTH_NONE) {
		xml_tree_unref(&tree);
		s2s_out_fail(out, STREAM_not_authorized, SE_remote_server_timeout, false,
		    "nothing may be sent to us by this stream");
		return;
	}
	out->active_ms = clock_mono_ms();
	s2s_receive(&out->peer, tree, out->lang, out->sm == S2S_SM_ON ? &out->mgmt->in : NULL, may_come, out);
	if (out->sm == S2S_SM_ON && out->mgmt->in.pending >= S2S_MGMT_PENDING_MAX)
		s2s_out_slow_down(out);
}

static void on_element(struct peer *peer, struct xml_tree *tree)
{
	struct s2s_out *out = out_of(peer);
	const struct xml *root = tree->root;
	if (root->ns_token == XNS_CLIENT) {
		on_stanza(out, tree);
		return;
	}
	if (out->state == S2S_OUT_FEATURES && root->ns_token == XNS_STREAM &&
	    str_is(root->name, "features")) {
		s2s_features_read(root, &out->features);
		s2s_out_negotiate(out);
	} else if (s2s_out_auth_element(out, root) || s2s_out_mgmt_element(out, root)) {
		/* dealt with */
	} else if (str_is(root->ns, NS_DIALBACK)) {
		on_dialback(out, root); /* what nobody asked for is not looked at: XEP-0220 3.1 */
	} else if (out->state != S2S_OUT_READY) {
		s2s_out_fail(out, STREAM_unsupported_stanza_type, SE_remote_server_timeout, false,
		    "the other server sent <%.*s/>, which is not expected now", STR_FMT(root->name));
	}
	xml_tree_unref(&tree);
}

/* --- the end -------------------------------------------------------------------------------------------- */

static struct str clip(struct str text)
{
	return (struct str){text.ptr, text.len < 100 ? text.len : 100};
}

/* RFC 6120 4.9: what the other side's stream error means for those who wait. */
static void on_errored(struct peer *peer, const struct xml *error)
{
	struct s2s_out *out = out_of(peer);
	struct strbuf joined = {0};
	const struct xml *condition = xml_first_element(error);
	const struct xml *text = xml_child(error, "text", "urn:ietf:params:xml:ns:xmpp-streams");
	struct str name = condition ? condition->name : STR("undefined-condition");
	struct str words = text ? xml_text(text, &joined) : STR_NULL;
	bool unknown = str_is(name, "host-unknown") || str_is(name, "host-gone");
	char why[sizeof(out->why)];
	snprintf(why, sizeof(why), "the other server ended the stream: %.*s%s%.*s", STR_FMT(clip(name)),
	    words.len ? ": " : "", STR_FMT(clip(words)));
	if (str_is(name, "see-other-host"))
		snprintf(why, sizeof(why), "the other server sends us elsewhere, which only the DNS may do");
	LOG_INFO("s2s_out.error", LOG_STR("local", out->local), LOG_STR("remote", out->remote),
	    LOG_CSTR("reason", why));
	note(out, unknown ? SE_remote_server_not_found : SE_remote_server_timeout, unknown, why);
	strbuf_fini(&joined);
}

static void on_closing(struct peer *peer)
{
	struct s2s_out *out = out_of(peer);
	struct s2s_attempt *attempt = out->attempt;
	timer_stop(&out->idle);
	timer_stop(&out->resume);
	out->farewell = !peer->is_gone && !peer->cut;
	if (!attempt || peer->is_gone)
		return;
	if (!out->failing)
		note(out, SE_remote_server_timeout, false,
		    clock_mono_ms() >= out->late_ms ? peer->late : "the other server closed the stream");
	out->attempt = NULL;
	s2s_attempt_stream_failed(attempt, out->condition, out->why, out->final);
}

static void on_gone(struct peer *peer, const char *reason)
{
	struct s2s_out *out = out_of(peer);
	struct s2s_attempt *attempt = out->attempt;
	out->attempt = NULL;
	if (attempt) {
		note(out, SE_remote_server_timeout, false, reason);
		s2s_attempt_stream_failed(attempt, out->condition, out->why, out->final);
	} else if (out->state == S2S_OUT_READY) {
		LOG_INFO("s2s_out.closed", LOG_STR("local", out->local), LOG_STR("remote", out->remote),
		    LOG_CSTR("reason", out->failing ? out->why : reason));
	}
	s2s_out_slow_fini(out);
	s2s_out_unverified(out);
	s2s_out_give_back(out);
	timer_stop(&out->idle);
	free(out->stream_id);
	peer_fini(peer);
	free(out);
}

void s2s_out_abandon(struct s2s_out *out)
{
	out->attempt = NULL;
	peer_close(&out->peer);
}

static void on_secured(struct peer *peer)
{
	s2s_out_secured(out_of(peer));
}

static void on_drained(struct peer *peer)
{
	s2s_out_drained(out_of(peer));
}

const struct peer_ops s2s_out_peer_ops = {
    .name = "s2s_out",
    .header = on_header,
    .element = on_element,
    .errored = on_errored,
    .send_header = send_header,
    .secured = on_secured,
    .drained = on_drained,
    .emptied = on_drained,
    .closing = on_closing,
    .gone = on_gone,
};

/* --- life ----------------------------------------------------------------------------------------------- */

struct s2s_out *s2s_out_new(struct s2s_attempt *attempt, struct str local, struct str remote,
    struct conn *conn, const struct dns_target *target, const struct s2s_vouching *vouching)
{
	struct conf *conf = conf_current();
	struct xml_limits limits = xml_limits_default;
	struct s2s_out *out = mem_zalloc(sizeof(*out) + local.len + remote.len);
	memcpy(out->text, local.ptr, local.len);
	memcpy(out->text + local.len, remote.ptr, remote.len);
	out->local = (struct str){out->text, local.len};
	out->remote = (struct str){out->text + local.len, remote.len};
	out->attempt = attempt;
	out->tls = s2s_tls_wanted(conf, local);
	out->since_ms = out->active_ms = clock_mono_ms();
	out->deadline_ms = out->since_ms + (uint64_t)conf_int(conf, STR_NULL, "negotiation_timeout");
	out->vouching = *vouching;
	snprintf(out->host, sizeof(out->host), "%s", target->host);
	out->vouching.host = str_of(out->host);
	list_init(&out->checks);
	limits.max_bytes = S2S_UNAUTHENTICATED_MAX_BYTES;
	peer_init(&out->peer, conn, XNS_SERVER, &limits, &s2s_out_peer_ops);
	if (target->direct_tls)
		s2s_out_start_tls(out, "xmpp-server");
	else
		s2s_out_header(out);
	return out;
}

/* --- the whole worker ----------------------------------------------------------------------------------- */

void s2s_out_describe(struct peer *peer, void (*each)(void *arg, const struct s2s_about *about), void *arg)
{
	const struct s2s_out *out = out_of(peer);
	if (!peer->conn)
		return;
	struct s2s_about about = {
	    .direction = out->bidi && out->authentication != S2S_AUTH_NONE ? S2S_BOTH : S2S_OUT,
	    .local = out->local,
	    .remote = out->remote,
	    .authentication = out->authentication,
	    .tls_version = conn_is_tls(peer->conn) ? conn_tls_version(peer->conn) : NULL,
	    .tls_cipher = conn_is_tls(peer->conn) ? conn_tls_cipher(peer->conn) : NULL,
	    .address = conn_peer_text(peer->conn),
	    .port = conn_peer_port(peer->conn),
	    .since_ms = out->since_ms,
	    .queued = s2s_out_unacked(out),
	    .managed = out->sm == S2S_SM_ON,
	};
	each(arg, &about);
}

void s2s_out_close_gone(struct peer *peer)
{
	if (!s2s_is_local(out_of(peer)->local))
		peer_fail(peer, STREAM_host_gone, "the domain is not served here any more");
}
