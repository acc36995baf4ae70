/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/xml.h"

#include "xml/chars.h"
#include "xml/write.h"

/*
 * The stack holds, for each open element, its name, its namespace when it is not its parent's, and this. An
 * element in its parent's namespace refers to where the text of it already is.
 */
struct open_element {
	uint32_t name_at;
	uint32_t name_len;
	uint32_t ns_at; /* NS_OUTSIDE: default_ns of the writer */
	uint32_t ns_len;
};

#define NS_OUTSIDE UINT32_MAX

void xml_writer_fini(struct xml_writer *writer)
{
	strbuf_fini(&writer->buf);
	strbuf_fini(&writer->stack);
	xml_writer_reset(writer);
}

void xml_writer_reset(struct xml_writer *writer)
{
	strbuf_reset(&writer->buf);
	strbuf_reset(&writer->stack);
	writer->misuse = NULL;
	writer->tag_at = 0;
	writer->depth = 0;
	writer->tag_open = false;
	writer->raw = false;
}

/* Only the first misuse counts: the others follow from it. */
static bool allowed(struct xml_writer *writer, bool right, const char *misuse)
{
	if (!right && !writer->misuse)
		writer->misuse = misuse;
	return !writer->misuse;
}

static bool top(const struct xml_writer *writer, struct open_element *elem_r)
{
	if (!writer->stack.len)
		return false;
	memcpy(elem_r, writer->stack.ptr + writer->stack.len - sizeof(*elem_r), sizeof(*elem_r));
	return true;
}

/* The default namespace where the next thing goes. */
static struct str current_ns(const struct xml_writer *writer)
{
	struct open_element elem;

	if (!top(writer, &elem) || elem.ns_at == NS_OUTSIDE)
		return writer->default_ns;
	return (struct str){writer->stack.ptr + elem.ns_at, elem.ns_len};
}

static void end_start_tag(struct xml_writer *writer)
{
	if (writer->tag_open)
		strbuf_char(&writer->buf, '>');
	writer->tag_open = false;
}

static bool ns_valid(struct str ns)
{
	return xml_can_carry(ns) && !str_is(ns, xml_ns_text(XNS_XML)) &&
	       !str_is(ns, "http://www.w3.org/2000/xmlns/");
}

static void write_open(struct xml_writer *writer, struct str name, const struct str *ns)
{
	struct open_element elem = {.ns_at = NS_OUTSIDE}, parent;

	if (top(writer, &parent)) {
		elem.ns_at = parent.ns_at;
		elem.ns_len = parent.ns_len;
	}
	elem.name_at = (uint32_t)writer->stack.len;
	elem.name_len = (uint32_t)name.len;
	strbuf_str(&writer->stack, name);
	strbuf_char(&writer->buf, '<');
	strbuf_str(&writer->buf, name);
	if (ns) {
		elem.ns_at = (uint32_t)writer->stack.len;
		elem.ns_len = (uint32_t)ns->len;
		strbuf_str(&writer->stack, *ns);
		strbuf_cstr(&writer->buf, " xmlns='");
		xml_write_value(&writer->buf, *ns);
		strbuf_char(&writer->buf, '\'');
	}
	strbuf_add(&writer->stack, &elem, sizeof(elem));
}

void xml_open(struct xml_writer *writer, const char *name, const char *ns)
{
	struct str name_text = str_of(name), ns_text = str_of(ns);
	bool change = ns && !str_eq(current_ns(writer), ns_text);

	if (!allowed(writer, xml_name_valid(name_text), "xml_open: the name is not an XML name") ||
	    !allowed(writer, !change || ns_valid(ns_text), "xml_open: the namespace is not one") ||
	    !allowed(writer, writer->depth < XML_WRITER_MAX_DEPTH, "xml_open: too many elements are open"))
		return;
	end_start_tag(writer);
	writer->tag_at = writer->buf.len;
	write_open(writer, name_text, change ? &ns_text : NULL);
	writer->tag_open = true;
	writer->depth++;
}

/* In the start tag that is open. Within a value there is no apostrophe: it is escaped. */
static bool has_attr(const struct xml_writer *writer, const char *name)
{
	size_t len = strlen(name);
	const char *at = writer->buf.ptr + writer->tag_at, *end = writer->buf.ptr + writer->buf.len;

	while ((at = memmem(at, (size_t)(end - at), name, len))) {
		if (at[-1] == ' ' && end - at > (ptrdiff_t)len + 1 && memcmp(at + len, "='", 2) == 0)
			return true;
		at += len;
	}
	return false;
}

static bool attr_allowed(struct xml_writer *writer, const char *name)
{
	bool named = str_is(str_of(name), "xml:lang") ||
	             (xml_name_valid(str_of(name)) && !str_is(str_of(name), "xmlns"));

	return allowed(writer, writer->tag_open, "xml_put_attr: not right after xml_open") &&
	       allowed(writer, named, "xml_put_attr: the name is not one for an attribute");
}

static bool attr_begin(struct xml_writer *writer, const char *name)
{
	if (!allowed(writer, !has_attr(writer, name), "xml_put_attr: the element has that attribute already"))
		return false;
	strbuf_char(&writer->buf, ' ');
	strbuf_cstr(&writer->buf, name);
	strbuf_cstr(&writer->buf, "='");
	return true;
}

void xml_put_attr(struct xml_writer *writer, const char *name, struct str value)
{
	if (!attr_allowed(writer, name) || !value.ptr || !attr_begin(writer, name))
		return;
	xml_write_value(&writer->buf, value);
	strbuf_char(&writer->buf, '\'');
}

void xml_put_attr_u64(struct xml_writer *writer, const char *name, uint64_t value)
{
	if (!attr_allowed(writer, name) || !attr_begin(writer, name))
		return;
	strbuf_u64(&writer->buf, value);
	strbuf_char(&writer->buf, '\'');
}

void xml_put_text(struct xml_writer *writer, struct str text)
{
	if (writer->misuse || !text.len)
		return;
	end_start_tag(writer);
	xml_write_text(&writer->buf, text);
}

void xml_put(struct xml_writer *writer, const struct xml *elem)
{
	if (!allowed(writer, elem, "xml_put: NULL for an element"))
		return;
	end_start_tag(writer);
	xml_write(&writer->buf, elem, current_ns(writer));
}

void xml_put_raw(struct xml_writer *writer, struct str bytes)
{
	if (writer->misuse || !bytes.len)
		return;
	end_start_tag(writer);
	strbuf_str(&writer->buf, bytes);
	writer->raw = true;
}

void xml_close(struct xml_writer *writer)
{
	struct open_element elem;

	if (!allowed(writer, top(writer, &elem), "xml_close: nothing is open"))
		return;
	if (writer->tag_open) {
		strbuf_cstr(&writer->buf, "/>");
		writer->tag_open = false;
	} else {
		strbuf_cstr(&writer->buf, "</");
		strbuf_add(&writer->buf, writer->stack.ptr + elem.name_at, elem.name_len);
		strbuf_char(&writer->buf, '>');
	}
	writer->stack.len = elem.name_at;
	writer->depth--;
}

void xml_put_element(struct xml_writer *writer, const char *name, const char *ns, struct str text)
{
	xml_open(writer, name, ns);
	xml_put_text(writer, text);
	xml_close(writer);
}
