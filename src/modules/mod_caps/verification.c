/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/evp.h>
#include <stdlib.h>

#include "modules/mod_caps/caps.h"
#include "stanzad/form.h"

#define NS_DISCO_INFO "http://jabber.org/protocol/disco#info"
#define NS_DATA "jabber:x:data"

struct lines {
	struct strbuf *items;
	size_t count;
};

static struct strbuf *line_add(struct lines *lines)
{
	lines->items = reallocarray(lines->items, lines->count + 1, sizeof(*lines->items));
	if (!lines->items)
		abort();
	lines->items[lines->count] = (struct strbuf){0};
	return &lines->items[lines->count++];
}

static int by_octets(const void *a, const void *b)
{
	return str_cmp(strbuf_view(a), strbuf_view(b));
}

/* In order, each with the '<' behind it. */
static void lines_write(struct lines *lines, struct strbuf *out)
{
	if (lines->count)
		qsort(lines->items, lines->count, sizeof(*lines->items), by_octets);
	for (size_t i = 0; i < lines->count; i++) {
		strbuf_str(out, strbuf_view(&lines->items[i]));
		strbuf_char(out, '<');
		strbuf_fini(&lines->items[i]);
	}
	free(lines->items);
	*lines = (struct lines){0};
}

static void put_identities(const struct xml *query, struct strbuf *out)
{
	struct lines lines = {0};
	const struct xml *identity = xml_child(query, "identity", NS_DISCO_INFO);
	for (; identity; identity = xml_next(identity, "identity", NS_DISCO_INFO)) {
		struct strbuf *line = line_add(&lines);
		strbuf_str(line, xml_attr(identity, "category"));
		strbuf_char(line, '/');
		strbuf_str(line, xml_attr(identity, "type"));
		strbuf_char(line, '/');
		strbuf_str(line, xml_lang(identity));
		strbuf_char(line, '/');
		strbuf_str(line, xml_attr(identity, "name"));
	}
	lines_write(&lines, out);
}

static void put_features(const struct xml *query, struct strbuf *out)
{
	struct lines lines = {0};
	const struct xml *feature = xml_child(query, "feature", NS_DISCO_INFO);
	for (; feature; feature = xml_next(feature, "feature", NS_DISCO_INFO))
		strbuf_str(line_add(&lines), xml_attr(feature, "var"));
	lines_write(&lines, out);
}

/* var<value<value, the values in order; lines_write adds the last '<'. */
static void put_field(const struct xml *field, struct strbuf *line)
{
	struct lines values = {0};
	struct strbuf text = {0};
	const struct xml *value = xml_child(field, "value", NS_DATA);
	for (; value; value = xml_next(value, "value", NS_DATA))
		strbuf_str(line_add(&values), xml_text(value, &text));
	strbuf_str(line, xml_attr(field, "var"));
	strbuf_char(line, '<');
	lines_write(&values, line);
	line->len--;
	strbuf_fini(&text);
}

/* 5.1, 7; 5.4, 3.6: a form without a hidden FORM_TYPE does not count. */
static void put_forms(const struct xml *query, struct strbuf *out)
{
	struct lines forms = {0};
	const struct xml *x = xml_child(query, "x", NS_DATA);
	for (; x; x = xml_next(x, "x", NS_DATA)) {
		struct lines fields = {0};
		const struct xml *type = form_field(x, "FORM_TYPE");
		if (!type || !str_is(xml_attr(type, "type"), "hidden"))
			continue;
		struct strbuf *form = line_add(&forms);
		strbuf_str(form, form_namespace(x));
		strbuf_char(form, '<');
		const struct xml *field = xml_child(x, "field", NS_DATA);
		for (; field; field = xml_next(field, "field", NS_DATA))
			if (field != type)
				put_field(field, line_add(&fields));
		lines_write(&fields, form);
		form->len--;
	}
	lines_write(&forms, out);
}

void caps_verification_string(const struct xml *query, struct strbuf *out)
{
	put_identities(query, out);
	put_features(query, out);
	put_forms(query, out);
}

void caps_ver(const struct xml *query, char ver[CAPS_VER_SIZE])
{
	struct strbuf string = {0};
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	caps_verification_string(query, &string);
	if (EVP_Digest(string.ptr ? string.ptr : "", string.len, hash, &len, EVP_sha1(), NULL) != 1)
		len = 0;
	EVP_EncodeBlock((unsigned char *)ver, hash, (int)len);
	strbuf_fini(&string);
}
