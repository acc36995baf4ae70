/* SPDX-License-Identifier: Apache-2.0 */
/* Features of servers, their headers, and stanzas on the way to them. */
#include "stream/s2s_common.h"
#include "tap.h"

static bool has(const struct strbuf *out, const char *text)
{
	return memmem(out->ptr, out->len, text, strlen(text)) != NULL;
}

/* --- features ------------------------------------------------------------------------------------------- */

static struct s2s_features features_of(const char *inner)
{
	char text[2000];
	struct err err;
	struct s2s_features features;
	snprintf(text, sizeof(text),
	    "<stream:features xmlns:stream='http://etherx.jabber.org/streams'>%s</stream:features>", inner);
	struct xml_tree *tree = xml_parse(str_of(text), NS_CLIENT, &xml_limits_default, NULL, &err);
	if (!tree)
		printf("Bail out! %s\n", err.text);
	s2s_features_read(tree->root, &features);
	xml_tree_unref(&tree);
	return features;
}

static void nothing_is_offered(void)
{
	struct s2s_features none = features_of("");
	ok(!none.starttls && !none.external && !none.dialback && !none.bidi && !none.sm);
	none = features_of("<starttls/><bidi xmlns='urn:xmpp:bidi'/><mechanisms xmlns='urn:example:x'>"
			   "<mechanism>EXTERNAL</mechanism></mechanisms>");
	ok(!none.starttls && !none.external && !none.bidi);
}

static void all_is_offered(void)
{
	struct s2s_features all =
	    features_of("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"
			"<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism>"
			"<mechanism>\n EXTERNAL </mechanism></mechanisms>"
			"<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>"
			"<bidi xmlns='urn:xmpp:features:bidi'/><sm xmlns='urn:xmpp:sm:3'/>");
	ok(all.starttls && all.starttls_required);
	ok(all.external);
	ok(all.dialback && all.dialback_errors);
	ok(all.bidi && all.sm);
}

static void less_is_offered(void)
{
	struct s2s_features some =
	    features_of("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
			"<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>external</mechanism>"
			"</mechanisms><dialback xmlns='urn:xmpp:features:dialback'/>");
	ok(some.starttls && !some.starttls_required);
	ok(!some.external);
	ok(some.dialback && !some.dialback_errors);
}

/* --- headers and dialback ------------------------------------------------------------------------------- */

static void headers_are_escaped(void)
{
	struct s2s_header header = {
	    .from = STR("a'b"), .to = STR("c.example"), .lang = STR("en"), .versioned = true};
	struct strbuf out = {0};
	s2s_header_write(&out, &header);
	ok(has(&out, " from='a&apos;b' to='c.example' xml:lang='en' version='1.0'>"));
	ok(has(&out, "xmlns='jabber:server'"));
	ok(has(&out, "xmlns:db='jabber:server:dialback'"));
	strbuf_fini(&out);
}

static void dialback_elements(void)
{
	struct strbuf out = {0};
	struct s2s_dialback key = {"result", STR("a.example"), STR("b.example"), .text = STR("0123")};
	s2s_dialback_write(&out, &key);
	is_text(strbuf_view(&out), "<db:result from='a.example' to='b.example'>0123</db:result>");
	strbuf_reset(&out);
	struct s2s_dialback error = {"verify", STR("a.example"), STR("b.example"), STR("1"), STR("error"),
	    .condition = "item-not-found"};
	s2s_dialback_write(&out, &error);
	is_text(strbuf_view(&out), "<db:verify from='a.example' to='b.example' id='1' type='error'><error "
				   "type='cancel'><item-not-found "
				   "xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></db:verify>");
	strbuf_fini(&out);
}

static void domains_are_compared_prepared(void)
{
	ok(s2s_domain_is(STR("a.example"), STR("a.example")));
	ok(s2s_domain_is(STR("A.Example"), STR("a.example")));
	ok(s2s_domain_is(STR("xn--bcher-kva.example"), STR("b\xc3\xbc"
							   "cher.example")));
	ok(!s2s_domain_is(STR("b.example"), STR("a.example")));
	ok(!s2s_domain_is(STR(""), STR("a.example")));
}

/* --- stanzas -------------------------------------------------------------------------------------------- */

static void written(const char *text, const char *expected)
{
	struct err err;
	struct strbuf out = {0};
	struct stanza *stanza = stanza_parse(str_of(text), &xml_limits_default, &err);
	s2s_stanza_write(&out, stanza, NULL, NULL);
	is_text(strbuf_view(&out), expected);
	strbuf_fini(&out);
	stanza_unref(&stanza);
}

static void stanzas_change_their_namespace(void)
{
	written("<message id='1'><body>a</body></message>", "<message id='1'><body>a</body></message>");
	written("<message id='1'><body xmlns='jabber:client'>a &amp; b</body></message>",
	    "<message id='1'><body>a &amp; b</body></message>");
	written("<message xmlns:c='jabber:client' id='1'><c:body>a</c:body></message>",
	    "<message id='1'><body>a</body></message>");
	written("<message id='1'><body>jabber:client</body></message>",
	    "<message id='1'><body>jabber:client</body></message>");
}

static void what_is_quoted_stays(void)
{
	written("<message id='1'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'>"
		"<body>a</body></message></forwarded></message>",
	    "<message id='1'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'>"
	    "<body>a</body></message></forwarded></message>");
}

static void what_was_added_goes_along(void)
{
	struct err err;
	struct strbuf out = {0};
	struct stanza *base = stanza_parse(
	    STR("<message><body xmlns='jabber:client'>a</body></message>"), &xml_limits_default, &err);
	struct stanza *stanza = stanza_with_tail(base, STR("<x xmlns='urn:example:x'/>"));
	s2s_stanza_write(&out, stanza, NULL, NULL);
	is_text(strbuf_view(&out), "<message><body>a</body><x xmlns='urn:example:x'/></message>");
	strbuf_fini(&out);
	stanza_unref(&stanza);
	stanza_unref(&base);
}

int main(void)
{
	run(nothing_is_offered);
	run(all_is_offered);
	run(less_is_offered);
	run(headers_are_escaped);
	run(dialback_elements);
	run(domains_are_compared_prepared);
	run(stanzas_change_their_namespace);
	run(what_is_quoted_stays);
	run(what_was_added_goes_along);
	return tap_done();
}
