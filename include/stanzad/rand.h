/* SPDX-License-Identifier: Apache-2.0 */
/* Cryptographic random bytes from the kernel, buffered per thread. Any thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Fills len bytes. */
void rand_bytes(void *out, size_t len);
/* Any number, each as likely as another. */
uint64_t rand_u64(void);
/* len characters of [a-z2-7] (5 bits each) and a NUL: out has len + 1 bytes. 26 characters are 130 bits. */
void rand_id(char *out, size_t len);
