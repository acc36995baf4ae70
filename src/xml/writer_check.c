/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/xml.h"

bool xml_writer_complete(const struct xml_writer *writer)
{
	return !writer->misuse && !writer->depth;
}

/* One element around everything: bytes that close it too early or open another make it not well-formed. */
static int parse_again(const struct xml_writer *writer, struct err *err)
{
	const struct xml_limits unlimited = {UINT32_MAX, UINT8_MAX, UINT16_MAX, UINT32_MAX};
	struct strbuf whole = {0};
	struct xml_tree *tree;
	int result = 0;

	strbuf_cstr(&whole, "<x>");
	strbuf_str(&whole, strbuf_view(&writer->buf));
	strbuf_cstr(&whole, "</x>");
	tree = xml_parse(strbuf_view(&whole), writer->default_ns, &unlimited, NULL, err);
	if (!tree)
		result = err_prefix(err, "xml_put_raw");
	xml_tree_unref(&tree);
	strbuf_fini(&whole);
	return result;
}

int xml_writer_check(const struct xml_writer *writer, struct err *err)
{
	if (writer->misuse)
		return err_set(err, "%s", writer->misuse);
	if (writer->depth)
		return err_set(err, "elements left open: %u", (unsigned)writer->depth);
	return writer->raw ? parse_again(writer, err) : 0;
}
