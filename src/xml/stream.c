/* SPDX-License-Identifier: Apache-2.0 */
#include "xml/stream.h"

#include <stdlib.h>

#include "base/mem.h"
#include "xml/chars.h"
#include "xml/prolog.h"
#include "xml/root.h"
#include "xml/tape.h"
#include "xml/tokens.h"

enum stream_state {
	STATE_START,  /* nothing yet */
	STATE_MARK_1, /* one byte of a byte order mark */
	STATE_MARK_2, /* two */
	STATE_MARKED, /* behind it: an XML declaration may come */
	STATE_HEADER, /* no XML declaration any more */
	STATE_STANZAS,
	STATE_CLOSING, /* the header was an empty-element tag */
	STATE_CLOSED,
};

/* A token or stanza whose end has not come yet. */
struct partial {
	struct tape tape;
	char *bytes;
	uint32_t len;
	uint32_t cap;
};

struct xml_stream {
	const struct xml_limits *limits;
	struct partial *partial;
	struct xml_root *root;
	uint16_t content_ns;
	uint8_t state;
	int8_t failure;
};

_Static_assert(sizeof(struct xml_stream) <= 64, "an idle stream is small");

/* The first piece that is copied to a partial stanza; then as much as it already has. */
#define PARTIAL_STEP 1024

struct xml_stream *xml_stream_new(enum xml_ns content_ns, const struct xml_limits *limits)
{
	struct xml_stream *stream = mem_zalloc(sizeof(*stream));

	stream->limits = limits;
	stream->content_ns = content_ns;
	return stream;
}

static void partial_free(struct xml_stream *stream)
{
	if (!stream->partial)
		return;
	tape_fini(&stream->partial->tape);
	free(stream->partial->bytes);
	free(stream->partial);
	stream->partial = NULL;
}

void xml_stream_reset(struct xml_stream *stream)
{
	partial_free(stream);
	free(stream->root);
	stream->root = NULL;
	stream->state = STATE_START;
	stream->failure = 0;
}

void xml_stream_free(struct xml_stream **stream)
{
	if (!*stream)
		return;
	xml_stream_reset(*stream);
	free(*stream);
	*stream = NULL;
}

void xml_stream_set_limits(struct xml_stream *stream, const struct xml_limits *limits)
{
	stream->limits = limits;
}

bool xml_stream_partial(const struct xml_stream *stream)
{
	return stream->partial != NULL;
}

struct str xml_stream_namespace(const struct xml_stream *stream, const char *prefix)
{
	const struct xml_root *root = stream->root;

	if (stream->state < STATE_STANZAS)
		return STR_NULL;
	if (!*prefix) {
		struct str ns = root ? root->default_ns : xml_ns_strs[stream->content_ns];

		return ns.len ? ns : STR_NULL;
	}
	if (!root)
		return strcmp(prefix, "stream") == 0 ? xml_ns_strs[XNS_STREAM] : STR_NULL;
	for (uint32_t i = 0; i < root->prefix_count; i++) {
		if (str_is(root->prefixes[i].prefix, prefix))
			return root->prefixes[i].uri;
	}
	return STR_NULL;
}

static uint32_t max_bytes(const struct xml_stream *stream)
{
	uint32_t max = stream->limits->max_bytes;

	return max < TAPE_MAX_BYTES ? max : TAPE_MAX_BYTES;
}

/* A stanza or the header is complete: makes the tree. */
static int element_done(
    struct xml_stream *stream, struct tape *tape, size_t head_room, struct xml_tree **tree_r)
{
	if (stream->state == STATE_STANZAS) {
		if (tape->dirty) {
			int result = tape_canonical_tree(tape, head_room, tree_r);

			return result < 0 ? result : XML_STREAM_ELEMENT;
		}
		*tree_r = tape_tree(tape, head_room);
		return XML_STREAM_ELEMENT;
	}
	/* An empty-element tag has already dropped what it declared; nothing can follow that would use it. */
	stream->root = xml_root_new(tape, stream->content_ns);
	stream->state = tape->open == TAPE_NONE ? STATE_CLOSING : STATE_STANZAS;
	*tree_r = tape_tree(tape, head_room);
	return XML_STREAM_OPENED;
}

