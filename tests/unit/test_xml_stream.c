/* SPDX-License-Identifier: Apache-2.0 */
#include "xml/stream.h"

#include "tap.h"

#define STREAM_NS "xmlns:stream='http://etherx.jabber.org/streams'"
#define HEADER "<stream:stream xmlns='jabber:client' " STREAM_NS ">"
#define FOOTER "</stream:stream>"
#define HEAD_ROOM 32

/* Feeds a piece and writes down what comes: {tree}, then a failure as a number or "." for the end. */
static int feed(struct xml_stream *stream, const char *bytes, size_t len, struct strbuf *log)
{
	char *copy = malloc(len ? len : 1);
	const char *at = copy;
	int result;

	memcpy(copy, bytes, len);
	for (;;) {
		struct xml_tree *tree = NULL;

		result = xml_stream_next(stream, &at, copy + len, HEAD_ROOM, &tree);
		if (tree) {
			strbuf_char(log, '{');
			xml_write(log, tree->root, STR("jabber:client"));
			strbuf_char(log, '}');
			xml_tree_unref(&tree);
		} else {
			break;
		}
	}
	free(copy);
	return result;
}

static int feed_text(struct xml_stream *stream, const char *text, struct strbuf *log)
{
	return feed(stream, text, strlen(text), log);
}

/* In pieces of this length; the first one is shorter by shift. */
static int parse(struct str text, enum xml_ns content_ns, size_t piece, size_t shift, struct strbuf *log)
{
	struct xml_stream *stream = xml_stream_new(content_ns, &xml_limits_default);
	size_t at = 0, len = piece - shift;
	int result = 0;

	while (result == 0 && at < text.len) {
		if (len > text.len - at)
			len = text.len - at;
		result = feed(stream, text.ptr + at, len, log);
		at += len;
		len = piece;
	}
	xml_stream_free(&stream);
	return result;
}

/* The same at once, byte by byte, and in two pieces cut at every place. */
static void is_parsed(const char *text, enum xml_ns content_ns, int want, const char *want_log)
{
	struct str bytes = str_of(text);
	struct strbuf log = {0};
	bool same = true;
	int result = parse(bytes, content_ns, bytes.len, 0, &log);

	is_int(result, want);
	is_text(strbuf_view(&log), want_log);
	for (size_t i = 0; i < bytes.len && same; i++) {
		strbuf_reset(&log);
		result =
		    i ? parse(bytes, content_ns, bytes.len, i, &log) : parse(bytes, content_ns, 1, 0, &log);
		same = result == want && str_is(strbuf_view(&log), want_log);
		if (!same)
			printf("# cut %zu: %d %.*s\n", i, result, STR_FMT(strbuf_view(&log)));
	}
	ok(same);
	strbuf_fini(&log);
}

#define ROOT "{<stream xmlns='http://etherx.jabber.org/streams'/>}"

static void test_streams(void)
{
	is_parsed("<?xml version='1.0'?>\n" HEADER
		  "\n <message id='1'><body>h&#xe9;</body>\r\n</message>\n<a/>" FOOTER " ",
	    XNS_CLIENT, XML_STREAM_CLOSED, ROOT "{<message id='1'><body>h&#xe9;</body>\r\n</message>}{<a/>}");
	is_parsed("\xef\xbb\xbf<?xml version=\"1.0\" encoding='utf-8' standalone='no' ?>" HEADER
		  "<a>]]<![CDATA[]]]>]</a >",
	    XNS_CLIENT, XML_STREAM_MORE, ROOT "{<a>]]<![CDATA[]]]>]</a>}");
	is_parsed("<stream:stream " STREAM_NS "/>", XNS_CLIENT, XML_STREAM_CLOSED, ROOT);
	is_parsed(HEADER "<a>\xe2\x82\xac\xf0\x9f\x98\x80</a>" FOOTER, XNS_CLIENT, XML_STREAM_CLOSED,
	    ROOT "{<a>\xe2\x82\xac\xf0\x9f\x98\x80</a>}");
	is_parsed(HEADER "<a b='>' c=\"'>\" d='\"'>x > y</a>" FOOTER "garbage<", XNS_CLIENT,
	    XML_STREAM_CLOSED, ROOT "{<a b='&gt;' c='&apos;&gt;' d='&quot;'>x > y</a>}");
}

