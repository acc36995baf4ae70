/* SPDX-License-Identifier: Apache-2.0 */
#include "negotiate.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "load.h"

#define NS_SASL "urn:ietf:params:xml:ns:xmpp-sasl"
#define NS_BIND "urn:ietf:params:xml:ns:xmpp-bind"
#define NS_SESSION "urn:ietf:params:xml:ns:xmpp-session"
#define NS_TLS "urn:ietf:params:xml:ns:xmpp-tls"

static void refuse(struct client *client, const char *where, const struct frame *frame)
{
	client_fail(
	    client, "%s: unexpected %.*s", where, (int)(frame->size < 300 ? frame->size : 300), frame->bytes);
}

void negotiate_begin(struct client *client)
{
	client->state = CLIENT_NEGOTIATING;
	client->step = STEP_FEATURES;
	client_sendf(client,
	    "<?xml version='1.0'?><stream:stream to='%s' version='1.0' xml:lang='en' xmlns='jabber:client' "
	    "xmlns:stream='http://etherx.jabber.org/streams'>",
	    client_domain(client));
}

static void auth_plain(struct client *client)
{
	const struct options *options = client->load->options;
	char text[256];
	char encoded[400];

	int size = snprintf(
	    text, sizeof(text), "%c%s%u%c%s", 0, options->user_prefix, client->user, 0, options->password);
	EVP_EncodeBlock((unsigned char *)encoded, (unsigned char *)text, size);
	client_sendf(client, "<auth xmlns='" NS_SASL "' mechanism='PLAIN'>%s</auth>", encoded);
	client->step = STEP_SUCCESS;
}

static void auth_scram(struct client *client)
{
	char user[64];
	char first[SCRAM_TEXT_MAX];

	snprintf(user, sizeof(user), "%s%u", client->load->options->user_prefix, client->user);
	scram_begin(&client->scram, user, first);
	client_sendf(client, "<auth xmlns='" NS_SASL "' mechanism='SCRAM-SHA-1'>%s</auth>", first);
	client->step = STEP_CHALLENGE;
}

static void authenticate(struct client *client, const struct frame *features)
{
	const char *name = options_mechanism_name(client->load->options->mechanism);
	char offered[32];

	snprintf(offered, sizeof(offered), ">%s<", name);
	if (!frame_has(features, offered))
		client_fail(client, "the server does not offer %s", name);
	else if (client->load->options->mechanism == SASL_PLAIN)
		auth_plain(client);
	else
		auth_scram(client);
}

static bool wants_session(const struct frame *features)
{
	const char *end = features->bytes + features->size;
	const char *session = memmem(features->bytes, features->size, "<session", 8);
	const char *close = session ? memmem(session, (size_t)(end - session), "</session>", 10) : NULL;

	/* RFC 3921 servers want a session; later ones call it optional */
	return session && !(close && memmem(session, (size_t)(close - session), "<optional", 9));
}

static void bind(struct client *client)
{
	client_sendf(client,
	    "<iq type='set' id='bind'><bind xmlns='" NS_BIND "'><resource>%s</resource></bind></iq>",
	    client->resource);
	client->step = STEP_BIND;
}

/* After all that RFC 6120 wants. */
static void bound(struct client *client)
{
	if (!client->load->options->sm) {
		load_client_ready(client->load, client);
		return;
	}
	sm_enable(client);
	client->step = STEP_ENABLE;
}

static void on_authenticated(struct client *client, const struct frame *features)
{
	if (client->load->options->sm && !frame_has(features, "urn:xmpp:sm:3")) {
		client_fail(client, "the server does not offer stream management");
		return;
	}
	client->session_wanted = wants_session(features);
	if (client->sm.id[0]) {
		sm_resume(client);
		client->step = STEP_RESUME;
	} else {
		bind(client);
	}
}

