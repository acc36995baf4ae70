/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum frame_kind {
	FRAME_STREAM_OPEN,
	FRAME_STREAM_CLOSE,
	FRAME_ELEMENT,
};

/* One piece of a stream that a server wrote; the bytes are borrowed from what was read. */
struct frame {
	enum frame_kind kind;
	const char *bytes;
	size_t size;
};

/*
 * Cuts the next stream header, stream end or whole top-level element off the bytes. Trusts the server to send
 * well-formed XML without comments and CDATA. Returns the bytes used up, white space and XML declaration
 * included; 0 when more bytes are needed; < 0 when this cannot be a stream.
 */
long frame_cut(const char *bytes, size_t size, struct frame *frame_r);

/* Whether the element's name, as written (prefix included), is name. */
bool frame_is(const struct frame *frame, const char *name);

/* Whether the text occurs anywhere in the frame. */
bool frame_has(const struct frame *frame, const char *text);

/*
 * Copies the value of the first attribute of that name in the frame's start tag, as written.
 * Returns false if there is none or it does not fit.
 */
bool frame_attribute(const struct frame *frame, const char *name, char *value_r, size_t size);

/* The bytes between the first start tag of that name ("<name") and the next tag; NULL if there is none. */
const char *frame_text(const struct frame *frame, const char *open_tag, size_t *size_r);
