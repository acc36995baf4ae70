/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/service.h"

#include "modules/mod_muc/subscribers.h"
#include "modules/service.h"
#include "stanzad/rand.h"
#include "stanzad/rsm.h"

#define NAME_LENGTH 26 /* of a room name that nobody has: 130 bits */

/* --- XEP-0307 ------------------------------------------------------------------------------------------- */

static bool is_free(struct iq *iq, struct str name)
{
	struct arena arena = {0};
	struct jid room;
	struct directory_entry entry;
	jid_make(name, jid_domain(iq->to), STR_NULL, &arena, &room, NULL);
	bool known = directory_find(muc_of(iq->instance)->directory, jid_bare(&room), &arena, &entry);
	arena_fini(&arena);
	return !known;
}

static enum iq_verdict on_unique(struct iq *iq)
{
	char name[NAME_LENGTH + 1];
	if (iq->type == IQ_SET)
		return iq_refuse(iq, SE_not_allowed, NULL);
	if (!muc_allows(iq->instance, "access_create", iq->from))
		return iq_refuse(iq, SE_forbidden, "you may not create rooms here");
	do {
		rand_id(name, NAME_LENGTH);
	} while (!is_free(iq, str_of(name)));
	xml_put_element(iq->reply, "unique", NS_MUC_UNIQUE, str_of(name));
	return IQ_ANSWER;
}

/* --- IQs ------------------------------------------------------------------------------------------------ */

static const struct answer {
	const char *name, *ns;
	iq_handler *handler;
} answers[] = {
    {"query", NS_DISCO_ITEMS, service_items_on_iq},
    {"query", NS_REGISTER, muc_register_on_iq},
    {"subscriptions", NS_MUCSUB, muc_subscriptions_on_iq},
    {"unique", NS_MUC_UNIQUE, on_unique},
};

static const struct answer *answer_to(const struct xml *payload)
{
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (xml_is(payload, answers[i].name, answers[i].ns))
			return &answers[i];
	return NULL;
}

/* What any service answers, with the features of this one. */
static bool answer_as_service(
    struct module_instance *instance, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	const char *features[9] = {NS_MUC, NS_MUC "#stable_id", NS_MUC_UNIQUE, NS_RSM, NS_MUCSUB};
	struct service service = {
	    .category = "conference", .type = "text", .features = features, .per_domain = true};
	if (muc_allows(instance, "access_register", from))
		features[5] = NS_REGISTER;
	return service_answer(instance, &service, from, to, stanza);
}

static bool is_readable(const struct xml *payload)
{
	return xml_is(payload, "query", NS_DISCO_INFO) || xml_is(payload, "vCard", "vcard-temp") ||
	       xml_is(payload, "ping", "urn:xmpp:ping");
}

static void on_request(
    struct module_instance *instance, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	const struct xml *payload = stanza_payload(stanza);
	const struct answer *answer = payload ? answer_to(payload) : NULL;
	if (!payload) {
		muc_refuse(from, to, stanza, SE_bad_request, "a request has exactly one element");
	} else if (answer) {
		struct iq iq;
		struct xml_writer reply = {.default_ns = NS_CLIENT};
		muc_iq_begin(&iq, instance, from, to, stanza, &reply);
		muc_iq_end(&iq, answer->handler(&iq));
		xml_writer_fini(&reply);
	} else if (!answer_as_service(instance, from, to, stanza)) {
		muc_refuse(from, to, stanza, is_readable(payload) ? SE_not_allowed : SE_service_unavailable, NULL);
	}
}

/* --- messages and presence ------------------------------------------------------------------------------ */

static void on_message(
    struct module_instance *instance, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	if (stanza->type == STANZA_ERROR)
		return;
	if (muc_allows(instance, "access_admin", from))
		service_say(instance, from, to, stanza);
	else
		muc_refuse(from, to, stanza, SE_forbidden, "only administrators of the service may speak to all rooms");
}

/* Nobody gets the presence of a service; what is meant for a room has the room's name in front. */
static void on_presence(const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	if (stanza->type == PRESENCE_SUBSCRIBE) {
		struct stanza *answer = stanza_with_type(stanza, PRESENCE_UNSUBSCRIBED, stanza->id);
		route(to, from, answer);
		stanza_unref(&answer);
	} else if (stanza->type == PRESENCE_AVAILABLE || stanza->type == PRESENCE_UNAVAILABLE) {
		muc_refuse(from, to, stanza, SE_service_unavailable, "the name of a room is missing");
	}
}

void muc_service_deliver(
    struct module_instance *instance, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	if (!muc_allows(instance, "access", from))
		muc_refuse(from, to, stanza, SE_forbidden, "you may not use this service");
	else if (jid_resource(to).len)
		muc_refuse(from, to, stanza, SE_service_unavailable, "the service has no resources");
	else if (stanza_is_request(stanza))
		on_request(instance, from, to, stanza);
	else if (stanza->kind == STANZA_MESSAGE)
		on_message(instance, from, to, stanza);
	else if (stanza->kind == STANZA_PRESENCE)
		on_presence(from, to, stanza);
}
