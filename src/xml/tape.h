/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An element while it is being parsed: flat records that refer to its bytes by offset: the bytes may move.
 *
 * The parser works token by token; a token is a tag, a CDATA section or a run of text. All that it knows
 * between two tokens is here. The records begin in memory that the caller lends (struct tape_space, on its
 * stack), because nearly every stanza is complete in the bytes at hand; they move to the heap when they
 * outgrow it or when the rest of the stanza has yet to come.
 */
#pragma once

#include "xml/stream.h"

#define TAPE_NONE UINT32_MAX
/* In an offset: into the decoded strings, not into the bytes. */
#define TAPE_DECODED 0x80000000u
/* The most bytes that offsets can tell apart, whatever the limits say. */
#define TAPE_MAX_BYTES 0x40000000u
/* Prefixes in scope at one place: what keeps the search for them short. */
#define TAPE_MAX_PREFIXES 128

enum tape_result {
	TAPE_NEXT, /* a token is done, go on */
	TAPE_MORE, /* the bytes end within a token or between two */
	TAPE_DONE, /* the element is complete */
		   /* < 0: enum xml_stream_result */
};

struct tape_span {
	uint32_t at;
	uint32_t len;
};

/* A namespace is a number: its token, or XNS_COUNT plus the index in tape.uris. */
struct tape_attr {
	struct tape_span name;
	struct tape_span value;
	uint32_t prefix_len; /* bytes in front of name, colon included */
	uint32_t uri;
	enum xml_name token;
};

struct tape_binding {
	struct tape_span prefix;
	uint32_t uri;
};

/* A prefix of the stream header that this element uses. */
struct tape_outer {
	uint32_t index; /* in the scope */
	uint32_t uri;
};

struct tape_node {
	struct tape_span name; /* the local name; for text all of it, until it is closed */
	struct tape_span inner;
	uint32_t prefix_len; /* bytes in front of name, colon included */
	uint32_t uri;
	uint32_t default_uri; /* default namespace of the children */
	uint32_t parent;
	uint32_t next;       /* 0: none */
	uint32_t last_child; /* 0: none */
	uint32_t attrs;      /* index of the first */
	uint32_t bindings;   /* in scope outside it */
	uint16_t attr_count;
	uint16_t token;
	uint8_t depth;
	bool text;
	bool decode; /* text: the bytes are not the value */
};

struct tape_array {
	void *items;
	uint32_t count;
	uint32_t cap;
	bool borrowed; /* items are in a struct tape_space */
};

/* A prefix and what it stands for outside the element. */
struct xml_prefix {
	struct str prefix;
	struct str uri;
	enum xml_ns token;
};

/* What surrounds an element. */
struct xml_scope {
	struct str default_ns;
	enum xml_ns default_token;
	enum xml_ns content_ns; /* reported as XNS_CLIENT */
	uint32_t prefix_count;
	const struct xml_prefix *prefixes;
};

struct tape_space {
	struct tape_node nodes[32];
	struct tape_attr attrs[48];
	struct tape_span uris[16];
	struct tape_binding bindings[8];
	char decoded[256];
};

struct tape {
	const struct xml_limits *limits;
	const struct xml_scope *scope;
	const char *bytes; /* from the element's '<' on */
	uint32_t len;
	uint32_t pos;    /* everything in front of it is done */
	uint32_t scan;   /* when > pos: up to here the token at pos has been looked at in vain */
	char quote;      /* at scan: within a value in these quotes, or 0 */
	bool start_only; /* done after the start tag: a stream header */
	bool dirty;      /* the bytes of the children do not mean the same elsewhere */
	uint32_t open;   /* innermost open element */
	uint32_t text;   /* the text that may go on */
	uint32_t elements;
	uint32_t max_prefixes;
	struct tape_array nodes;
	struct tape_array attrs;
	struct tape_array uris;
	struct tape_array bindings;
	struct tape_array outer;
	struct tape_array decoded;
};

