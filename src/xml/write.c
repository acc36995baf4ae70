/* SPDX-License-Identifier: Apache-2.0 */
#include "xml/write.h"

#include "xml/tape.h"

static void write_declaration(struct strbuf *out, struct str uri)
{
	strbuf_cstr(out, "='");
	xml_write_value(out, uri);
	strbuf_char(out, '\'');
}

/* number: which of the element's attributes, to make a prefix from. */
static void write_attr(struct strbuf *out, const struct xml_attr *attr, unsigned number)
{
	if (str_is(attr->ns, xml_ns_text(XNS_XML))) {
		strbuf_cstr(out, " xml:");
	} else if (attr->ns.len) {
		strbuf_printf(out, " xmlns:n%u", number);
		write_declaration(out, attr->ns);
		strbuf_printf(out, " n%u:", number);
	} else {
		strbuf_char(out, ' ');
	}
	strbuf_str(out, attr->name);
	write_declaration(out, attr->value);
}

/* The start tag without its '>'. */
static bool write_start(struct strbuf *out, const struct xml *elem, struct str default_ns, size_t max)
{
	bool xml_ns = str_is(elem->ns, xml_ns_text(XNS_XML));

	strbuf_cstr(out, xml_ns ? "<xml:" : "<");
	strbuf_str(out, elem->name);
	if (!xml_ns && !str_eq(elem->ns, default_ns)) {
		strbuf_cstr(out, " xmlns");
		write_declaration(out, elem->ns);
	}
	for (unsigned i = 0; i < elem->attr_count && out->len <= max; i++)
		write_attr(out, &elem->attrs[i], i);
	return out->len <= max;
}

static void write_end(struct strbuf *out, const struct xml *elem)
{
	strbuf_cstr(out, str_is(elem->ns, xml_ns_text(XNS_XML)) ? "</xml:" : "</");
	strbuf_str(out, elem->name);
	strbuf_char(out, '>');
}

void xml_write(struct strbuf *out, const struct xml *elem, struct str default_ns)
{
	if (elem->kind == XML_TEXT) {
		xml_write_text(out, elem->name);
		return;
	}
	write_start(out, elem, default_ns, SIZE_MAX);
	if (!elem->inner.len) {
		strbuf_cstr(out, "/>");
		return;
	}
	strbuf_char(out, '>');
	strbuf_str(out, elem->inner);
	write_end(out, elem);
}

char *xml_to_string(const struct xml *elem)
{
	struct strbuf out = {0};

	xml_write(&out, elem, STR_NULL);
	return strbuf_take(&out);
}

struct xml_tree *xml_without_text(const struct xml *elem)
{
	struct strbuf inner = {0}, out = {0};
	struct xml copy = *elem;
	struct xml_tree *tree;

	if (elem->kind == XML_TEXT)
		return NULL;
	for (const struct xml *child = xml_first_element(elem); child; child = xml_next_element(child))
		xml_write(&inner, child, elem->ns);
	copy.inner = strbuf_view(&inner);
	xml_write(&out, &copy, elem->ns);
	tree = tape_written_tree(strbuf_view(&out), elem, 0);
	strbuf_fini(&inner);
	strbuf_fini(&out);
	return tree;
}

/* What comes after node in document order once it is written, closing elements on the way; NULL behind root.
 */
static const struct xml *write_on(struct strbuf *out, const struct xml *node, const struct xml *root)
{
	while (node != root && !node->next) {
		node = node->parent;
		write_end(out, node);
	}
	return node == root ? NULL : node->next;
}

bool xml_write_canonical(struct strbuf *out, const struct xml *root, size_t max)
{
	const struct xml *node = root;

	while (node && out->len <= max) {
		if (node->kind == XML_TEXT) {
			xml_write_text(out, node->name);
			node = write_on(out, node, root);
			continue;
		}
		if (!write_start(out, node, node == root ? root->ns : node->parent->ns, max))
			return false;
		if (node->children) {
			strbuf_char(out, '>');
			node = node->children;
		} else {
			strbuf_cstr(out, "/>");
			node = write_on(out, node, root);
		}
	}
	return out->len <= max;
}
