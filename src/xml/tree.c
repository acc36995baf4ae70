/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/xml.h"

#include <stdlib.h>

#include "xml/tokens.h"

const struct xml_limits xml_limits_default = {
    .max_bytes = 262144, .max_depth = 64, .max_attrs = 64, .max_elements = 8192};

struct xml_tree *xml_tree_ref(struct xml_tree *tree)
{
	__atomic_fetch_add(&tree->refs, 1, __ATOMIC_RELAXED);
	return tree;
}

void xml_tree_unref(struct xml_tree **tree)
{
	struct xml_tree *dropped = *tree;

	*tree = NULL;
	if (dropped && __atomic_sub_fetch(&dropped->refs, 1, __ATOMIC_ACQ_REL) == 0)
		free((char *)dropped - dropped->head_room);
}

static struct str attr_value(const struct xml_attr *attrs, size_t count, struct str ns, struct str name)
{
	for (size_t i = 0; i < count; i++) {
		if (str_eq(attrs[i].name, name) && str_eq(attrs[i].ns, ns))
			return attrs[i].value;
	}
	return STR_NULL;
}

struct str xml_attrs_get(const struct xml_attr *attrs, size_t count, const char *name)
{
	return attr_value(attrs, count, STR_NULL, str_of(name));
}

struct str xml_attrs_get_s(const struct xml_attr *attrs, size_t count, const char *name)
{
	struct str value = xml_attrs_get(attrs, count, name);

	return value.ptr ? value : STR("");
}

struct str xml_attr(const struct xml *elem, const char *name)
{
	return xml_attrs_get(elem->attrs, elem->attr_count, name);
}

struct str xml_attr_s(const struct xml *elem, const char *name)
{
	return elem ? xml_attrs_get_s(elem->attrs, elem->attr_count, name) : STR("");
}

struct str xml_attr_ns(const struct xml *elem, const char *ns, const char *name)
{
	return attr_value(elem->attrs, elem->attr_count, str_of(ns), str_of(name));
}

struct str xml_lang(const struct xml *elem)
{
	for (unsigned i = 0; i < elem->attr_count; i++)
		if (elem->attrs[i].name_token == XN_lang && str_eq(elem->attrs[i].ns, xml_ns_strs[XNS_XML]))
			return elem->attrs[i].value;
	return STR_NULL;
}

static bool named(const struct xml *node, struct str name, struct str ns)
{
	return node->kind == XML_ELEMENT && str_eq(node->name, name) && str_eq(node->ns, ns);
}

static const struct xml *find(const struct xml *node, struct str name, struct str ns)
{
	while (node && !named(node, name, ns))
		node = node->next;
	return node;
}

const struct xml *xml_child(const struct xml *elem, const char *name, const char *ns)
{
	return find(elem->children, str_of(name), ns ? str_of(ns) : elem->ns);
}

const struct xml *xml_subtag(const struct xml *elem, const char *name)
{
	const struct xml *node = xml_first_element(elem);

	while (node && !str_is(node->name, name))
		node = xml_next_element(node);
	return node;
}

const struct xml *xml_child_token(const struct xml *elem, enum xml_name name, enum xml_ns ns)
{
	const struct xml *node = elem->children;

	while (node && (node->kind != XML_ELEMENT || node->name_token != name || node->ns_token != ns))
		node = node->next;
	return node;
}

const struct xml *xml_next(const struct xml *elem, const char *name, const char *ns)
{
	return find(elem->next, str_of(name), ns ? str_of(ns) : elem->ns);
}

static const struct xml *element_from(const struct xml *node)
{
	while (node && node->kind != XML_ELEMENT)
		node = node->next;
	return node;
}

const struct xml *xml_first_element(const struct xml *elem)
{
	return element_from(elem->children);
}

const struct xml *xml_next_element(const struct xml *elem)
{
	return element_from(elem->next);
}

bool xml_is(const struct xml *elem, const char *name, const char *ns)
{
	return named(elem, str_of(name), str_of(ns));
}

static const struct xml *text_from(const struct xml *node)
{
	while (node && node->kind != XML_TEXT)
		node = node->next;
	return node;
}

struct str xml_list_text(const struct xml *nodes, struct strbuf *buf)
{
	const struct xml *run = text_from(nodes), *more = run ? text_from(run->next) : NULL;

	if (!run)
		return STR("");
	if (!more)
		return run->name;
	strbuf_reset(buf);
	for (; run; run = text_from(run->next))
		strbuf_str(buf, run->name);
	return strbuf_view(buf);
}

struct str xml_text(const struct xml *elem, struct strbuf *buf)
{
	return xml_list_text(elem->children, buf);
}

struct str xml_child_text(const struct xml *elem, const char *name, struct strbuf *buf)
{
	const struct xml *child = xml_child(elem, name, NULL);

	return child ? xml_text(child, buf) : STR("");
}
