/* SPDX-License-Identifier: Apache-2.0 */
/* Requests in delegated namespaces: XEP-0355 4.3. */
#include <stdlib.h>

#include "modules/forward.h"
#include "modules/mod_delegation/delegation.h"
#include "stanzad/arena.h"
#include "stanzad/mem.h"
#include "stanzad/request.h"

#define ANSWER_MS 30000 /* well before the core would answer */

struct pending {
	struct list link;
	struct iq *later; /* NULL: it was answered; with the lock */
	char *domain;
	bool old;
};

/* --- answers -------------------------------------------------------------------------------------------- */

/* A missing address is that of the user whose request it was: the examples of 4.3 leave 'from' out. */
static bool is_jid(struct str text, const struct jid *jid, bool may_miss)
{
	struct arena arena = {0};
	struct jid given;
	struct err err;
	if (!text.ptr)
		return may_miss;
	bool same = jid_parse(text, &arena, &given, &err) == 0 && jid_eq(&given, jid);
	arena_fini(&arena);
	return same;
}

/* What the component lets us answer; NULL: nothing that may be sent on. */
static const struct xml *read_answer(const struct pending *pending, const struct iq *iq, struct stanza *answer)
{
	const char *ns = pending->old ? NS_DELEGATION_OLD : NS_DELEGATION;
	const struct xml *delegation = answer ? stanza_payload(answer) : NULL;
	if (!answer || answer->type != IQ_RESULT || !delegation || !xml_is(delegation, "delegation", ns))
		return NULL;
	const struct xml *result = forward_get(delegation, "iq");
	if (!result || !str_is(xml_attr_s(result, "type"), "result") || !str_eq(xml_attr_s(result, "id"), iq->id) ||
	    !is_jid(xml_attr(result, "to"), iq->from, false) || !is_jid(xml_attr(result, "from"), iq->to, true))
		return NULL;
	return xml_first_element(result) && !forward_only_child(result) ? NULL : result;
}

static void unavailable(struct iq *later, const char *text)
{
	iq_finish(&later, iq_refuse(later, SE_service_unavailable, text));
}

static void on_answer(struct module_instance *instance, void *arg, struct stanza *answer)
{
	struct delegations *delegations = module_state(instance);
	struct pending *pending = arg;
	pthread_mutex_lock(&delegations->lock);
	struct iq *later = pending->later;
	list_remove(&pending->link);
	pthread_mutex_unlock(&delegations->lock);
	const struct xml *result = later ? read_answer(pending, later, answer) : NULL;
	if (result) {
		if (xml_first_element(result))
			xml_put(later->reply, xml_first_element(result));
		iq_finish(&later, IQ_ANSWER);
	} else if (later) {
		unavailable(later, answer ? NULL : "the service that answers this did not, in time");
	}
	free(pending->domain);
	free(pending);
}

void delegated_end(struct delegations *delegations, struct str domain)
{
	struct iq *later;
	do {
		later = NULL;
		pthread_mutex_lock(&delegations->lock);
		const struct list *end = &delegations->pending;
		for (struct list *at = end->next; !later && at != end; at = at->next) {
			struct pending *pending = list_entry(at, struct pending, link);
			if (str_is(domain, pending->domain)) {
				later = pending->later;
				pending->later = NULL;
			}
		}
		pthread_mutex_unlock(&delegations->lock);
		if (later)
			unavailable(later, "the service that answers this has gone");
	} while (later);
}

/* --- requests ------------------------------------------------------------------------------------------- */

static void forward(struct iq *iq, struct str domain, bool old)
{
	struct delegations *delegations = module_state(iq->instance);
	const struct jid to = {.text = domain.ptr, .domain_len = (uint16_t)domain.len};
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	struct pending *pending = mem_zalloc(sizeof(*pending));
	pending->later = iq_later(iq);
	pending->domain = str_dup(domain);
	pending->old = old;
	pthread_mutex_lock(&delegations->lock);
	list_add_before(&delegations->pending, &pending->link);
	pthread_mutex_unlock(&delegations->lock);
	xml_open(&writer, "delegation", old ? NS_DELEGATION_OLD : NS_DELEGATION);
	forward_put(&writer, iq->stanza, iq->from, iq->to, iq->id);
	xml_close(&writer);
	module_ask(iq->instance, &to, IQ_SET, &writer, ANSWER_MS, on_answer, pending);
	xml_writer_fini(&writer);
}

static bool has_attributes(const struct xml *payload, char *const *names)
{
	for (; *names; names++)
		if (!xml_attr(payload, *names).ptr)
			return false;
	return true;
}

/* 4.3.1: what the component itself asks, also in the name of a user, is for the server. */
static bool is_for_server(const struct iq *iq, const char *domain)
{
	return (domain && str_is(jid_bare(iq->from), domain)) || (iq->own && !iq->from->resource_len);
}

/* key: the namespace as the options name it. */
static enum iq_verdict hand_on(struct iq *iq, struct str key)
{
	struct delegations *delegations = module_state(iq->instance);
	pthread_mutex_lock(&delegations->lock);
	const struct delegation *delegation = delegation_of(delegations, key);
	bool pass = !delegation || !has_attributes(iq->payload, delegation->filtering) ||
		    is_for_server(iq, delegation->domain);
	char *domain = !pass && delegation->domain ? str_dup(str_of(delegation->domain)) : NULL;
	bool old = delegation && delegation->old;
	pthread_mutex_unlock(&delegations->lock);
	if (pass)
		return IQ_PASS;
	if (!domain)
		return iq_refuse(iq, SE_service_unavailable, "the service that answers this is not connected");
	forward(iq, str_of(domain), old);
	free(domain);
	return IQ_LATER;
}

enum iq_verdict delegated_on_iq(struct iq *iq)
{
	return hand_on(iq, iq->ns);
}

/* --- service discovery at users: XEP-0355 7.2.4, 7.2.5 -------------------------------------------------- */

/* Asks the server's own modules, whose answer nobody reads. */
static bool is_known(struct iq *iq, struct str node, bool items)
{
	struct xml_writer unread = {.default_ns = NS_CLIENT};
	struct hook_disco event = {
	    .from = iq->from,
	    .to = iq->to,
	    .user = iq->user,
	    .node = node,
	    .reply = &unread,
	    .contact = true,
	    .error = {.condition = SE_service_unavailable},
	};
	xml_open(&unread, "query", items ? NS_DISCO_ITEMS : NS_DISCO_INFO);
	enum hook_verdict verdict =
	    items ? hook_run_disco_items(iq->host, &event) : hook_run_disco_info(iq->host, &event);
	xml_writer_fini(&unread);
	return event.found || verdict == HOOK_BOUNCE;
}

/* XEP-0030 8: who may not see a user's presence gets what mod_disco says to such. */
static enum iq_verdict on_disco(struct iq *iq, bool items)
{
	struct str node = xml_attr_s(iq->payload, "node");
	if (iq->type != IQ_GET || !iq->user || !user_exists(iq->user) || !roster_may_see(iq->user, iq->from) ||
	    (node.len ? is_known(iq, node, items) : !items))
		return IQ_PASS;
	return hand_on(iq, items ? STR(ALL_ITEMS) : STR(ALL_INFO));
}

enum iq_verdict delegated_on_info(struct iq *iq)
{
	return on_disco(iq, false);
}

enum iq_verdict delegated_on_items(struct iq *iq)
{
	return on_disco(iq, true);
}