static int end_tag(struct xml_stream *stream, struct tape *tape)
{
	int result = tape_end_tag(tape, stream->root ? stream->root->name : STR("stream:stream"));

	if (result != TAPE_NEXT)
		return result < 0 ? result : XML_STREAM_MORE;
	stream->state = STATE_CLOSED;
	return XML_STREAM_CLOSED;
}

/*
 * Parses from the '<' at the start of the tape's bytes. Returns XML_STREAM_MORE with tape->pos == 0 or less
 * than len when the end is missing; with everything up to pos done when that was an XML declaration.
 */
static int run(
    struct xml_stream *stream, struct tape *tape, size_t head_room, struct xml_tree **tree_r, bool *dropped_r)
{
	struct str bytes = {tape->bytes, tape->len};
	int result;

	if (!tape->nodes.count && bytes.len >= 2) {
		if (bytes.ptr[1] == '/' && stream->state == STATE_STANZAS)
			return end_tag(stream, tape);
		if (bytes.ptr[1] == '?' && stream->state < STATE_HEADER) {
			result = xml_prolog_read(bytes, &tape->pos);
			*dropped_r = result == TAPE_NEXT;
			stream->state = result == TAPE_NEXT ? STATE_HEADER : stream->state;
			return result < 0 ? result : XML_STREAM_MORE;
		}
	}
	tape->start_only = stream->state < STATE_STANZAS;
	result = tape_run(tape);
	if (result == TAPE_DONE)
		return element_done(stream, tape, head_room, tree_r);
	if (result == XML_STREAM_STRAY_TEXT && stream->state < STATE_STANZAS)
		return XML_STREAM_NOT_WELL_FORMED;
	return result < 0 ? result : XML_STREAM_MORE;
}

static struct xml_scope stream_scope(const struct xml_stream *stream)
{
	struct xml_scope header = {.default_token = XNS_NONE, .content_ns = XNS_CLIENT};

	return stream->state < STATE_STANZAS ? header : xml_root_scope(stream->root, stream->content_ns);
}

static void partial_begin(struct xml_stream *stream, struct tape *tape)
{
	struct partial *partial = mem_zalloc(sizeof(*partial));

	tape_keep(tape);
	partial->tape = *tape;
	partial->len = partial->cap = tape->len;
	partial->bytes = mem_dup(tape->bytes, tape->len);
	stream->partial = partial;
}

/* Parses where the bytes are, without copying them. */
static int next_in_place(struct xml_stream *stream, const char **bytes, const char *end, size_t head_room,
    struct xml_tree **tree_r)
{
	struct xml_scope scope = stream_scope(stream);
	size_t have = (size_t)(end - *bytes);
	struct tape_space space;
	struct tape tape;
	bool dropped = false;
	int result;

	tape_init(&tape, &scope, stream->limits, &space);
	tape.bytes = *bytes;
	tape.len = have < max_bytes(stream) ? (uint32_t)have : max_bytes(stream);
	result = run(stream, &tape, head_room, tree_r, &dropped);
	if (result == XML_STREAM_MORE && !dropped) {
		if (tape.len == max_bytes(stream)) {
			tape_fini(&tape);
			return XML_STREAM_TOO_LARGE;
		}
		partial_begin(stream, &tape);
		*bytes = end;
		return result;
	}
	*bytes += tape.pos;
	tape_fini(&tape);
	return result;
}

static void partial_add(struct partial *partial, const char *bytes, uint32_t len)
{
	if (partial->cap - partial->len < len) {
		partial->cap = partial->len + len + partial->len / 2;
		partial->bytes = mem_realloc(partial->bytes, partial->cap);
	}
	memcpy(partial->bytes + partial->len, bytes, len);
	partial->len += len;
}

/* One step: takes some more bytes to what is there and parses on. */
static int next_partial(struct xml_stream *stream, const char **bytes, const char *end, size_t head_room,
    struct xml_tree **tree_r)
{
	struct xml_scope scope = stream_scope(stream);
	struct partial *partial = stream->partial;
	uint32_t max = max_bytes(stream), had = partial->len;
	size_t more = had > PARTIAL_STEP ? had : PARTIAL_STEP;
	bool dropped = false;
	int result;

