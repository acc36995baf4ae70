/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rand.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static _Thread_local struct {
	size_t left; /* unused bytes, at the end */
	unsigned char bytes[256];
} pool;

static pthread_once_t once = PTHREAD_ONCE_INIT;

/* The child of a fork must not hand out what its parent will. */
static void forget_pool(void)
{
	explicit_bzero(&pool, sizeof(pool));
}

static void watch_forks(void)
{
	if (pthread_atfork(NULL, NULL, forget_pool) != 0)
		abort();
}

static void from_kernel(unsigned char *out, size_t len)
{
	while (len) {
		ssize_t got = getrandom(out, len, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			abort();
		out += got;
		len -= (size_t)got;
	}
}

void rand_bytes(void *out, size_t len)
{
	unsigned char *from;

	if (len > sizeof(pool.bytes) / 4) {
		from_kernel(out, len);
		return;
	}
	if (pool.left < len) {
		pthread_once(&once, watch_forks);
		from_kernel(pool.bytes, sizeof(pool.bytes));
		pool.left = sizeof(pool.bytes);
	}
	from = pool.bytes + sizeof(pool.bytes) - pool.left;
	if (len)
		memcpy(out, from, len);
	explicit_bzero(from, len);
	pool.left -= len;
}

uint64_t rand_u64(void)
{
	uint64_t value;

	rand_bytes(&value, sizeof(value));
	return value;
}

void rand_id(char *out, size_t len)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

	rand_bytes(out, len);
	for (size_t i = 0; i < len; i++)
		out[i] = alphabet[out[i] & 31];
	out[len] = '\0';
}
