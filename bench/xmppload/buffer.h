/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>

/* A growable run of bytes. All zero is an empty buffer. Running out of memory aborts. */
struct buffer {
	char *bytes;
	size_t used;
	size_t size;
};

/* Frees the bytes; the buffer is empty and usable afterwards. */
void buffer_fini(struct buffer *buffer);

/* Adds size bytes at the end. */
void buffer_append(struct buffer *buffer, const void *bytes, size_t size);

/* Makes room for size bytes at the end and counts them as used; returns where they start. */
char *buffer_extend(struct buffer *buffer, size_t size);

/* Drops the first size bytes; size is at most used. */
void buffer_consume(struct buffer *buffer, size_t size);
