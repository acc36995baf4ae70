/* SPDX-License-Identifier: Apache-2.0 */
/* Allocation that cannot fail: running out of memory logs and aborts. free() gives back. */
#pragma once

#include <stddef.h>

void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull));
void *mem_zalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *mem_realloc(void *ptr, size_t size) __attribute__((returns_nonnull));
/* count * size, checked for overflow. */
void *mem_realloc_array(void *ptr, size_t count, size_t size) __attribute__((returns_nonnull));
void *mem_dup(const void *bytes, size_t size) __attribute__((returns_nonnull));
