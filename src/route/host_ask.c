/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rand.h"
#include "route/host_private.h"
#include "stanzad/log.h"

#define ID_LEN 16

uint64_t host_generation(const struct host *host)
{
	return host_tables_now(host)->generation;
}

static struct stanza *request_make(struct str payload, struct err *err)
{
	struct strbuf text = {0};
	char id[ID_LEN + 1];
	rand_id(id, ID_LEN);
	strbuf_printf(&text, "<iq type='get' id='%s'>%.*s</iq>", id, STR_FMT(payload));
	struct stanza *stanza = stanza_parse(strbuf_view(&text), &xml_limits_default, err);
	strbuf_fini(&text);
	return stanza;
}

static struct xml_tree *answer(struct host *host, const struct iq_entry *entry, struct stanza *request)
{
	struct xml_writer reply = {.default_ns = NS_CLIENT};
	struct xml_tree *tree = NULL;
	struct err err = {0};
	size_t offset;
	struct iq iq = {
	    .from = host_jid(host),
	    .to = host_jid(host),
	    .type = IQ_GET,
	    .payload = stanza_payload(request),
	    .stanza = request,
	    .host = host,
	    .instance = entry->instance,
	    .reply = &reply,
	};
	if (entry->iq.handler(&iq) == IQ_ANSWER)
		tree = xml_parse(strbuf_view(&reply.buf), NS_CLIENT, &xml_limits_default, &offset, &err);
	if (!tree)
		LOG_ERROR("host.no_answer", LOG_STR("host", host_name(host)), LOG_CSTR("namespace", entry->ns),
		    LOG_CSTR("reason", err.text[0] ? err.text : "the handler refused"));
	xml_writer_fini(&reply);
	return tree;
}

struct xml_tree *host_ask(struct host *host, struct str payload)
{
	struct err err = {0};
	struct stanza *request = request_make(payload, &err);
	const struct xml *asked = request ? stanza_payload(request) : NULL;
	const struct iq_entry *entry = asked ? host_iq(host, IQ_LOCAL, asked->ns) : NULL;
	struct xml_tree *tree = NULL;
	if (!asked)
		LOG_ERROR("host.bad_question", LOG_CSTR("reason", err.text));
	else if (entry && entry->iq.discipline == IQ_NO_QUEUE)
		tree = answer(host, entry, request);
	stanza_unref(&request);
	return tree;
}
