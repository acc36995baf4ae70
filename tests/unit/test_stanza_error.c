/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/stanza.h"
#include "tap.h"

#define STANZAS "urn:ietf:params:xml:ns:xmpp-stanzas"

static struct arena arena;

static struct stanza *parse(const char *text)
{
	struct err err = {""};
	struct stanza *stanza = stanza_parse(str_of(text), &xml_limits_default, &err);

	if (!stanza) {
		printf("Bail out! %s\n", err.text);
		exit(1);
	}
	return stanza;
}

static struct str written(const struct stanza *stanza)
{
	struct strbuf out = {0};
	struct str text;

	stanza_write(&out, stanza, NULL, NULL);
	text = arena_str(&arena, strbuf_view(&out));
	strbuf_fini(&out);
	return text;
}

static struct stanza *error_to(const char *text, struct stanza_error error, const struct jid *by)
{
	struct stanza *original = parse(text), *reply = stanza_make_error(original, &error, by);

	stanza_unref(&original);
	return reply;
}

static void test_reply(void)
{
	struct jid by = {"example.com", 0, 11, 0};
	struct stanza *reply =
	    error_to("<iq type='get' id='a1' from='x@y' to='z' xml:lang='de'><q xmlns='urn:q'><i/></q></iq>",
		(struct stanza_error){.condition = SE_item_not_found, .text = "No <such> thing"}, &by);
	const struct xml *error;

	is_text(written(reply),
	    "<iq type='error' id='a1' xml:lang='de'><q xmlns='urn:q'><i/></q>"
	    "<error code='404' type='cancel' by='example.com'>"
	    "<item-not-found xmlns='" STANZAS "'/>"
	    "<text xmlns='" STANZAS "' xml:lang='en'>No &lt;such&gt; thing</text></error></iq>");
	is_int(reply->type, STANZA_ERROR);
	is_int(reply->kind, STANZA_IQ);
	is_text(reply->id, "a1");
	is_text(xml_first_element(reply->root)->name, "q");
	error = xml_child(reply->root, "error", NULL);
	ok(xml_child(error, "item-not-found", STANZAS) != NULL);
	stanza_unref(&reply);
}

static void test_details(void)
{
	struct stanza *reply = error_to("<message><body>b</body></message>",
	    (struct stanza_error){.condition = SE_gone,
		.redirect = STR("xmpp:a@b?x&y"),
		.app_xml = STR("<moved xmlns='urn:m'/>")},
	    NULL);

	is_text(written(reply),
	    "<message type='error'><body>b</body><error code='302' type='cancel'>"
	    "<gone xmlns='" STANZAS "'>xmpp:a@b?x&amp;y</gone><moved xmlns='urn:m'/></error></message>");
	stanza_unref(&reply);
}

static void test_tail_is_part(void)
{
	struct stanza *base = parse("<message id='1'><body>b</body></message>");
	struct stanza *stamped = stanza_with_tail(base, STR("<x xmlns='urn:x'/>"));
	struct stanza *reply =
	    stanza_make_error(stamped, &(struct stanza_error){.condition = SE_forbidden}, NULL);

	ok(xml_child(reply->root, "x", "urn:x") != NULL);
	is_text(reply->tail, "");
	stanza_unref(&base);
	stanza_unref(&stamped);
	stanza_unref(&reply);
}

static void test_conditions(void)
{
	static const struct {
		enum stanza_condition condition;
		const char *name, *type, *code;
	} rows[] = {
#define STANZA_CONDITION(token, text, type, code) {SE_##token, text, type, #code},
#include "stanzad/stanza_errors.def"
#undef STANZA_CONDITION
	};

	is_int(sizeof(rows) / sizeof(rows[0]), SE_COUNT);
	for (size_t i = 0; i < SE_COUNT; i++) {
		struct stanza *reply =
		    error_to("<presence/>", (struct stanza_error){.condition = rows[i].condition}, NULL);
		const struct xml *error = xml_child(reply->root, "error", NULL);

		is_cstr(stanza_condition_text(rows[i].condition), rows[i].name);
		is_text(xml_attr(error, "type"), rows[i].type);
		is_text(xml_attr(error, "code"), rows[i].code);
		is_text(xml_first_element(error)->name, rows[i].name);
		stanza_unref(&reply);
	}
}

static void test_types(void)
{
	static const struct {
		char letter;
		const char *word;
	} types[] = {{'a', "auth"}, {'c', "cancel"}, {'n', "continue"}, {'m', "modify"}, {'w', "wait"}};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct stanza *reply = error_to("<presence/>",
		    (struct stanza_error){.condition = SE_conflict, .type = types[i].letter}, NULL);

		is_text(xml_attr(xml_child(reply->root, "error", NULL), "type"), types[i].word);
		stanza_unref(&reply);
	}
}

static void test_never_answered(void)
{
	struct stanza_error error = {.condition = SE_bad_request};
	struct stanza *reply;

	ok(!error_to("<message type='error'/>", error, NULL));
	ok(!error_to("<presence type='error'/>", error, NULL));
	ok(!error_to("<iq type='error' id='1'/>", error, NULL));
	ok(!error_to("<iq type='result' id='1'/>", error, NULL));
	reply = error_to("<iq type='bogus' id='1'/>", error, NULL);
	is_int(reply->type, STANZA_ERROR);
	stanza_unref(&reply);
}

static void test_deep_original(void)
{
	struct strbuf text = {0};
	struct stanza *reply;

	strbuf_cstr(&text, "<message>");
	for (int i = 0; i < 63; i++)
		strbuf_cstr(&text, "<a>");
	for (int i = 0; i < 63; i++)
		strbuf_cstr(&text, "</a>");
	strbuf_cstr(&text, "</message>");
	reply = error_to(text.ptr, (struct stanza_error){.condition = SE_policy_violation}, NULL);
	ok(xml_child(reply->root, "error", NULL) != NULL);
	stanza_unref(&reply);
	strbuf_fini(&text);
}

static void test_result(void)
{
	struct xml_writer children = {.default_ns = NS_CLIENT};
	struct stanza *request = parse("<iq type='get' id='it&apos;s'><q xmlns='urn:q'/></iq>"), *result;

	result = stanza_make_result(request, &children);
	is_text(written(result), "<iq type='result' id='it&apos;s'/>");
	is_int(result->type, IQ_RESULT);
	stanza_unref(&result);
	result = stanza_make_result(request, NULL);
	is_text(written(result), "<iq type='result' id='it&apos;s'/>");
	stanza_unref(&result);
	for (int i = 0; i < 2; i++) {
		xml_open(&children, "q", "urn:q");
		xml_put_element(&children, "i", NULL, STR("1"));
		xml_close(&children);
		result = stanza_make_result(request, &children);
		is_text(
		    written(result), "<iq type='result' id='it&apos;s'><q xmlns='urn:q'><i>1</i></q></iq>");
		is_text(stanza_payload(result)->ns, "urn:q");
		stanza_unref(&result);
	}
	stanza_unref(&request);
	xml_writer_fini(&children);
}

int main(void)
{
	run(test_reply);
	run(test_details);
	run(test_tail_is_part);
	run(test_conditions);
	run(test_types);
	run(test_never_answered);
	run(test_deep_original);
	run(test_result);
	arena_fini(&arena);
	return tap_done();
}
