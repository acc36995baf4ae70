/* SPDX-License-Identifier: Apache-2.0 */
/* Which component has a namespace, what it is told (XEP-0355 4.2), and its features (7.2). */
#include <stdlib.h>

#include "modules/mod_delegation/delegation.h"
#include "stanzad/access.h"
#include "stanzad/mem.h"
#include "stanzad/rand.h"
#include "stanzad/request.h"

#define ANSWER_MS 30000
#define INFO_MAX 65536 /* bytes */
#define ID_LEN 16

/* --- features: XEP-0355 7.2 ----------------------------------------------------------------------------- */

enum hook_verdict managing_on_disco_info(struct module_instance *instance, struct hook_disco_info *event)
{
	struct delegations *delegations = module_state(instance);
	if (event->node.len)
		return HOOK_PASS;
	pthread_mutex_lock(&delegations->lock);
	for (size_t i = 0; i < delegations->count; i++)
		xml_put_raw(
		    event->reply, strbuf_view(&delegations->list[i].info[event->user ? IQ_SM : IQ_LOCAL]));
	pthread_mutex_unlock(&delegations->lock);
	return HOOK_PASS;
}

/* What is nested has changed. To join the hook anew makes another generation of the host, so that what was made of
 * its features is made again; twice for a moment, but never not at all. */
static void info_changed(struct module_instance *instance)
{
	static const struct hook_entry entry =
	    HOOK_ENTRY(disco_info, managing_on_disco_info, HOOK_NORMAL, NULL);
	struct delegations *delegations = module_state(instance);
	struct err err;
	bool nested = delegations->nests;
	delegations->nests = module_add_hook(instance, &entry, &err) == 0;
	if (nested)
		module_remove_hook(instance, &entry, &err);
}

struct question {
	char *ns, *domain;
	enum iq_component component;
	bool old;
};

static void ask_info(struct module_instance *instance, struct question *question);

static void read_info(const struct xml *query, struct strbuf *info)
{
	strbuf_reset(info);
	for (const struct xml *child = xml_first_element(query); child; child = xml_next_element(child))
		if (xml_is(child, "identity", NS_DISCO_INFO) || xml_is(child, "feature", NS_DISCO_INFO) ||
		    xml_is(child, "x", "jabber:x:data"))
			xml_write(info, child, STR(NS_DISCO_INFO));
	if (info->len > INFO_MAX)
		strbuf_reset(info);
}

static void on_info(struct module_instance *instance, void *arg, struct stanza *answer)
{
	struct delegations *delegations = module_state(instance);
	struct question *question = arg;
	const struct xml *query = answer && answer->type == IQ_RESULT ? stanza_payload(answer) : NULL;
	bool changed = false;
	if (answer && answer->type == STANZA_ERROR && !question->old) {
		question->old = true;
		ask_info(instance, question);
		return;
	}
	pthread_mutex_lock(&delegations->lock);
	struct delegation *delegation = delegation_of(delegations, str_of(question->ns));
	if (query && xml_is(query, "query", NS_DISCO_INFO) && delegation->domain &&
	    strcmp(delegation->domain, question->domain) == 0) {
		read_info(query, &delegation->info[question->component]);
		delegation->old |= question->old;
		changed = true;
	}
	pthread_mutex_unlock(&delegations->lock);
	if (changed)
		info_changed(instance);
	free(question->ns);
	free(question->domain);
	free(question);
}

static void ask_info(struct module_instance *instance, struct question *question)
{
	struct str domain = str_of(question->domain);
	const struct jid to = {.text = domain.ptr, .domain_len = (uint16_t)domain.len};
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	struct strbuf node = {0};
	strbuf_cstr(&node, question->old ? NS_DELEGATION_OLD : NS_DELEGATION);
	strbuf_cstr(&node, question->component == IQ_LOCAL ? "::" : ":bare:");
	strbuf_cstr(&node, question->ns);
	xml_open(&writer, "query", NS_DISCO_INFO);
	xml_put_attr(&writer, "node", strbuf_view(&node));
	xml_close(&writer);
	module_ask(instance, &to, IQ_GET, &writer, ANSWER_MS, on_info, question);
	strbuf_fini(&node);
	xml_writer_fini(&writer);
}

static void ask_infos(struct module_instance *instance, const char *ns, const char *domain)
{
	if (str_starts(str_of(ns), NS_DELEGATION))
		return;
	for (unsigned component = 0; component < 2; component++) {
		struct question *question = mem_zalloc(sizeof(*question));
		question->ns = str_dup(str_of(ns));
		question->domain = str_dup(str_of(domain));
		question->component = component;
		ask_info(instance, question);
	}
}

/* --- telling: XEP-0355 4.2 ------------------------------------------------------------------------------ */