static void test_failures(void)
{
	is_parsed("x", XNS_CLIENT, XML_STREAM_NOT_WELL_FORMED, "");
	is_parsed("\xef\xbbx", XNS_CLIENT, XML_STREAM_NOT_WELL_FORMED, "");
	is_parsed("</a>", XNS_CLIENT, XML_STREAM_NOT_WELL_FORMED, "");
	is_parsed(HEADER "<message></foo>", XNS_CLIENT, XML_STREAM_NOT_WELL_FORMED, ROOT);
	is_parsed(HEADER "<message>\xff", XNS_CLIENT, XML_STREAM_NOT_WELL_FORMED, ROOT);
	is_parsed(HEADER "<a>]]>", XNS_CLIENT, XML_STREAM_NOT_WELL_FORMED, ROOT);
	is_parsed(HEADER "</stream:strean>", XNS_CLIENT, XML_STREAM_NOT_WELL_FORMED, ROOT);
	is_parsed(HEADER "<a/>text", XNS_CLIENT, XML_STREAM_STRAY_TEXT, ROOT "{<a/>}");
	is_parsed(HEADER "<![CDATA[x]]>", XNS_CLIENT, XML_STREAM_STRAY_TEXT, ROOT);
	is_parsed(HEADER "<!--", XNS_CLIENT, XML_STREAM_RESTRICTED, ROOT);
	is_parsed(HEADER "<a><?", XNS_CLIENT, XML_STREAM_RESTRICTED, ROOT);
	is_parsed(HEADER "<a>&nbsp;", XNS_CLIENT, XML_STREAM_RESTRICTED, ROOT);
	is_parsed("<!DOCTYPE", XNS_CLIENT, XML_STREAM_RESTRICTED, "");
	is_parsed(" <?xml version='1.0'?>", XNS_CLIENT, XML_STREAM_RESTRICTED, "");
	is_parsed("<?xml version='1.0'?><?xml version='1.0'?>", XNS_CLIENT, XML_STREAM_RESTRICTED, "");
	is_parsed("<?xml-a ?>", XNS_CLIENT, XML_STREAM_RESTRICTED, "");
	is_parsed("<?xml version='1.1'?>", XNS_CLIENT, XML_STREAM_NOT_WELL_FORMED, "");
	is_parsed("<?xml encoding='UTF-8'?>", XNS_CLIENT, XML_STREAM_NOT_WELL_FORMED, "");
	is_parsed("<?xml version='1.0'encoding='UTF-8'?>", XNS_CLIENT, XML_STREAM_NOT_WELL_FORMED, "");
	is_parsed("<?xml version='1.0' encoding='ISO-8859-1'?>", XNS_CLIENT, XML_STREAM_ENCODING, "");
	is_parsed(HEADER "<p:a/>", XNS_CLIENT, XML_STREAM_BAD_PREFIX, ROOT);
	is_parsed("<stream:stream/>", XNS_CLIENT, XML_STREAM_BAD_PREFIX, "");
}

