/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The XML parser against libexpat. The input is a stream. It must come to the same end and the same trees as
 * in libexpat, apart from what XMPP forbids; however it is cut into pieces; each tree must survive being
 * written and parsed again; and the serialised children of each element must mean the same in another place.
 */
#include "fuzz.h"
#include "fuzz_xml_oracle.h"
#include "xml/stream.h"

#define HEAD_ROOM 48

static const struct xml_limits wide = {1 << 20, 255, 4096, 1 << 20};
static const struct xml_limits narrow = {300, 5, 4, 12};

struct outcome {
	struct strbuf dump; /* of everything that was complete */
	int result;         /* CLOSED, MORE at the end, or a failure */
};

static void check_same(struct str text, struct str default_ns, struct str want, bool children)
{
	struct strbuf got = {0};
	struct err err = {{0}};
	size_t offset;
	struct xml_tree *tree = xml_parse(text, default_ns, &wide, &offset, &err);

	if (!tree)
		fprintf(stderr, "%s at %zu: %.*s\n", err.text, offset, STR_FMT(text));
	fuzz_check(tree != NULL);
	if (children)
		dump_children(&got, tree->root);
	else
		dump_tree(&got, tree->root);
	if (!str_eq(strbuf_view(&got), want))
		fprintf(stderr, "%.*s\nwant:\n%.*s\ngot:\n%.*s\n", STR_FMT(text), STR_FMT(want),
		    STR_FMT(strbuf_view(&got)));
	fuzz_check(str_eq(strbuf_view(&got), want));
	strbuf_fini(&got);
	xml_tree_unref(&tree);
}

/* Written for a place with another default namespace, or the same. */
static void check_written(const struct xml *root, struct str default_ns)
{
	struct strbuf text = {0}, want = {0};

	dump_tree(&want, root);
	xml_write(&text, root, default_ns);
	check_same(strbuf_view(&text), default_ns, strbuf_view(&want), false);
	strbuf_fini(&text);
	strbuf_fini(&want);
}

/* The bytes inside an element, put into another element where its namespace is the default. */
static void check_inner(const struct xml *elem)
{
	struct strbuf text = {0}, want = {0};

	dump_children(&want, elem);
	strbuf_cstr(&text, "<x>");
	strbuf_str(&text, elem->inner);
	strbuf_cstr(&text, "</x>");
	check_same(strbuf_view(&text), elem->ns, strbuf_view(&want), true);
	strbuf_fini(&text);
	strbuf_fini(&want);
}

static void check_tree(const struct xml_tree *tree)
{
	const char *head = (const char *)tree - HEAD_ROOM;
	unsigned budget = 20;

	for (size_t i = 0; i < HEAD_ROOM; i++)
		fuzz_check(head[i] == 0);
	check_written(tree->root, STR("jabber:client"));
	check_written(tree->root, STR_NULL);
	check_written(tree->root, tree->root->ns);
	for (const struct xml *node = tree->root; node && budget--;) {
		if (node->kind == XML_ELEMENT)
			check_inner(node);
		if (node->children) {
			node = node->children;
			continue;
		}
		while (node && !node->next)
			node = node->parent;
		node = node ? node->next : NULL;
	}
}

static void take(struct outcome *outcome, int result, struct xml_tree *tree, bool check)
{
	outcome->result = result;
	if (result == XML_STREAM_OPENED)
		dump_start(&outcome->dump, tree->root);
	if (result == XML_STREAM_ELEMENT)
		dump_tree(&outcome->dump, tree->root);
	if (tree && check)
		check_tree(tree);
	xml_tree_unref(&tree);
}

/* A piece, in memory of its exact size so that reading past it is found. False when the stream is over. */
static bool feed(
    struct xml_stream *stream, const uint8_t *bytes, size_t len, struct outcome *outcome, bool check)
{
	char *copy = malloc(len);
	const char *at = copy, *end = copy + len;

	memcpy(copy, bytes, len);
	do {
		struct xml_tree *tree = NULL;
		int result = xml_stream_next(stream, &at, end, HEAD_ROOM, &tree);

		fuzz_check(at <= end && (result != XML_STREAM_MORE || at == end));
		take(outcome, result, tree, check);
	} while (outcome->result > 0 && outcome->result != XML_STREAM_CLOSED &&
		 (at < end || outcome->result == XML_STREAM_OPENED));
	free(copy);
	return outcome->result >= 0 && outcome->result != XML_STREAM_CLOSED;
}