static void on_features(struct client *client, const struct frame *frame)
{
	const struct options *options = client->load->options;

	if (frame->kind == FRAME_STREAM_OPEN)
		return;
	if (!frame_is(frame, "stream:features")) {
		refuse(client, "features", frame);
	} else if (client->authenticated) {
		on_authenticated(client, frame);
	} else if (options->tls == TLS_STARTTLS && !client->tls_active) {
		client_sendf(client, "<starttls xmlns='" NS_TLS "'/>");
		client->step = STEP_PROCEED;
	} else {
		authenticate(client, frame);
	}
}

static void on_challenge(struct client *client, const struct frame *frame)
{
	char final[SCRAM_TEXT_MAX];
	size_t size;
	const char *text = frame_text(frame, "<challenge", &size);

	if (!text || scram_answer(&client->scram, client->load->options->password, text, size, final) < 0) {
		refuse(client, "SCRAM", frame);
		return;
	}
	client_sendf(client, "<response xmlns='" NS_SASL "'>%s</response>", final);
	client->step = STEP_SUCCESS;
}

static void on_success(struct client *client, const struct frame *frame)
{
	size_t size = 0;
	const char *text = frame_text(frame, "<success", &size);

	if (!frame_is(frame, "success")) {
		refuse(client, "SASL", frame);
	} else if (client->load->options->mechanism == SASL_SCRAM_SHA_1 &&
		   (!text || scram_verify(&client->scram, text, size) < 0)) {
		refuse(client, "the server does not know the password", frame);
	} else {
		client->authenticated = true;
		negotiate_begin(client);
	}
}

static void on_bind(struct client *client, const struct frame *frame)
{
	char type[16] = "";
	size_t size = 0;
	const char *jid = frame_text(frame, "<jid", &size);

	frame_attribute(frame, "type", type, sizeof(type));
	if (strcmp(type, "result") != 0 || !jid || size >= sizeof(client->jid)) {
		refuse(client, "bind", frame);
		return;
	}
	memcpy(client->jid, jid, size);
	client->jid[size] = '\0';
	if (!client->session_wanted) {
		bound(client);
		return;
	}
	client_sendf(client, "<iq type='set' id='session'><session xmlns='" NS_SESSION "'/></iq>");
	client->step = STEP_SESSION;
}

static void on_resume(struct client *client, const struct frame *frame)
{
	if (sm_resumed(client, frame)) {
		load_client_ready(client->load, client);
	} else if (frame_is(frame, "failed")) {
		sm_fini(&client->sm);
		bind(client);
	} else {
		refuse(client, "resumption", frame);
	}
}

void negotiate_frame(struct client *client, const struct frame *frame)
{
	switch (client->step) {
	case STEP_FEATURES:
		on_features(client, frame);
		break;
	case STEP_PROCEED:
		if (frame_is(frame, "proceed"))
			client_tls_start(client);
		else
			refuse(client, "STARTTLS", frame);
		break;
	case STEP_CHALLENGE:
		on_challenge(client, frame);
		break;
	case STEP_SUCCESS:
		on_success(client, frame);
		break;
	case STEP_BIND:
		on_bind(client, frame);
		break;
	case STEP_SESSION:
		if (frame_has(frame, "result"))
			bound(client);
		else
			refuse(client, "session", frame);
		break;
	case STEP_ENABLE:
		if (sm_enabled(client, frame))
			load_client_ready(client->load, client);
		else
			refuse(client, "stream management", frame);
		break;
	case STEP_RESUME:
		on_resume(client, frame);
		break;
	}
}

void negotiate_answer(struct client *client, const struct frame *frame)
{
	char type[16] = "";
	char id[128] = "";
	char from[128] = "";

	frame_attribute(frame, "type", type, sizeof(type));
	if (strcmp(type, "get") != 0 || !frame_attribute(frame, "id", id, sizeof(id)))
		return;
	if (frame_attribute(frame, "from", from, sizeof(from)))
		client_sendf(client, "<iq type='result' id='%s' to='%s'/>", id, from);
	else
		client_sendf(client, "<iq type='result' id='%s'/>", id);
	sm_sent(client, 0);
}