static void test_namespaces(void)
{
	/* Elements of a server stream are seen in the client namespace, and so are children that name theirs.
	 */
	is_parsed("<stream:stream xmlns='jabber:server' " STREAM_NS ">"
		  "<message><body/><x xmlns='u'><y xmlns='jabber:server'/></x></message></stream:stream>",
	    XNS_SERVER, XML_STREAM_CLOSED,
	    ROOT "{<message><body/><x xmlns='u'><y xmlns='jabber:client'/></x></message>}");
	/* Prefixes of the header do not reach past it. */
	is_parsed(
	    "<s:stream xmlns='jabber:client' xmlns:s='http://etherx.jabber.org/streams' xmlns:p='urn:p'>"
	    "<a><p:b><c/></p:b></a><p:d p:e='1'/></s:stream>",
	    XNS_CLIENT, XML_STREAM_CLOSED,
	    ROOT "{<a><b xmlns='urn:p'><c xmlns='jabber:client'/></b></a>}{<d xmlns='urn:p' xmlns:n0='urn:p' "
		 "n0:e='1'/>}");
	is_parsed(HEADER "<stream:error><x/></stream:error>", XNS_CLIENT, XML_STREAM_MORE,
	    ROOT "{<error xmlns='http://etherx.jabber.org/streams'><x xmlns='jabber:client'/></error>}");
	is_parsed(
	    "<s:stream xmlns:p='jabber:server' xmlns:s='http://etherx.jabber.org/streams'><p:a><p:b/></p:a>",
	    XNS_SERVER, XML_STREAM_MORE, ROOT "{<a><b/></a>}");
	/* Another default namespace. */
	is_parsed("<stream xmlns='http://etherx.jabber.org/streams'><message "
		  "xmlns='jabber:client'><a/></message><b/>"
		  "</stream>",
	    XNS_CLIENT, XML_STREAM_CLOSED,
	    ROOT "{<message><a/></message>}{<b xmlns='http://etherx.jabber.org/streams'/>}");
}

static void test_declared(void)
{
	struct xml_stream *stream = xml_stream_new(XNS_SERVER, &xml_limits_default);
	struct strbuf log = {0};

	ok(xml_stream_namespace(stream, "").ptr == NULL);
	feed_text(stream, "<stream:stream xmlns='jabber:server' " STREAM_NS ">", &log);
	is_text(xml_stream_namespace(stream, ""), "jabber:server");
	is_text(xml_stream_namespace(stream, "stream"), "http://etherx.jabber.org/streams");
	ok(xml_stream_namespace(stream, "db").ptr == NULL);
	xml_stream_reset(stream);
	feed_text(stream,
	    "<s:stream xmlns:db='jabber:server:dialback' xmlns:s='http://etherx.jabber.org/streams'>", &log);
	ok(xml_stream_namespace(stream, "").ptr == NULL);
	ok(xml_stream_namespace(stream, "stream").ptr == NULL);
	is_text(xml_stream_namespace(stream, "db"), "jabber:server:dialback");
	strbuf_fini(&log);
	xml_stream_free(&stream);
}

static void test_reset(void)
{
	struct xml_stream *stream = xml_stream_new(XNS_CLIENT, &xml_limits_default);
	struct strbuf log = {0};

	is_int(feed_text(stream, HEADER "<auth", &log), XML_STREAM_MORE);
	ok(xml_stream_partial(stream));
	is_int(feed_text(stream, "/>", &log), XML_STREAM_MORE);
	ok(!xml_stream_partial(stream));
	xml_stream_reset(stream);
	is_int(feed_text(stream, "<?xml version='1.0'?>" HEADER "<a>", &log), XML_STREAM_MORE);
	xml_stream_reset(stream);
	is_int(feed_text(stream, HEADER "<?", &log), XML_STREAM_RESTRICTED);
	is_int(feed_text(stream, "<a/>", &log), XML_STREAM_RESTRICTED);
	xml_stream_reset(stream);
	is_int(feed_text(stream, HEADER FOOTER, &log), XML_STREAM_CLOSED);
	is_int(feed_text(stream, "<a/>", &log), XML_STREAM_MORE);
	is_text(strbuf_view(&log), ROOT "{<auth/>}" ROOT ROOT ROOT);
	strbuf_fini(&log);
	xml_stream_free(&stream);
	ok(stream == NULL);
	xml_stream_free(&stream);
}

/* The result of a stream that ends in text, in pieces of this length. */
static int limited(const struct xml_limits *limits, const char *text, size_t piece)
{
	struct xml_stream *stream = xml_stream_new(XNS_CLIENT, &xml_limits_default);
	struct strbuf log = {0};
	size_t len = strlen(text);
	int result = feed_text(stream, HEADER, &log);

	xml_stream_set_limits(stream, limits);
	for (size_t at = 0; at < len && result == 0; at += piece)
		result = feed(stream, text + at, piece < len - at ? piece : len - at, &log);
	strbuf_fini(&log);
	xml_stream_free(&stream);
	return result;
}