/* Where to go back to when a tag turns out to be cut off. */
struct tape_mark {
	uint32_t nodes, attrs, uris, bindings, outer, decoded;
	bool dirty;
};

/* limits and scope are borrowed: set them anew when they move. The bytes are set afterwards. */
void tape_init(struct tape *tape, const struct xml_scope *scope, const struct xml_limits *limits,
    struct tape_space *space);
void tape_fini(struct tape *tape);
/* Takes the records out of the space that was lent. */
void tape_keep(struct tape *tape);
struct tape_mark tape_mark(const struct tape *tape);
void tape_rewind(struct tape *tape, const struct tape_mark *mark);
void tape_grow(struct tape_array *array, size_t item_size, uint32_t more);

/* Parses on from pos until something is complete, fails or is missing. */
int tape_run(struct tape *tape);
/* parse_tag.c: the tag at pos. */
int tape_start_tag(struct tape *tape);
/* The end tag at pos, of the element with this prefix and name. */
int tape_end_tag(struct tape *tape, struct str name);
/* parse_text.c: a run of text, a CDATA section. */
int tape_text(struct tape *tape);
int tape_cdata(struct tape *tape);
/* No more text follows: decodes it. */
void tape_text_close(struct tape *tape);
/* The value of an attribute, whose bytes are valid and within quotes. */
struct tape_span tape_decode_value(struct tape *tape, struct str raw);
/* parse_ns.c: an attribute that declares a namespace; then the names of a complete start tag. */
int tape_declare(struct tape *tape, struct tape_node *node, const struct tape_attr *attr);
int tape_resolve(struct tape *tape, struct tape_node *node);
/* A number for this namespace; the bytes must be at span. */
uint32_t tape_uri(struct tape *tape, struct tape_span span);
/* The same, for a string from elsewhere. */
uint32_t tape_uri_copy(struct tape *tape, struct str uri, enum xml_ns token);
bool tape_same_uri(const struct tape *tape, uint32_t a, uint32_t b);
/* Appends a node to the open element. */
void tape_link(struct tape *tape, uint32_t index);

/* The finished tree, in one allocation with head_room zeroed bytes in front. */
struct xml_tree *tape_tree(const struct tape *tape, size_t head_room);
/* The tree of what xml_write made of root or of a part of it, for a place in root's namespace. No limits. */
struct xml_tree *tape_written_tree(struct str bytes, const struct xml *root, size_t head_room);
/* For an element that is dirty: writes it anew and parses that. May fail with XML_STREAM_TOO_LARGE. */
int tape_canonical_tree(const struct tape *tape, size_t head_room, struct xml_tree **tree_r);

static inline struct tape_node *tape_node(const struct tape *tape, uint32_t index)
{
	return (struct tape_node *)tape->nodes.items + index;
}

static inline struct tape_attr *tape_attr(const struct tape *tape, uint32_t index)
{
	return (struct tape_attr *)tape->attrs.items + index;
}

static inline struct tape_binding *tape_binding(const struct tape *tape, uint32_t index)
{
	return index ? (struct tape_binding *)tape->bindings.items + index : tape->bindings.items;
}

/* Room for one more item, which is counted and not initialised. */
static inline void *tape_push(struct tape_array *array, size_t item_size)
{
	if (array->count == array->cap)
		tape_grow(array, item_size, 1);
	return (char *)array->items + item_size * array->count++;
}

static inline void tape_decoded_add(struct tape *tape, const char *bytes, size_t len)
{
	struct tape_array *decoded = &tape->decoded;

	if (decoded->cap - decoded->count < len)
		tape_grow(decoded, 1, (uint32_t)len);
	if (len)
		memcpy((char *)decoded->items + decoded->count, bytes, len);
	decoded->count += (uint32_t)len;
}

static inline struct str tape_str(const struct tape *tape, struct tape_span span)
{
	if (span.at & TAPE_DECODED)
		return (struct str){(char *)tape->decoded.items + (span.at & ~TAPE_DECODED), span.len};
	return (struct str){tape->bytes + span.at, span.len};
}
