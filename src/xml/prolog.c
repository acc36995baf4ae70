/* SPDX-License-Identifier: Apache-2.0 */
#include "xml/prolog.h"

#include "xml/chars.h"
#include "xml/tape.h"

#define PROLOG_MAX_BYTES 1024

/* The value of name, if that is what comes next: *p moves behind it. STR_NULL when something else comes. */
static struct str pseudo_attribute(const char **p, const char *end, const char *name)
{
	const char *at = xml_skip_space(*p, end), *close;
	size_t len = strlen(name);
	char quote;

	if (at == *p || (size_t)(end - at) < len || memcmp(at, name, len) != 0)
		return STR_NULL;
	at = xml_skip_space(at + len, end);
	if (at == end || *at != '=')
		return STR_NULL;
	at = xml_skip_space(at + 1, end);
	if (at == end || (*at != '"' && *at != '\''))
		return STR_NULL;
	quote = *at++;
	close = memchr(at, quote, (size_t)(end - at));
	if (!close)
		return STR_NULL;
	*p = close + 1;
	return (struct str){at, (size_t)(close - at)};
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* EncName of XML 1.0. */
static bool encoding_valid(struct str encoding)
{
	for (size_t i = 0; i < encoding.len; i++) {
		char c = encoding.ptr[i];

		if (!is_letter(c) && (i == 0 || !((c >= '0' && c <= '9') || strchr("._-", c) != NULL) || !c))
			return false;
	}
	return encoding.len > 0;
}

static int read_attributes(struct str inside)
{
	const char *p = inside.ptr, *end = inside.ptr + inside.len;
	struct str version = pseudo_attribute(&p, end, "version");
	struct str encoding = pseudo_attribute(&p, end, "encoding");
	struct str standalone = pseudo_attribute(&p, end, "standalone");

	if (!str_is(version, "1.0") || xml_skip_space(p, end) != end)
		return XML_STREAM_NOT_WELL_FORMED;
	if (standalone.ptr && !str_is(standalone, "yes") && !str_is(standalone, "no"))
		return XML_STREAM_NOT_WELL_FORMED;
	if (!encoding.ptr || str_ieq(encoding, STR("UTF-8")))
		return TAPE_NEXT;
	return encoding_valid(encoding) ? XML_STREAM_ENCODING : XML_STREAM_NOT_WELL_FORMED;
}

int xml_prolog_read(struct str bytes, uint32_t *used_r)
{
	static const struct str start = {"<?xml", 5};
	const char *close;
	int result;

	if (memcmp(bytes.ptr, start.ptr, bytes.len < start.len ? bytes.len : start.len) != 0)
		return XML_STREAM_RESTRICTED;
	if (bytes.len <= start.len)
		return TAPE_MORE;
	if (!(xml_class(bytes.ptr[start.len]) & XML_C_SPACE))
		return XML_STREAM_RESTRICTED;
	if (bytes.len > PROLOG_MAX_BYTES)
		bytes.len = PROLOG_MAX_BYTES;
	close = memmem(bytes.ptr, bytes.len, "?>", 2);
	if (!close)
		return bytes.len == PROLOG_MAX_BYTES ? XML_STREAM_TOO_LARGE : TAPE_MORE;
	bytes.len = (size_t)(close - bytes.ptr);
	result = read_attributes((struct str){bytes.ptr + start.len, bytes.len - start.len});
	*used_r = (uint32_t)(close + 2 - bytes.ptr);
	return result;
}
