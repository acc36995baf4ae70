/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/xml.h"

#include <assert.h>

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
	writer->tag_open = false;
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

void xml_open(struct xml_writer *writer, const char *name, const char *ns)
{
	struct open_element elem = {.ns_at = NS_OUTSIDE}, parent;
	bool change = ns && !str_is(current_ns(writer), ns);

	end_start_tag(writer);
	if (top(writer, &parent)) {
		elem.ns_at = parent.ns_at;
		elem.ns_len = parent.ns_len;
	}
	elem.name_at = (uint32_t)writer->stack.len;
	elem.name_len = (uint32_t)strlen(name);
	strbuf_cstr(&writer->stack, name);
	strbuf_char(&writer->buf, '<');
	strbuf_cstr(&writer->buf, name);
	if (change) {
		elem.ns_at = (uint32_t)writer->stack.len;
		elem.ns_len = (uint32_t)strlen(ns);
		strbuf_cstr(&writer->stack, ns);
		strbuf_cstr(&writer->buf, " xmlns='");
		xml_write_value(&writer->buf, str_of(ns));
		strbuf_char(&writer->buf, '\'');
	}
	strbuf_add(&writer->stack, &elem, sizeof(elem));
	writer->tag_open = true;
}

void xml_put_attr(struct xml_writer *writer, const char *name, struct str value)
{
	assert(writer->tag_open);
	if (!value.ptr)
		return;
	strbuf_char(&writer->buf, ' ');
	strbuf_cstr(&writer->buf, name);
	strbuf_cstr(&writer->buf, "='");
	xml_write_value(&writer->buf, value);
	strbuf_char(&writer->buf, '\'');
}

void xml_put_attr_u64(struct xml_writer *writer, const char *name, uint64_t value)
{
	assert(writer->tag_open);
	strbuf_char(&writer->buf, ' ');
	strbuf_cstr(&writer->buf, name);
	strbuf_cstr(&writer->buf, "='");
	strbuf_u64(&writer->buf, value);
	strbuf_char(&writer->buf, '\'');
}

void xml_put_text(struct xml_writer *writer, struct str text)
{
	if (!text.len)
		return;
	end_start_tag(writer);
	xml_write_text(&writer->buf, text);
}

void xml_put(struct xml_writer *writer, const struct xml *elem)
{
	end_start_tag(writer);
	xml_write(&writer->buf, elem, current_ns(writer));
}

void xml_put_raw(struct xml_writer *writer, struct str bytes)
{
	if (!bytes.len)
		return;
	end_start_tag(writer);
	strbuf_str(&writer->buf, bytes);
}

void xml_close(struct xml_writer *writer)
{
	struct open_element elem;
	bool is_open = top(writer, &elem);

	assert(is_open);
	if (writer->tag_open) {
		strbuf_cstr(&writer->buf, "/>");
		writer->tag_open = false;
	} else {
		strbuf_cstr(&writer->buf, "</");
		strbuf_add(&writer->buf, writer->stack.ptr + elem.name_at, elem.name_len);
		strbuf_char(&writer->buf, '>');
	}
	writer->stack.len = elem.name_at;
}

void xml_put_element(struct xml_writer *writer, const char *name, const char *ns, struct str text)
{
	xml_open(writer, name, ns);
	xml_put_text(writer, text);
	xml_close(writer);
}