	if (had >= max)
		return XML_STREAM_TOO_LARGE;
	if (more > (size_t)(end - *bytes))
		more = (size_t)(end - *bytes);
	if (more > max - had)
		more = max - had;
	partial_add(partial, *bytes, (uint32_t)more);
	partial->tape.bytes = partial->bytes;
	partial->tape.len = partial->len;
	partial->tape.scope = &scope;
	partial->tape.limits = stream->limits;
	result = run(stream, &partial->tape, head_room, tree_r, &dropped);
	if (result == XML_STREAM_MORE && !dropped) {
		*bytes += more;
		return partial->len == max ? XML_STREAM_TOO_LARGE : result;
	}
	if (result < 0)
		return result;
	*bytes += partial->tape.pos - had;
	partial_free(stream);
	return result;
}

/* RFC 3629 6: U+FEFF in front of everything is a signature, not content. */
static int byte_order_mark(struct xml_stream *stream, const char **bytes)
{
	static const char mark[] = "\xef\xbb\xbf";

	if (stream->state > STATE_MARK_2 || **bytes != mark[stream->state])
		return XML_STREAM_NOT_WELL_FORMED;
	++*bytes;
	stream->state++;
	return XML_STREAM_MORE;
}

/* A byte that begins no tag. White space is consumed; XML_STREAM_MORE to go on. */
static int between(struct xml_stream *stream, const char **bytes, const char *end)
{
	const char *p = xml_skip_space(*bytes, end);

	if (p > *bytes && stream->state != STATE_MARK_1 && stream->state != STATE_MARK_2) {
		if (stream->state < STATE_HEADER)
			stream->state = STATE_HEADER;
		*bytes = p;
		return XML_STREAM_MORE;
	}
	if (stream->state < STATE_STANZAS)
		return byte_order_mark(stream, bytes);
	return (unsigned char)*p < ' ' ? XML_STREAM_NOT_WELL_FORMED : XML_STREAM_STRAY_TEXT;
}

static int step(struct xml_stream *stream, const char **bytes, const char *end, size_t head_room,
    struct xml_tree **tree_r)
{
	if (stream->partial)
		return next_partial(stream, bytes, end, head_room, tree_r);
	if (stream->state == STATE_CLOSED) {
		*bytes = end;
		return XML_STREAM_MORE;
	}
	if (**bytes != '<' || stream->state == STATE_MARK_1 || stream->state == STATE_MARK_2)
		return between(stream, bytes, end);
	return next_in_place(stream, bytes, end, head_room, tree_r);
}

int xml_stream_next(struct xml_stream *stream, const char **bytes, const char *end, size_t head_room,
    struct xml_tree **tree_r)
{
	int result = stream->failure;

	if (stream->state == STATE_CLOSING) {
		stream->state = STATE_CLOSED;
		return XML_STREAM_CLOSED;
	}
	while (result == XML_STREAM_MORE && *bytes < end)
		result = step(stream, bytes, end, head_room, tree_r);
	if (result < 0) {
		stream->failure = (int8_t)result;
		partial_free(stream);
	}
	return result;
}

const char *xml_stream_strerror(int result)
{
	static const char *const words[] = {
	    [-XML_STREAM_NOT_WELL_FORMED] = "not well-formed XML",
	    [-XML_STREAM_RESTRICTED] =
		"a comment, processing instruction, document type or entity, which XMPP forbids",
	    [-XML_STREAM_BAD_PREFIX] = "an undeclared or reserved namespace prefix",
	    [-XML_STREAM_ENCODING] = "another encoding than UTF-8",
	    [-XML_STREAM_TOO_LARGE] = "an element larger than allowed",
	    [-XML_STREAM_TOO_DEEP] = "elements nested deeper than allowed",
	    [-XML_STREAM_TOO_MANY_ATTRS] = "more attributes than allowed",
	    [-XML_STREAM_TOO_MANY_ELEMENTS] = "more elements in one stanza than allowed",
	    [-XML_STREAM_STRAY_TEXT] = "text between stanzas",
	};

	if (result >= 0 || result < XML_STREAM_STRAY_TEXT)
		return "no failure";
	return words[-result];
}