static bool put_delegated(
    struct xml_writer *writer, const char *xmlns, const struct delegations *delegations, const char *domain)
{
	bool any = false;
	xml_open(writer, "delegation", xmlns);
	for (size_t i = 0; i < delegations->count; i++) {
		const struct delegation *delegation = &delegations->list[i];
		if (!delegation->domain || strcmp(delegation->domain, domain) != 0)
			continue;
		any = true;
		xml_open(writer, "delegated", NULL);
		xml_put_attr(writer, "namespace", str_of(delegation->ns));
		for (char **name = delegation->filtering; *name; name++) {
			xml_open(writer, "attribute", NULL);
			xml_put_attr(writer, "name", str_of(*name));
			xml_close(writer);
		}
		xml_close(writer);
	}
	xml_close(writer);
	return any;
}

static void advertise(struct module_instance *instance, const char *domain)
{
	const struct jid to = {.text = domain, .domain_len = (uint16_t)strlen(domain)};
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	char id[ID_LEN + 1];
	rand_id(id, ID_LEN);
	xml_open(&writer, "message", NULL);
	xml_put_attr(&writer, "id", str_of(id));
	bool any = put_delegated(&writer, NS_DELEGATION, module_state(instance), domain);
	put_delegated(&writer, NS_DELEGATION_OLD, module_state(instance), domain);
	xml_close(&writer);
	struct stanza *message = stanza_from_writer(&writer);
	if (any)
		route(host_jid(module_host(instance)), &to, message);
	stanza_unref(&message);
	xml_writer_fini(&writer);
}

/* --- who has what --------------------------------------------------------------------------------------- */

struct search {
	const struct module_instance *instance;
	struct str rule, found;
};

static void look(void *arg, struct str domain)
{
	struct search *search = arg;
	const struct jid jid = {.text = domain.ptr, .domain_len = (uint16_t)domain.len};
	const struct access_subject subject = {.jid = &jid};
	if (search->found.len && str_cmp(search->found, domain) < 0)
		return;
	if (module_rule_allows(search->instance, search->rule, &subject))
		search->found = domain;
}

static bool may_keep(const struct module_instance *instance, const struct delegation *delegation)
{
	struct search search = {instance, str_of(delegation->rule), STR_NULL};
	struct str domain = str_of(delegation->domain);
	if (route_is_component(domain))
		look(&search, domain);
	return search.found.len;
}

/* The domain that does not have it any more; free it. NULL: nothing has changed. */
static char *drop(struct module_instance *instance, struct delegation *delegation)
{
	struct delegations *delegations = module_state(instance);
	char *domain = delegation->domain;
	if (!domain || may_keep(instance, delegation))
		return NULL;
	pthread_mutex_lock(&delegations->lock);
	delegation->domain = NULL;
	delegation->old = false;
	strbuf_fini(&delegation->info[IQ_LOCAL]);
	strbuf_fini(&delegation->info[IQ_SM]);
	pthread_mutex_unlock(&delegations->lock);
	delegated_end(delegations, str_of(domain));
	return domain;
}

static bool give(struct module_instance *instance, struct delegation *delegation)
{
	struct delegations *delegations = module_state(instance);
	struct search search = {instance, str_of(delegation->rule), STR_NULL};
	if (delegation->domain)
		return false;
	route_each_component(look, &search);
	if (!search.found.len)
		return false;
	pthread_mutex_lock(&delegations->lock);
	delegation->domain = str_dup(search.found);
	pthread_mutex_unlock(&delegations->lock);
	return true;
}

/* Whether one before it in the list was told already. */
static bool is_told(const struct delegations *delegations, const bool *given, size_t place)
{
	for (size_t i = 0; i < place; i++)
		if (given[i] && strcmp(delegations->list[i].domain, delegations->list[place].domain) == 0)
			return true;
	return false;
}

void managing_refresh(struct module_instance *instance, const char *domain)
{
	struct delegations *delegations = module_state(instance);
	bool *given = mem_zalloc(delegations->count + 1), lost = false, told = false;
	for (size_t i = 0; i < delegations->count; i++) {
		char *before = drop(instance, &delegations->list[i]);
		lost |= before != NULL;
		free(before);
	}
	for (size_t i = 0; i < delegations->count; i++)
		given[i] = give(instance, &delegations->list[i]);
	for (size_t i = 0; i < delegations->count; i++)
		if (given[i] && !is_told(delegations, given, i)) {
			advertise(instance, delegations->list[i].domain);
			told |= domain && strcmp(domain, delegations->list[i].domain) == 0;
		}
	if (domain && !told)
		advertise(instance, domain);
	for (size_t i = 0; i < delegations->count; i++)
		if (given[i])
			ask_infos(instance, delegations->list[i].ns, delegations->list[i].domain);
	if (lost)
		info_changed(instance);
	free(given);
}