/* seed 0: all at once; 1: byte by byte; else pieces of changing length. */
static void run(const uint8_t *bytes, size_t len, enum xml_ns content_ns, const struct xml_limits *limits,
    uint32_t seed, struct outcome *outcome)
{
	struct xml_stream *stream = xml_stream_new(content_ns, limits);
	bool check = seed == 0, on = true;

	*outcome = (struct outcome){.result = XML_STREAM_MORE};
	for (size_t at = 0; at < len && on;) {
		size_t piece = seed == 0 ? len : seed == 1 ? 1 : 1 + (seed >> 16) % 23;

		seed = seed > 1 ? (seed * 1103515245u + 12345u) | 2 : seed;
		piece = piece < len - at ? piece : len - at;
		on = feed(stream, bytes + at, piece, outcome, check);
		at += piece;
	}
	xml_stream_free(&stream);
}

/* A tag that is cut off may already be known to be wrong, or not. */
static int ending(int result)
{
	return result == XML_STREAM_CLOSED ? 1 : 0;
}

static void check_pieces(const uint8_t *bytes, size_t len, enum xml_ns content_ns,
    const struct xml_limits *limits, const struct outcome *want)
{
	uint32_t seeds[] = {1, 2 + (uint32_t)len * 7919u, len ? 65536u * bytes[len / 2] + 3 : 2};

	for (size_t i = 0; i < 3; i++) {
		struct outcome got;

		run(bytes, len, content_ns, limits, seeds[i], &got);
		fuzz_check(str_eq(strbuf_view(&got.dump), strbuf_view(&want->dump)));
		fuzz_check(ending(got.result) == ending(want->result));
		if (limits == &wide && got.result < 0)
			fuzz_check(got.result == want->result);
		strbuf_fini(&got.dump);
	}
}

static bool is_exempt(const struct outcome *ours, const struct oracle *oracle)
{
	switch (ours->result) {
	case XML_STREAM_CLOSED:
	case XML_STREAM_MORE:
	case XML_STREAM_OPENED:
	case XML_STREAM_ELEMENT:
	case XML_STREAM_BAD_PREFIX:
		return false;
	case XML_STREAM_NOT_WELL_FORMED:
		return oracle->odd_declaration;
	default:
		return true;
	}
}

static void check_oracle(const struct outcome *ours, const struct oracle *oracle)
{
	struct str want = strbuf_view(&oracle->stanzas), got = strbuf_view(&ours->dump);

	fuzz_check(got.len <= want.len && str_eq(got, (struct str){want.ptr, got.len}));
	if (ours->result == XML_STREAM_RESTRICTED)
		fuzz_check(oracle->restricted || !oracle->well_formed);
	if (is_exempt(ours, oracle))
		return;
	fuzz_check(got.len == want.len);
	fuzz_check(oracle->root_ended == (ours->result == XML_STREAM_CLOSED));
	fuzz_check(!oracle->restricted || ours->result < 0 || oracle->well_formed == false);
	if (ours->result != XML_STREAM_CLOSED)
		fuzz_check(!oracle->well_formed);
}

/* The input as one element. */
static void check_document(struct str bytes, const struct oracle *oracle)
{
	struct strbuf dump = {0};
	size_t offset;
	struct xml_tree *tree = xml_parse(bytes, STR_NULL, &wide, &offset, NULL);
	bool marked = bytes.len >= 3 && memcmp(bytes.ptr, "\xef\xbb\xbf", 3) == 0;

	fuzz_check(offset <= bytes.len);
	fuzz_check(
	    (tree != NULL) == (oracle->well_formed && !oracle->restricted && !oracle->declared && !marked));
	if (tree) {
		dump_tree(&dump, tree->root);
		fuzz_check(str_eq(strbuf_view(&dump), strbuf_view(&oracle->whole)));
	}
	strbuf_fini(&dump);
	xml_tree_unref(&tree);
}

/* libexpat guesses UTF-16 from these. */
static bool looks_wide(const uint8_t *bytes, size_t len)
{
	return len >= 2 && (bytes[0] >= 0xfe || bytes[0] == 0 || bytes[1] == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct str text = {(const char *)bytes, len};
	struct outcome ours, other;
	struct oracle oracle;

	if (len > 1 << 16)
		return 0;
	run(bytes, len, XNS_CLIENT, &wide, 0, &ours);
	check_pieces(bytes, len, XNS_CLIENT, &wide, &ours);
	if (!looks_wide(bytes, len)) {
		oracle_run(&oracle, text);
		check_oracle(&ours, &oracle);
		check_document(text, &oracle);
		oracle_fini(&oracle);
	}
	run(bytes, len, XNS_SERVER, &narrow, 0, &other);
	check_pieces(bytes, len, XNS_SERVER, &narrow, &other);
	strbuf_fini(&other.dump);
	strbuf_fini(&ours.dump);
	return 0;
}
