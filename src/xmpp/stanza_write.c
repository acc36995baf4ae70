/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "stanzad/stanza.h"

#define ESCAPE_MAX 6      /* bytes that one may become */
#define START_TAG_MAX 128 /* bytes of a start tag without the values of its attributes */
#define NS_XML "http://www.w3.org/XML/1998/namespace"

static const char *const escapes[256] = {
    ['\t'] = "&#9;",
    ['\n'] = "&#10;",
    ['\r'] = "&#13;",
    ['&'] = "&amp;",
    ['<'] = "&lt;",
    ['>'] = "&gt;",
    ['\''] = "&apos;",
    ['"'] = "&quot;",
};

static const struct str kinds[] = {
    [STANZA_MESSAGE] = {"message", 7}, [STANZA_PRESENCE] = {"presence", 8}, [STANZA_IQ] = {"iq", 2}};

/* These write at a place with enough room and return the end of what they wrote. */
static inline char *put_bytes(char *p, struct str bytes)
{
	if (bytes.len > 0)
		memcpy(p, bytes.ptr, bytes.len);
	return p + bytes.len;
}

static inline char *put_escaped(char *p, struct str value)
{
	const char *at = value.ptr, *end = at + value.len;

	while (at < end) {
		const char *plain = at;

		while (at < end && !escapes[(unsigned char)*at])
			at++;
		p = put_bytes(p, (struct str){plain, (size_t)(at - plain)});
		if (at < end)
			p = stpcpy(p, escapes[(unsigned char)*at++]);
	}
	return p;
}

static inline char *put_attr(char *p, struct str start, struct str value)
{
	p = put_escaped(put_bytes(p, start), value);
	*p++ = '\'';
	return p;
}

static bool names_another_type(struct str text)
{
	for (enum stanza_type type = MESSAGE_CHAT; type <= MESSAGE_HEADLINE; type++) {
		if (str_is(text, stanza_type_text(type)))
			return true;
	}
	return str_is(text, "error");
}

/* A type that there is not stays for those who look on, and so does a "normal" that was spelt out. */
static struct str type_text(const struct stanza *stanza)
{
	struct str text;

	if (stanza->type != STANZA_TYPE_INVALID && stanza->type != MESSAGE_NORMAL)
		return str_of(stanza_type_text(stanza->type));
	text = xml_attr(stanza->root, "type");
	return stanza->type == MESSAGE_NORMAL && names_another_type(text) ? STR_NULL : text;
}

static void put_start(struct strbuf *out, const struct stanza *stanza, struct str from, struct str to)
{
	struct str type = type_text(stanza);
	size_t values = from.len + to.len + type.len + stanza->id.len + stanza->lang.len;
	char *start = strbuf_reserve(
	    out, START_TAG_MAX + ESCAPE_MAX * values + stanza->root->inner.len + stanza->tail.len);
	char *p = start;

	*p++ = '<';
	p = put_bytes(p, kinds[stanza->kind]);
	if (from.ptr)
		p = put_attr(p, STR(" from='"), from);
	if (to.ptr)
		p = put_attr(p, STR(" to='"), to);
	if (type.len > 0)
		p = put_attr(p, STR(" type='"), type);
	if (stanza->id.ptr)
		p = put_attr(p, STR(" id='"), stanza->id);
	if (stanza->lang.ptr)
		p = put_attr(p, STR(" xml:lang='"), stanza->lang);
	out->len += (size_t)(p - start);
}

static bool is_written_apart(const struct xml_attr *attr)
{
	if (attr->ns.len > 0)
		return attr->name_token == XN_lang && str_is(attr->ns, NS_XML);
	return attr->name_token == XN_from || attr->name_token == XN_to || attr->name_token == XN_type ||
	       attr->name_token == XN_id;
}

static void put_other_attr(struct strbuf *out, const struct xml_attr *attr, unsigned index)
{
	char prefix[16] = "";
	char *p;

	if (str_is(attr->ns, NS_XML)) {
		strcpy(prefix, "xml:");
	} else if (attr->ns.len > 0) {
		snprintf(prefix, sizeof(prefix), "a%u", index);
		strbuf_printf(out, " xmlns:%s='", prefix);
		p = strbuf_reserve(out, ESCAPE_MAX * attr->ns.len);
		out->len += (size_t)(put_escaped(p, attr->ns) - p);
		strbuf_char(out, '\'');
		strcat(prefix, ":");
	}
	strbuf_char(out, ' ');
	strbuf_cstr(out, prefix);
	strbuf_str(out, attr->name);
	p = strbuf_reserve(out, 3 + ESCAPE_MAX * attr->value.len);
	out->len += (size_t)(put_attr(p, STR("='"), attr->value) - p);
}

static void put_others(struct strbuf *out, const struct xml *root)
{
	for (unsigned i = 0; i < root->attr_count; i++) {
		if (!is_written_apart(&root->attrs[i]))
			put_other_attr(out, &root->attrs[i], i);
	}
}

void stanza_write(
    struct strbuf *out, const struct stanza *stanza, const struct jid *from, const struct jid *to)
{
	put_start(out, stanza, from ? jid_full(from) : STR_NULL, to ? jid_full(to) : STR_NULL);
	put_others(out, stanza->root);
	if (stanza->root->inner.len + stanza->tail.len == 0) {
		strbuf_str(out, STR("/>"));
		return;
	}
	strbuf_char(out, '>');
	strbuf_str(out, stanza->root->inner);
	strbuf_str(out, stanza->tail);
	strbuf_str(out, STR("</"));
	strbuf_str(out, kinds[stanza->kind]);
	strbuf_char(out, '>');
}
