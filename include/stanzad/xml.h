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
 * text.
 */
struct xml_tree *xml_parse(struct str text, struct str default_ns, const struct xml_limits *limits,
    size_t *offset_r, struct err *err);

/* The value of an attribute without a namespace; STR_NULL (ptr is NULL) when it is not there. */
struct str xml_attr(const struct xml *elem, const char *name);
struct str xml_attr_ns(const struct xml *elem, const char *ns, const char *name);
/* xml:lang of this element itself. */
struct str xml_lang(const struct xml *elem);
/* The first child element of that name and namespace; ns NULL: in the namespace of elem; NULL when there is
 * none. */
const struct xml *xml_child(const struct xml *elem, const char *name, const char *ns);
/* The same by tokens, for code that runs for each stanza. */
const struct xml *xml_child_token(const struct xml *elem, enum xml_name name, enum xml_ns ns);
/* The next sibling of that name and namespace after elem, as for xml_child. */
const struct xml *xml_next(const struct xml *elem, const char *name, const char *ns);
/* The first child that is an element; the next sibling that is one. */
const struct xml *xml_first_element(const struct xml *elem);
const struct xml *xml_next_element(const struct xml *elem);
bool xml_is(const struct xml *elem, const char *name, const char *ns);
/* The character data directly in elem, as a view when it is one run (the usual case), else joined in buf. */
struct str xml_text(const struct xml *elem, struct strbuf *buf);
/* xml_text of the child of that name in the same namespace; empty when it is not there. */
struct str xml_child_text(const struct xml *elem, const char *name, struct strbuf *buf);

/* Serialises elem for a place where the default namespace is default_ns and no prefix is in scope. */
void xml_write(struct strbuf *out, const struct xml *elem, struct str default_ns);
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
 */
struct xml_writer {
	struct strbuf buf;
	struct str default_ns; /* of the place where the result goes: usually NS_CLIENT */
	struct strbuf stack;   /* private */
	bool tag_open;         /* private */
};

void xml_writer_fini(struct xml_writer *writer);
/* ns NULL: as the parent's. Name and ns must be valid and outlive the call only. */
void xml_open(struct xml_writer *writer, const char *name, const char *ns);
/* Right after xml_open. A value with ptr NULL writes nothing. "xml:lang" is the only prefixed name. */
void xml_put_attr(struct xml_writer *writer, const char *name, struct str value);
void xml_put_attr_u64(struct xml_writer *writer, const char *name, uint64_t value);
void xml_put_text(struct xml_writer *writer, struct str text);
/* An element of a tree, with everything in it. */
void xml_put(struct xml_writer *writer, const struct xml *elem);
/* Bytes that are already XML, self-contained under default_ns at the place where they are put. */
void xml_put_raw(struct xml_writer *writer, struct str bytes);
void xml_close(struct xml_writer *writer);
/* xml_open, text, xml_close. */
void xml_put_element(struct xml_writer *writer, const char *name, const char *ns, struct str text);
