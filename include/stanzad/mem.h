/* SPDX-License-Identifier: Apache-2.0 */
/* Allocation that cannot fail: running out of memory logs and aborts. free() gives back. Any thread. */
#pragma once

#include <stddef.h>

/* size bytes, with anything in them. */
void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull));
/* size bytes, all zero. */
void *mem_zalloc(size_t size) __attribute__((malloc, returns_nonnull));
/* As realloc; ptr may be NULL. */
void *mem_realloc(void *ptr, size_t size) __attribute__((returns_nonnull));
/* The same for count * size bytes, checked for overflow. */
void *mem_realloc_array(void *ptr, size_t count, size_t size) __attribute__((returns_nonnull));
/* A copy of size bytes. */
void *mem_dup(const void *bytes, size_t size) __attribute__((returns_nonnull));
