/* SPDX-License-Identifier: Apache-2.0 */
/*
 * XML elements: immutable trees, and a writer that makes new ones.
 *
 * A tree is one allocation, atomically reference-counted; every element, attribute and string is a view into
 * it and lives as long as the tree. Any thread may read it. XML here is the subset of RFC 6120 11.1: no DTD,
 * no processing instruction, no comment, no entity beyond the five, UTF-8 only.
 */
#pragma once

#include "stanzad/err.h"
#include "stanzad/str.h"
#include "stanzad/xml_tokens.h"

enum xml_kind { XML_ELEMENT, XML_TEXT };

struct xml_attr {
	struct str name;  /* local name; "lang" with ns XML namespace for xml:lang */
	struct str ns;    /* empty for an attribute without a prefix */
	struct str value; /* decoded */
	enum xml_name name_token;
};

/* A node: an element, or a run of character data. */
struct xml {
	enum xml_kind kind : 8;
	uint8_t depth; /* 0 for the root of the tree */
	uint16_t attr_count;
	enum xml_name name_token : 16; /* XN_OTHER when the name has no token */
	enum xml_ns ns_token : 16;     /* XNS_OTHER when the namespace has no token */
	struct str name; /* local name; for XML_TEXT the decoded text, adjacent runs and CDATA joined */
	struct str ns;   /* namespace name, empty for none */
	const struct xml_attr *attrs; /* namespace declarations are not attributes */
	const struct xml *parent;
	const struct xml *children; /* first child */
	const struct xml *next;     /* next sibling */
	/*
	 * The serialised children: the bytes between its tags. They mean the same wherever the default
	 * namespace is this element's and no prefix but xml is in scope. When what was received does not, it
	 * was written anew.
	 */
	struct str inner;
};

struct xml_tree {
	uint32_t refs;      /* private */
	uint32_t size;      /* bytes of this allocation, head room included */
	uint32_t head_room; /* bytes of it in front of this struct, for stanzas; 0 from xml_parse */
	const struct xml *root;
};

/* Keeps the tree until xml_tree_unref. Any thread. Returns tree. */
struct xml_tree *xml_tree_ref(struct xml_tree *tree);
/* *tree may be NULL. The last one frees the whole allocation, head room included. */
void xml_tree_unref(struct xml_tree **tree);

struct xml_limits {
	uint32_t max_bytes;    /* of one stanza, tags included */
	uint32_t max_depth;    /* of elements, the stanza itself is 1; 255 at most, whatever this says */
	uint32_t max_attrs;    /* of one element, namespace declarations included */
	uint32_t max_elements; /* of one stanza */
};

extern const struct xml_limits xml_limits_default; /* 262144 bytes, depth 64, 64 attributes, 8192 elements */

/*
 * Parses one element with everything in it; text holds nothing else but white space around it. The default
 * namespace outside it is default_ns. On failure returns NULL, says why, and where: *offset_r bytes into
 * text; offset_r may be NULL.
 */
struct xml_tree *xml_parse(struct str text, struct str default_ns, const struct xml_limits *limits,
    size_t *offset_r, struct err *err);
/* The same place for a person: line and column, both from 1. A column is a character, not a byte. */
void xml_position(struct str text, size_t offset, unsigned *line_r, unsigned *column_r);

/* The value of an attribute without a namespace; STR_NULL (ptr is NULL) when it is not there. */
struct str xml_attr(const struct xml *elem, const char *name);
/* The same where absent and empty are one: never a NULL ptr. elem may be NULL, and then has no attributes. */
struct str xml_attr_s(const struct xml *elem, const char *name);
/* Both for attributes without their element: an array of count. */
struct str xml_attrs_get(const struct xml_attr *attrs, size_t count, const char *name);
struct str xml_attrs_get_s(const struct xml_attr *attrs, size_t count, const char *name);
struct str xml_attr_ns(const struct xml *elem, const char *ns, const char *name);
/* xml:lang of this element itself. */
struct str xml_lang(const struct xml *elem);
/* The first child element of that name and namespace; ns NULL: in the namespace of elem; NULL when there is
 * none. */
const struct xml *xml_child(const struct xml *elem, const char *name, const char *ns);
/* The first child element of that name, whatever its namespace; NULL when there is none. */
const struct xml *xml_subtag(const struct xml *elem, const char *name);
/* The same as xml_child by tokens, for code that runs for each stanza. */
const struct xml *xml_child_token(const struct xml *elem, enum xml_name name, enum xml_ns ns);
/* The next sibling of that name and namespace after elem, as for xml_child. */
const struct xml *xml_next(const struct xml *elem, const char *name, const char *ns);
/* The first child that is an element; the next sibling that is one. */
const struct xml *xml_first_element(const struct xml *elem);
const struct xml *xml_next_element(const struct xml *elem);
bool xml_is(const struct xml *elem, const char *name, const char *ns);
/* The character data directly in elem, as a view when it is one run (the usual case), else joined in buf. */
struct str xml_text(const struct xml *elem, struct strbuf *buf);
/* The same for a list: nodes is the first of some siblings, or NULL. */
struct str xml_list_text(const struct xml *nodes, struct strbuf *buf);
/* xml_text of the child of that name in the same namespace; empty when it is not there. */
struct str xml_child_text(const struct xml *elem, const char *name, struct strbuf *buf);

/*
 * elem alone, as a tree of the caller's, without the character data directly in it; what is in its children
 * stays. NULL when elem is itself character data. To only look at the children that are elements, no copy is
 * needed: xml_first_element and xml_next_element pass over the rest.
 */
struct xml_tree *xml_without_text(const struct xml *elem);

