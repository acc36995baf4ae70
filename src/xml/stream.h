/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The XML of one direction of one stream, parsed as it arrives (RFC 6120 4.2, 11).
 *
 * The parser is fed whatever the socket gave and returns one thing at a time: the stream's opening tag, a
 * complete first-level element, the closing tag. Between elements it holds no buffer and no parser state: a
 * few words and, only for streams with unusual declarations, a copy of them. Within an element it keeps the
 * bytes so far and is bounded by the limits, which are checked before anything is allocated. Work is linear
 * in the bytes, however they are cut. One thread at a time.
 */
#pragma once

#include "stanzad/xml.h"

enum xml_stream_result {
	XML_STREAM_MORE,    /* all bytes consumed, nothing complete */
	XML_STREAM_OPENED,  /* the stream's start tag: a tree with a childless root */
	XML_STREAM_ELEMENT, /* a first-level element */
	XML_STREAM_CLOSED,  /* the stream's end tag */
	/* failures: the stream is over, call again only after xml_stream_reset */
	XML_STREAM_NOT_WELL_FORMED = -1, /* RFC 6120 4.9.3.13 not-well-formed */
	XML_STREAM_RESTRICTED = -2,      /* 4.9.3.18 restricted-xml: comment, instruction, DTD, entity */
	XML_STREAM_BAD_PREFIX = -3,      /* 4.9.3.2 bad-namespace-prefix: undeclared or reserved prefix */
	XML_STREAM_ENCODING = -4,  /* 4.9.3.22 unsupported-encoding: declaration names another encoding */
	XML_STREAM_TOO_LARGE = -5, /* 4.9.3.14 policy-violation: more than max_bytes */
	XML_STREAM_TOO_DEEP = -6,  /* policy-violation: max_depth */
	XML_STREAM_TOO_MANY_ATTRS = -7,    /* policy-violation: max_attrs, or 128 prefixes in scope */
	XML_STREAM_TOO_MANY_ELEMENTS = -8, /* policy-violation: max_elements */
	XML_STREAM_STRAY_TEXT = -9,        /* 4.9.3.1 bad-format: text between stanzas */
};

struct xml_stream; /* 64 bytes or less when idle */

/*
 * content_ns (XNS_CLIENT, XNS_SERVER, ...): elements in it are reported in jabber:client, so that inside the
 * server stanzas look the same whatever stream they came by. limits is borrowed and may change between calls.
 */
struct xml_stream *xml_stream_new(enum xml_ns content_ns, const struct xml_limits *limits);
void xml_stream_free(struct xml_stream **stream);
void xml_stream_set_limits(struct xml_stream *stream, const struct xml_limits *limits);
/* Expects a new header next, with or without an XML declaration: at the start, after STARTTLS and SASL. */
void xml_stream_reset(struct xml_stream *stream);

/*
 * What counts against max_bytes: a stanza, the stream header, and each tag outside of them, from its '<' on.
 * White space between stanzas is unlimited. A stanza that leans on prefixes from outside is written anew,
 * which may take no more than twice max_bytes. Behind the stream's end tag everything is consumed unseen.
 *
 * Consumes from *bytes (up to end), advances *bytes behind what it used. For OPENED and ELEMENT *tree_r is a
 * tree that the caller owns. head_room bytes are reserved in front of it for the caller, zeroed, in the same
 * allocation: the allocation then starts at (char *)tree - head_room, head_room is a multiple of 16.
 */
int xml_stream_next(struct xml_stream *stream, const char **bytes, const char *end, size_t head_room,
    struct xml_tree **tree_r);
/*
 * The namespace that the stream header bound to prefix, as it was declared; "" asks for the default
 * namespace. STR_NULL when it bound none. A view that lives until reset or free.
 */
struct str xml_stream_namespace(const struct xml_stream *stream, const char *prefix);
/* Words for a failure. */
const char *xml_stream_strerror(int result);
/* True within an element: at the end of the input this is a stanza that was cut off. */
bool xml_stream_partial(const struct xml_stream *stream);