static void test_limits(void)
{
	struct xml_limits limits = {.max_bytes = 24, .max_depth = 2, .max_attrs = 2, .max_elements = 3};

	for (size_t piece = 1; piece < 40; piece += 6) {
		is_int(limited(&limits,
			   "        <a>12345678901234567</a>        <b/>                            ", piece),
		    0);
		is_int(limited(&limits, "<a>123456789012345678</a>", piece), XML_STREAM_TOO_LARGE);
		is_int(limited(&limits, "<a>1234567890123456789012345678901234567890", piece),
		    XML_STREAM_TOO_LARGE);
		is_int(limited(&limits, "<a b='1234567890123456789012345678901234567890", piece),
		    XML_STREAM_TOO_LARGE);
		is_int(limited(&limits, "</stream:stream                              ", piece),
		    XML_STREAM_TOO_LARGE);
		is_int(limited(&limits, "<a><b><c>", piece), XML_STREAM_TOO_DEEP);
		is_int(limited(&limits, "<a b='' c='' d=''>", piece), XML_STREAM_TOO_MANY_ATTRS);
		is_int(limited(&limits, "<a><b/><b/><b/>", piece), XML_STREAM_TOO_MANY_ELEMENTS);
	}
}

static void test_many_prefixes(void)
{
	struct xml_limits limits = {
	    .max_bytes = 1 << 20, .max_depth = 64, .max_attrs = 64, .max_elements = 8192};
	struct strbuf text = {0};

	for (int depth = 0; depth < 4; depth++) {
		strbuf_cstr(&text, "<a");
		for (int i = 0; i < 60; i++)
			strbuf_printf(&text, " xmlns:p%d='u%d'", i, i);
		strbuf_char(&text, '>');
	}
	is_int(limited(&limits, text.ptr, text.len), XML_STREAM_TOO_MANY_ATTRS);
	strbuf_fini(&text);
}

/* A short prefix that stands for a long namespace, used often: what it would take to write it out is bounded.
 */
static void test_amplification(void)
{
	struct xml_limits limits = {
	    .max_bytes = 20000, .max_depth = 64, .max_attrs = 64, .max_elements = 8192};
	struct strbuf text = {0};

	strbuf_cstr(&text, "<a xmlns:p='");
	for (int i = 0; i < 5000; i++)
		strbuf_char(&text, 'u');
	strbuf_cstr(&text, "'>");
	for (int i = 0; i < 1000; i++)
		strbuf_cstr(&text, "<p:b/>");
	strbuf_cstr(&text, "</a>");
	is_int(limited(&limits, text.ptr, text.len), XML_STREAM_TOO_LARGE);
	strbuf_fini(&text);
}

static void test_head_room(void)
{
	struct xml_stream *stream = xml_stream_new(XNS_CLIENT, &xml_limits_default);
	static const char text[] = HEADER "<a xmlns:p='u'><p:b/></a>";
	const char *at = text;
	static const char zero[HEAD_ROOM];

	for (int i = 0; i < 2; i++) {
		struct xml_tree *tree = NULL;

		is_int(xml_stream_next(stream, &at, text + sizeof(text) - 1, HEAD_ROOM, &tree),
		    XML_STREAM_OPENED + i);
		ok(memcmp((char *)tree - HEAD_ROOM, zero, HEAD_ROOM) == 0);
		is_int(tree->head_room, HEAD_ROOM);
		ok(tree->size > HEAD_ROOM + sizeof(*tree));
		xml_tree_unref(&tree);
	}
	xml_stream_free(&stream);
}

static void test_words(void)
{
	for (int result = -1; result >= XML_STREAM_STRAY_TEXT; result--)
		ok(strlen(xml_stream_strerror(result)) > 10);
	is_cstr(xml_stream_strerror(0), xml_stream_strerror(XML_STREAM_STRAY_TEXT - 1));
}

int main(void)
{
	run(test_streams);
	run(test_failures);
	run(test_namespaces);
	run(test_declared);
	run(test_reset);
	run(test_limits);
	run(test_many_prefixes);
	run(test_amplification);
	run(test_head_room);
	run(test_words);
	return tap_done();
}
