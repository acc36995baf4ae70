/* SPDX-License-Identifier: Apache-2.0 */
#include "frame.h"

#include <stdio.h>
#include <string.h>

/* The '>' that ends the tag at start, or NULL if it is not here yet. */
static const char *tag_end(const char *start, const char *end)
{
	char quote = 0;

	for (const char *at = start; at < end; at++) {
		if (quote)
			quote = *at == quote ? 0 : quote;
		else if (*at == '\'' || *at == '"')
			quote = *at;
		else if (*at == '>')
			return at;
	}
	return NULL;
}

static bool starts_with(const char *at, const char *end, const char *text)
{
	size_t size = strlen(text);

	return (size_t)(end - at) >= size && memcmp(at, text, size) == 0;
}

/* One past the element that starts at start, or NULL if it is not complete. */
static const char *element_end(const char *start, const char *end)
{
	unsigned depth = 0;

	for (const char *at = start; at; at = memchr(at, '<', (size_t)(end - at))) {
		const char *close = tag_end(at, end);
		if (!close)
			return NULL;
		if (at[1] == '/')
			depth--;
		else if (close[-1] != '/')
			depth++;
		if (depth == 0)
			return close + 1;
		at = close + 1;
	}
	return NULL;
}

static const char *skip_blank(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
		at++;
	return at;
}

long frame_cut(const char *bytes, size_t size, struct frame *frame_r)
{
	const char *end = bytes + size;
	const char *at = skip_blank(bytes, end);
	const char *close;

	if (starts_with(at, end, "<?")) {
		close = tag_end(at, end);
		at = close ? skip_blank(close + 1, end) : end;
	}
	if (at == end)
		return 0;
	if (*at != '<')
		return -1;
	frame_r->bytes = at;
	if (starts_with(at, end, "</")) {
		frame_r->kind = FRAME_STREAM_CLOSE;
		close = tag_end(at, end);
		close = close ? close + 1 : NULL;
	} else if (starts_with(at, end, "<stream:stream")) {
		frame_r->kind = FRAME_STREAM_OPEN;
		close = tag_end(at, end);
		close = close ? close + 1 : NULL;
	} else {
		frame_r->kind = FRAME_ELEMENT;
		close = element_end(at, end);
	}
	if (!close)
		return 0;
	frame_r->size = (size_t)(close - at);
	return close - bytes;
}

bool frame_is(const struct frame *frame, const char *name)
{
	size_t size = strlen(name);

	return frame->kind == FRAME_ELEMENT && frame->size > size + 1 &&
	       memcmp(frame->bytes + 1, name, size) == 0 && strchr(" \t\r\n/>", frame->bytes[size + 1]);
}

bool frame_has(const struct frame *frame, const char *text)
{
	return memmem(frame->bytes, frame->size, text, strlen(text)) != NULL;
}

bool frame_attribute(const struct frame *frame, const char *name, char *value_r, size_t size)
{
	char key[32];
	int key_size = snprintf(key, sizeof(key), " %s=", name);
	const char *close = tag_end(frame->bytes, frame->bytes + frame->size);
	const char *at = memmem(frame->bytes, (size_t)(close - frame->bytes), key, (size_t)key_size);

	if (!at)
		return false;
	at += key_size;
	const char *end = memchr(at + 1, *at, (size_t)(close - at - 1));
	if (!end || (size_t)(end - at) > size)
		return false;
	memcpy(value_r, at + 1, (size_t)(end - at - 1));
	value_r[end - at - 1] = '\0';
	return true;
}

const char *frame_text(const struct frame *frame, const char *open_tag, size_t *size_r)
{
	const char *end = frame->bytes + frame->size;
	const char *at = memmem(frame->bytes, frame->size, open_tag, strlen(open_tag));
	const char *close = at ? tag_end(at, end) : NULL;

	if (!close || close[-1] == '/')
		return NULL;
	const char *next = memchr(close, '<', (size_t)(end - close));
	if (!next)
		return NULL;
	*size_r = (size_t)(next - close - 1);
	return close + 1;
}
