/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/c2s_sasl2.h"

#include <openssl/crypto.h>
#include <stdlib.h>

#include "base/codec.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "route/host_private.h"
#include "stanzad/log.h"

void c2s_sasl2_free(struct c2s_sasl2 **sasl2_ptr)
{
	struct c2s_sasl2 *sasl2 = *sasl2_ptr;
	*sasl2_ptr = NULL;
	if (!sasl2)
		return;
	xml_tree_unref(&sasl2->request);
	strbuf_fini(&sasl2->data);
	xml_writer_fini(&sasl2->answer);
	strbuf_fini(&sasl2->key);
	OPENSSL_cleanse(sasl2, sizeof(*sasl2));
	free(sasl2);
}

/* --- what may be offered -------------------------------------------------------------------------------- */

/* XEP-0388 3: not without TLS. */
static bool may_be_used(const struct c2s *c2s)
{
	return c2s->secure || conf_listener_get(c2s->listener, "allow_unencrypted_sasl2")->boolean;
}

/* The user whom the stream header names, when it can be one of this host; empty otherwise. */
static struct str user_named(const struct c2s *c2s)
{
	const struct jid *from = &c2s->setup->from;
	return from->text && c2s->host && str_eq(jid_domain(from), host_name(c2s->host)) ? jid_local(from)
											 : STR_NULL;
}

/*
 * XEP-0388 2.1: for a user who is named and known, what is stored of the password decides about SCRAM.
 * Somebody who is not there is offered what a new account would be.
 */
void c2s_sasl2_methods(struct c2s *c2s, struct auth_methods *methods_r)
{
	struct c2s_setup *setup = c2s->setup;
	struct str host = host_name(c2s->host);
	if (!setup->looked_up) {
		auth_methods(host, methods_r);
		return;
	}
	auth_methods_unhidden(host, methods_r);
	if (setup->auth.outcome != AUTH_OK)
		return;
	const struct auth_credentials *stored = &setup->auth.credentials;
	for (unsigned hash = 0; hash < AUTH_HASHES; hash++)
		methods_r->scram[hash] = stored->plain || stored->scram[hash].present;
}

static void on_looked_up(struct auth_request *request)
{
	struct c2s *c2s = request->owner;
	if (request->outcome == AUTH_UNAVAILABLE)
		LOG_ERROR("c2s.auth_unavailable", LOG_STR("user", request->user),
		    LOG_CSTR("reason", request->err.text));
	if (!c2s_resume(c2s, C2S_NEGOTIATING))
		return;
	c2s->setup->looked_up = request->outcome != AUTH_UNAVAILABLE;
	c2s_features_send(c2s);
}

/* Only where the answer makes a difference, and never where a program would have to be asked. */
static bool is_worth_a_look(struct c2s *c2s)
{
	struct str host = host_name(c2s->host);
	const char *hidden = "auth_password_types_hidden_in_sasl1";
	if (c2s->setup->authenticated || !may_be_used(c2s) || !user_named(c2s).len || auth_waits(host))
		return false;
	return c2s_upgrades_offered(c2s) || conf_get(c2s->conf, host, hidden)->string_count > 0;
}

static void remember_from(struct c2s *c2s, struct str text)
{
	struct c2s_setup *setup = c2s->setup;
	struct jid jid;
	struct err err;
	setup->from = (struct jid){0};
	setup->looked_up = false;
	if (text.len && jid_parse(arena_str(&setup->arena, text), &setup->arena, &jid, &err) == 0)
		setup->from = jid_to_bare(&jid);
}

/* --- the stream header ---------------------------------------------------------------------------------- */

bool c2s_sasl2_look_up(struct c2s *c2s, struct str from)
{
	struct c2s_setup *setup = c2s->setup;
	remember_from(c2s, from);
	if (!is_worth_a_look(c2s))
		return false;
	auth_credentials_fini(&setup->auth.credentials);
	setup->auth = (struct auth_request){
	    .host = host_name(c2s->host),
	    .user = user_named(c2s),
	    .hash = AUTH_HASHES,
	    .kind = AUTH_GET_CREDENTIALS,
	    .done = on_looked_up,
	    .owner = c2s,
	};
	c2s_wait(c2s);
	auth_submit(&setup->auth);
	return true;
}

static void put_inline(struct c2s *c2s, struct xml_writer *features)
{
	xml_open(features, "inline", NULL);
	c2s_inline_features(c2s, features);
	c2s_fast_features(c2s, features);
	xml_close(features);
}

