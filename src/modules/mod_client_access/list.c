/* SPDX-License-Identifier: Apache-2.0 */
/* XEP-0494 3: the user's own view. */
#include <stdlib.h>

#include "modules/mod_client_access/client.h"
#include "stanzad/datetime.h"
#include "stanzad/list.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"

#define NS_CAM "urn:xmpp:cam:0"

struct question {
	struct store_op op;
	struct iq *iq;
	struct clients clients;
	struct str ref; /* of the one to revoke; in the arena of clients */
	const struct client *revoked;
};

static void question_free(struct question *question)
{
	clients_fini(&question->clients);
	free(question);
}

/* --- the answer ----------------------------------------------------------------------------------- */

static void put_time(struct xml_writer *reply, const char *name, int64_t seconds)
{
	char text[DATETIME_MAX];
	if (!seconds)
		return;
	datetime_format(text, seconds * 1000000, 0);
	xml_put_element(reply, name, NULL, str_of(text));
}

static void put_user_agent(struct xml_writer *reply, const struct client *client)
{
	if (!client->software.len && !client->device.len)
		return;
	xml_open(reply, "user-agent", NULL);
	if (client->software.len)
		xml_put_element(reply, "software", NULL, client->software);
	if (client->device.len)
		xml_put_element(reply, "device", NULL, client->device);
	xml_close(reply);
}

static void put_client(struct xml_writer *reply, const struct clients *clients, const struct client *client)
{
	char ref[CLIENT_REF_LEN + 1];
	client_ref(clients, client, ref);
	xml_open(reply, "client", NULL);
	xml_put_attr(reply, "connected", client->connected ? STR("true") : STR("false"));
	xml_put_attr(reply, "id", str_of(ref));
	xml_put_attr(reply, "type", STR("session"));
	put_time(reply, "first-seen", client->first_seen);
	put_time(reply, "last-seen", client->last_seen);
	xml_open(reply, "auth", NULL);
	if (client->proofs & CLIENT_BY_PASSWORD)
		xml_put_element(reply, "password", NULL, STR_NULL);
	if (client->token)
		xml_put_element(reply, "fast", NULL, STR_NULL);
	xml_close(reply);
	xml_open(reply, "permission", NULL);
	xml_put_attr(reply, "status", STR("unrestricted"));
	xml_close(reply);
	put_user_agent(reply, client);
	xml_close(reply);
}

static int list_run(struct store_op *op, struct db *db, struct err *err)
{
	struct question *question = list_entry(op, struct question, op);
	return clients_read(&question->clients, db, err);
}

static enum iq_verdict failed(struct iq *iq, const struct err *err)
{
	LOG_ERROR("client_access.failed", LOG_STR("user", jid_bare(iq->from)), LOG_CSTR("reason", err->text));
	return iq_refuse(iq, SE_internal_server_error, NULL);
}

static void list_done(struct store_op *op, int result, const struct err *err)
{
	struct question *question = list_entry(op, struct question, op);
	struct iq *iq = question->iq;
	enum iq_verdict verdict = IQ_ANSWER;
	if (result < 0) {
		verdict = failed(iq, err);
	} else {
		xml_open(iq->reply, "clients", NS_CAM);
		for (size_t i = 0; i < question->clients.count; i++)
			if (client_has_access(&question->clients.list[i]))
				put_client(iq->reply, &question->clients, &question->clients.list[i]);
		xml_close(iq->reply);
	}
	iq_finish(&iq, verdict);
	question_free(question);
}

/* --- revoking --------------------------------------------------------------------------------------- */

static int revoke_run(struct store_op *op, struct db *db, struct err *err)
{
	struct question *question = list_entry(op, struct question, op);
	if (clients_read(&question->clients, db, err) < 0)
		return -1;
	question->revoked = clients_find(&question->clients, question->ref);
	return question->revoked ? client_revoke(db, &question->clients.user, question->revoked, err) : 0;
}

static enum iq_verdict revoke_verdict(struct question *question, int result, const struct err *err)
{
	struct iq *iq = question->iq;
	if (result < 0)
		return failed(iq, err);
	if (!question->revoked)
		return iq_refuse(iq, SE_item_not_found, NULL);
	if (result == 0)
		return IQ_ANSWER;
	iq->error = (struct stanza_error){
	    .condition = SE_service_unavailable,
	    .text = "the client was logged out, but knows the password; change it",
	    .app_xml = STR("<password-reset-required xmlns='" NS_CAM "'/>"),
	};
	return IQ_REFUSE;
}

/* The answer goes out first: it may be the session that asked. */
static void revoke_done(struct store_op *op, int result, const struct err *err)
{
	struct question *question = list_entry(op, struct question, op);
	struct jid user = question->clients.user;
	enum iq_verdict verdict = revoke_verdict(question, result, err);
	struct user *loaded = user_find(jid_bare(&user));
	if (loaded)
		user_hold(loaded);
	iq_finish(&question->iq, verdict);
	if (loaded && result >= 0 && question->revoked)
		client_disconnect(loaded, question->revoked->id, question->revoked->resource);
	if (loaded)
		user_release(loaded);
	question_free(question);
}

/* --- both ------------------------------------------------------------------------------------------- */

enum iq_verdict client_iq(struct iq *iq)
{
	bool list = iq->type == IQ_GET && xml_is(iq->payload, "list", NS_CAM);
	bool revoke = iq->type == IQ_SET && xml_is(iq->payload, "revoke", NS_CAM);
	if (!list && !revoke)
		return iq_refuse(iq, SE_bad_request, NULL);
	if (revoke && !xml_attr_s(iq->payload, "id").len)
		return iq_refuse(iq, SE_bad_request, "which client, the id says");
	struct question *question = mem_zalloc(sizeof(*question));
	struct clients *clients = &question->clients;
	clients->user = jid_dup(user_jid(iq->user), &clients->arena);
	clients_add_connected(clients, iq->user);
	question->ref = arena_str(&clients->arena, xml_attr_s(iq->payload, "id"));
	question->iq = iq_later(iq);
	question->op.kind = revoke ? STORE_WRITE : STORE_READ;
	question->op.key = jid_bare(&clients->user);
	question->op.run = revoke ? revoke_run : list_run;
	question->op.done = revoke ? revoke_done : list_done;
	store_submit(&question->op);
	return IQ_LATER;
}