/*
 * Path lookup. Steps lead from an element to a child, to its child, and so on; the last one may ask for an
 * attribute or for the character data:
 *
 *   xml_path(iq, &buf, XML_ELEM("query"), XML_ELEM_NS("x", "jabber:x:data"), XML_ATTR("type")).text
 *
 * Each element step takes the first child that fits; there is no going back to try the next one.
 */
enum xml_step_kind { XML_STEP_END, XML_STEP_ELEM, XML_STEP_ATTR, XML_STEP_CDATA };

struct xml_step {
	enum xml_step_kind kind;
	const char *name;
	const char *ns;
};

#define XML_ELEM(name) {XML_STEP_ELEM, (name), NULL} /* in any namespace */
#define XML_ELEM_NS(name, ns) {XML_STEP_ELEM, (name), (ns)}
#define XML_ATTR(name) {XML_STEP_ATTR, (name), NULL} /* without a namespace */
#define XML_ATTR_NS(name, ns) {XML_STEP_ATTR, (name), (ns)}
#define XML_LANG XML_ATTR_NS("lang", "http://www.w3.org/XML/1998/namespace") /* xml:lang */
#define XML_CDATA {XML_STEP_CDATA, NULL, NULL}
#define XML_END {XML_STEP_END, NULL, NULL} /* of an array of steps */

/* An element, or a string. */
struct xml_found {
	const struct xml *elem; /* NULL: it is a string */
	struct str text;        /* ptr is never NULL; empty beside an element */
};

/*
 * What is at the end of the path, an array that ends with XML_END: elem itself when the path is empty, an
 * empty string where a step finds nothing, and so when elem is NULL or a step follows an attribute or
 * character data. buf is for character data in more than one run, as in xml_text; it may be NULL when no step
 * is XML_CDATA.
 */
struct xml_found xml_path_steps(const struct xml *elem, struct strbuf *buf, const struct xml_step *steps);
#define xml_path(elem, buf, ...) \
	xml_path_steps((elem), (buf), (const struct xml_step[]){XML_END, ##__VA_ARGS__, XML_END} + 1)

/* Serialises elem for a place where the default namespace is default_ns and no prefix is in scope. */
void xml_write(struct strbuf *out, const struct xml *elem, struct str default_ns);
/* elem with everything in it as a string that stands alone; free() it. */
char *xml_to_string(const struct xml *elem);
/*
 * Escapes & < > ' " and carriage return, so that the bytes are good both as text and as an attribute value; a
 * tab or a newline in a value would be read as a space: xml_put_attr keeps those. What XML cannot carry
 * becomes U+FFFD.
 */
void xml_escape(struct strbuf *out, struct str text);

/*
 * Writes new XML. Elements nest; xml_close ends the latest open one. Bytes that XML cannot carry (control
 * characters, invalid UTF-8) are written as U+FFFD. A zeroed struct with default_ns set is ready;
 * xml_writer_fini frees it.
 *
 * What the functions below would have to write wrongly is a misuse: to close when nothing is open; an attribute
 * elsewhere than right after xml_open, or for the second time; a name or a namespace that XML does not have;
 * NULL for an element; to have more than XML_WRITER_MAX_DEPTH elements open. That call and all that follow it
 * write nothing, until xml_writer_reset.
 */
struct xml_writer {
	struct strbuf buf;
	struct str default_ns; /* of the place where the result goes: usually NS_CLIENT */
	struct strbuf stack;   /* private */
	const char *misuse;    /* private: what was wrong; NULL: nothing */
	size_t tag_at;         /* private: in buf, where the latest start tag begins */
	uint16_t depth;        /* private: open elements */
	bool tag_open;         /* private */
	bool raw;              /* private: xml_put_raw was used */
};

#define XML_WRITER_MAX_DEPTH 200

/* Frees the memory; the writer is empty and usable, with the same default_ns. */
void xml_writer_fini(struct xml_writer *writer);
/* Empties it and forgets all about what was in it; keeps the memory and default_ns. */
void xml_writer_reset(struct xml_writer *writer);
/* Nothing is open and nothing was misused: apart from what was put raw, the bytes are well-formed content. */
bool xml_writer_complete(const struct xml_writer *writer);
/*
 * 0 when the bytes can go out: complete, and what was put raw, if anything was, is well-formed where it is.
 * Otherwise < 0, and err says what the author of the calls did wrong. Parses everything once more, but only
 * after xml_put_raw.
 */
int xml_writer_check(const struct xml_writer *writer, struct err *err);
/*
 * ns NULL: as the parent's. Name and ns outlive the call only. A name has no colon (an NCName); a namespace is
 * any text but the two that are reserved for the prefixes xml and xmlns.
 */
void xml_open(struct xml_writer *writer, const char *name, const char *ns);
/*
 * Right after xml_open. A value with ptr NULL writes nothing. "xml:lang" is the only prefixed name; "xmlns" is
 * not for here but for xml_open.
 */
void xml_put_attr(struct xml_writer *writer, const char *name, struct str value);
void xml_put_attr_u64(struct xml_writer *writer, const char *name, uint64_t value);
void xml_put_text(struct xml_writer *writer, struct str text);
/* An element of a tree, with everything in it; or a run of character data. */
void xml_put(struct xml_writer *writer, const struct xml *elem);
/*
 * Bytes that are already XML, self-contained under default_ns at the place where they are put. Nothing looks
 * at them here: see xml_writer_check.
 */
void xml_put_raw(struct xml_writer *writer, struct str bytes);
void xml_close(struct xml_writer *writer);
/* xml_open, text, xml_close. */
void xml_put_element(struct xml_writer *writer, const char *name, const char *ns, struct str text);