void c2s_sasl2_features(struct c2s *c2s, struct xml_writer *features)
{
	struct str names = strbuf_view(&c2s->setup->mechanisms2);
	if (!names.len || !may_be_used(c2s))
		return;
	xml_open(features, "authentication", NS_SASL2);
	for (const char *const *name = c2s->setup->offer2; *name; name++)
		xml_put_element(features, "mechanism", NULL, str_of(*name));
	put_inline(c2s, features);
	c2s_upgrade_features(c2s, features);
	xml_close(features);
}

/* --- <authenticate/> ------------------------------------------------------------------------------------ */

static bool is_uuid(struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = (char)(text.ptr[i] | 0x20);
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? text.ptr[i] != '-'
			 : !((text.ptr[i] >= '0' && text.ptr[i] <= '9') || (c >= 'a' && c <= 'f')))
			return false;
	}
	return text.len == CLIENT_ID_LEN;
}

/* No more than a few words, and no half a character. */
static struct str short_text(struct c2s *c2s, const struct xml *agent, const char *name)
{
	struct strbuf joined = {0};
	struct str text = str_trim(xml_child_text(agent, name, &joined));
	if (text.len > CLIENT_TEXT_MAX) {
		text.len = CLIENT_TEXT_MAX;
		while (text.len && (text.ptr[text.len] & 0xc0) == 0x80)
			text.len--;
	}
	text = arena_str(&c2s->setup->arena, text);
	strbuf_fini(&joined);
	return text;
}

/* < 0: the id is none. */
static int take_user_agent(struct c2s *c2s, const struct xml *request)
{
	struct c2s_sasl2 *sasl2 = c2s->setup->sasl2;
	const struct xml *agent = xml_child(request, "user-agent", NS_SASL2);
	struct str id = agent ? xml_attr(agent, "id") : STR_NULL;
	if (!agent)
		return 0;
	if (id.ptr && !is_uuid(id))
		return -1;
	for (size_t i = 0; i < id.len; i++)
		sasl2->client_id[i] =
		    (char)(id.ptr[i] >= 'A' && id.ptr[i] <= 'F' ? id.ptr[i] | 0x20 : id.ptr[i]);
	sasl2->software = short_text(c2s, agent, "software");
	sasl2->device = short_text(c2s, agent, "device");
	return 0;
}

/* XEP-0388 2.1: whom the stream header names is of the domain that it is to. */
static bool from_is_sane(struct c2s *c2s)
{
	const struct jid *from = &c2s->setup->from;
	if (!from->text || str_eq(jid_domain(from), host_name(c2s->host)))
		return true;
	c2s_fail(c2s, STREAM_invalid_from, "the stream header is from another domain than it is to");
	return false;
}

static void authenticate(struct c2s *c2s, struct xml_tree *tree)
{
	const struct xml *request = tree->root;
	struct c2s_setup *setup = c2s->setup;
	c2s_sasl2_free(&setup->sasl2);
	setup->sasl2 = mem_zalloc(sizeof(*setup->sasl2));
	setup->sasl2->request = xml_tree_ref(tree);
	setup->sasl2->answer.default_ns = STR(NS_SASL2);
	sasl_free(&setup->sasl);
	if (!from_is_sane(c2s))
		return;
	if (!may_be_used(c2s))
		c2s_auth_failed(c2s, SASL_ENCRYPTION_REQUIRED, NULL);
	else if (take_user_agent(c2s, request) < 0)
		c2s_auth_failed(c2s, SASL_MALFORMED_REQUEST, "the id of the user agent is no UUID");
	else
		c2s_auth_begin(
		    c2s, xml_attr_s(request, "mechanism"), xml_child(request, "initial-response", NS_SASL2));
}

/* --- the exchange --------------------------------------------------------------------------------------- */

static void put_data(struct xml_writer *writer, struct c2s_sasl2 *sasl2)
{
	struct strbuf encoded = {0};
	if (!sasl2->has_data)
		return;
	base64_encode(&encoded, sasl2->data.ptr, sasl2->data.len);
	xml_put_element(writer, "additional-data", NULL, strbuf_view(&encoded));
	strbuf_fini(&encoded);
	sasl2->has_data = false;
}

void c2s_sasl2_continue(struct c2s *c2s, const char *task)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	xml_open(&writer, "continue", NS_SASL2);
	put_data(&writer, c2s->setup->sasl2);
	xml_open(&writer, "tasks", NULL);
	xml_put_element(&writer, "task", NULL, str_of(task));
	xml_close(&writer);
	xml_close(&writer);
	c2s_send_writer(c2s, &writer);
	xml_writer_fini(&writer);
	c2s->setup->sasl2->phase = SASL2_TASK;
	c2s->state = C2S_SASL;
}

