/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/stanza.h"

#include "stanzad/log.h"
#include "xmpp/stanza_limits.h"

#define NS_STANZAS "urn:ietf:params:xml:ns:xmpp-stanzas"

static const struct {
	const char *name;
	const char *type;
	unsigned code; /* XEP-0086, for clients of old */
} conditions[SE_COUNT] = {
#define STANZA_CONDITION(token, text, type, code) [SE_##token] = {text, type, code},
#include "stanzad/stanza_errors.def"
#undef STANZA_CONDITION
};

const char *stanza_condition_text(enum stanza_condition condition)
{
	return conditions[condition].name;
}

static const char *error_type(const struct stanza_error *error)
{
	switch (error->type) {
	case 'a':
		return "auth";
	case 'c':
		return "cancel";
	case 'n':
		return "continue";
	case 'm':
		return "modify";
	case 'w':
		return "wait";
	}
	return conditions[error->condition].type;
}

/* RFC 6120 8.3.2 */
static void put_error(struct xml_writer *writer, const struct stanza_error *error, const struct jid *by)
{
	xml_open(writer, "error", NULL);
	xml_put_attr_u64(writer, "code", conditions[error->condition].code);
	xml_put_attr(writer, "type", str_of(error_type(error)));
	if (by)
		xml_put_attr(writer, "by", jid_full(by));
	xml_put_element(writer, conditions[error->condition].name, NS_STANZAS, error->redirect);
	if (error->text) {
		xml_open(writer, "text", NS_STANZAS);
		xml_put_attr(writer, "xml:lang", STR("en"));
		xml_put_text(writer, str_of(error->text));
		xml_close(writer);
	}
	if (error->app_xml.len > 0)
		xml_put_raw(writer, error->app_xml);
	xml_close(writer);
}

/* The same stanza with a tree of its own, in which its tail is too; itself where it is beyond what a tree can
 * hold. */
static struct stanza *reparse(struct stanza *stanza)
{
	struct strbuf bytes = {0};
	struct stanza *parsed;

	stanza_write(&bytes, stanza, NULL, NULL);
	parsed = stanza_parse(strbuf_view(&bytes), &stanza_own_limits, NULL);
	strbuf_fini(&bytes);
	return parsed ? parsed : stanza_ref(stanza);
}

struct stanza *stanza_make_error(
    struct stanza *original, const struct stanza_error *error, const struct jid *by)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	struct stanza *typed, *tailed, *reply;

	/* RFC 6120 8.3.1 rule 4 and 8.2.3: neither errors nor results are answered */
	if (original->type == STANZA_ERROR || original->type == IQ_RESULT)
		return NULL;
	put_error(&writer, error, by);
	typed = stanza_with_type(original, STANZA_ERROR, original->id);
	tailed = stanza_with_tail(typed, strbuf_view(&writer.buf));
	reply = reparse(tailed);
	stanza_unref(&tailed);
	stanza_unref(&typed);
	xml_writer_fini(&writer);
	return reply;
}

struct stanza *stanza_make_result(const struct stanza *request, struct xml_writer *children)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	struct stanza *result;
	struct err err = {0};

	if (children && !xml_writer_complete(children)) {
		xml_writer_check(children, &err);
		LOG_ERROR("stanza.malformed", LOG_CSTR("reason", err.text));
		xml_writer_reset(children);
		return NULL;
	}
	xml_open(&writer, "iq", NULL);
	xml_put_attr(&writer, "type", STR("result"));
	xml_put_attr(&writer, "id", request->id);
	if (children && children->buf.len > 0)
		xml_put_raw(&writer, strbuf_view(&children->buf));
	xml_close(&writer);
	result = stanza_from_writer(&writer);
	if (children)
		xml_writer_reset(children);
	xml_writer_fini(&writer);
	return result;
}
