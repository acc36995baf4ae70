/* SPDX-License-Identifier: Apache-2.0 */
#include "buffer.h"

#include <stdlib.h>
#include <string.h>

void buffer_fini(struct buffer *buffer)
{
	free(buffer->bytes);
	*buffer = (struct buffer){0};
}

static void buffer_reserve(struct buffer *buffer, size_t size)
{
	size_t wanted = buffer->used + size;

	if (wanted <= buffer->size)
		return;
	size_t grown = buffer->size ? buffer->size * 2 : 512;
	while (grown < wanted)
		grown *= 2;
	buffer->bytes = realloc(buffer->bytes, grown);
	if (!buffer->bytes)
		abort();
	buffer->size = grown;
}

char *buffer_extend(struct buffer *buffer, size_t size)
{
	buffer_reserve(buffer, size);
	char *start = buffer->bytes + buffer->used;
	buffer->used += size;
	return start;
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t size)
{
	if (size > 0)
		memcpy(buffer_extend(buffer, size), bytes, size);
}

void buffer_consume(struct buffer *buffer, size_t size)
{
	buffer->used -= size;
	if (buffer->used > 0 && size > 0)
		memmove(buffer->bytes, buffer->bytes + size, buffer->used);
}