/* XEP-0388 2.3: nobody else than whom the stream header names. */
static bool is_who_was_named(const struct c2s *c2s)
{
	const struct c2s_setup *setup = c2s->setup;
	return !setup->from.text || !setup->from.local_len ||
	       strcmp(sasl_mechanism(setup->sasl), "ANONYMOUS") == 0 || jid_eq(&setup->from, &c2s->jid);
}

void c2s_sasl2_exchanged(struct c2s *c2s, struct str data)
{
	struct c2s_sasl2 *sasl2 = c2s->setup->sasl2;
	sasl2->has_data = data.len > 0;
	strbuf_str(&sasl2->data, data);
	if (!is_who_was_named(c2s))
		c2s_auth_failed(c2s, SASL_INVALID_AUTHZID, "the stream header names another user");
	else if (c2s_inline_allowed(c2s) && !c2s_upgrade_begin(c2s))
		c2s_sasl2_tasks_done(c2s);
}

void c2s_sasl2_tasks_done(struct c2s *c2s)
{
	c2s_fast_finish(c2s);
}

void c2s_sasl2_authenticated(struct c2s *c2s)
{
	struct c2s_setup *setup = c2s->setup;
	c2s_auth_accepted(c2s);
	if (setup->sasl2->client_id[0] && !setup->anonymous) {
		free(c2s->client_id);
		c2s->client_id = str_dup(str_of(setup->sasl2->client_id));
	}
	if (c2s_inline_wanted(c2s))
		c2s_inline_start(c2s);
	else
		c2s_sasl2_success(c2s);
}

void c2s_sasl2_success(struct c2s *c2s)
{
	struct c2s_sasl2 *sasl2 = c2s->setup->sasl2;
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	xml_open(&writer, "success", NS_SASL2);
	put_data(&writer, sasl2);
	xml_put_element(&writer, "authorization-identifier", NULL,
	    c2s->session ? jid_full(session_jid(c2s->session)) : jid_bare(&c2s->jid));
	xml_put_raw(&writer, strbuf_view(&sasl2->answer.buf));
	xml_close(&writer);
	c2s_send_writer(c2s, &writer);
	xml_writer_fini(&writer);
	c2s_sasl2_free(&c2s->setup->sasl2);
	c2s_features_send(c2s);
}

/* --- elements ------------------------------------------------------------------------------------------- */

static void in_exchange(struct c2s *c2s, const struct xml *elem)
{
	switch (c2s->setup->sasl2->phase) {
	case SASL2_EXCHANGE:
		if (xml_is(elem, "response", NS_SASL2)) {
			c2s_auth_step(c2s, elem);
			return;
		}
		break;
	case SASL2_TASK:
		if (xml_is(elem, "next", NS_SASL2)) {
			c2s_upgrade_next(c2s, elem);
			return;
		}
		break;
	case SASL2_TASK_DATA:
		if (xml_is(elem, "task-data", NS_SASL2)) {
			c2s_upgrade_data(c2s, elem);
			return;
		}
		break;
	}
	if (xml_is(elem, "abort", NS_SASL2))
		c2s_auth_failed(c2s, SASL_ABORTED, NULL);
	else
		c2s_fail(c2s, STREAM_unsupported_stanza_type,
		    "this does not belong into the log-in that is under way");
}

bool c2s_sasl2_element(struct c2s *c2s, struct xml_tree *tree)
{
	const struct xml *elem = tree->root;
	bool ours = elem->ns_token == XNS_SASL2;
	/* XEP-0388 2.4: nothing else while it is under way. */
	if (c2s->setup && c2s->setup->sasl2 && c2s->state == C2S_SASL) {
		in_exchange(c2s, elem);
		return true;
	}
	if (!ours)
		return false;
	if (c2s->setup && !c2s->setup->authenticated && c2s->state == C2S_NEGOTIATING) {
		if (xml_is(elem, "authenticate", NS_SASL2))
			authenticate(c2s, tree);
		else
			c2s_fail(c2s, STREAM_unsupported_stanza_type, "no log-in is under way");
	} else {
		/* XEP-0388 4.8, and a log-in by RFC 6120 that is under way */
		c2s_fail(c2s, STREAM_unsupported_stanza_type, "this is not the time to authenticate");
	}
	return true;
}
