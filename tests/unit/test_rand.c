/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rand.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

static void test_bytes(void)
{
	static const size_t lengths[] = {16, 64, 65, 5000};
	static unsigned char first[5001], second[5001];

	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		first[lengths[i]] = 0xa5;
		rand_bytes(first, lengths[i]);
		rand_bytes(second, lengths[i]);
		ok(memcmp(first, second, lengths[i]) != 0);
		is_int(first[lengths[i]], 0xa5);
	}
	rand_bytes(first, 0);
}

/* Each bit of 1000 numbers is set at least once and clear at least once, unless chance is broken. */
static void test_u64(void)
{
	uint64_t any = 0, all = UINT64_MAX;

	for (int i = 0; i < 1000; i++) {
		uint64_t value = rand_u64();

		any |= value;
		all &= value;
	}
	ok(any == UINT64_MAX);
	ok(all == 0);
}

static void test_id(void)
{
	char id[27], other[27], none[1] = {'x'};
	bool counted[256] = {false};
	int letters = 0;

	for (int i = 0; i < 200; i++) {
		rand_id(id, 26);
		for (int at = 0; at < 26; at++)
			counted[(unsigned char)id[at]] = true;
	}
	for (int c = 0; c < 256; c++)
		letters += counted[c];
	is_int(letters, 32);
	is_int(strspn(id, "abcdefghijklmnopqrstuvwxyz234567"), 26);
	is_int(strlen(id), 26);
	rand_id(other, 26);
	ok(strcmp(id, other) != 0);
	rand_id(none, 0);
	is_int(none[0], 0);
}

static void test_fork(void)
{
	uint64_t mine, childs = 0;
	int pipes[2];
	pid_t child;

	rand_u64();
	if (pipe(pipes) < 0)
		abort();
	child = fork();
	if (child == 0) {
		mine = rand_u64();
		_exit(write(pipes[1], &mine, sizeof(mine)) != sizeof(mine));
	}
	mine = rand_u64();
	is_int(read(pipes[0], &childs, sizeof(childs)), sizeof(childs));
	ok(mine != childs);
	waitpid(child, NULL, 0);
	close(pipes[0]);
	close(pipes[1]);
}

static void *draw(void *out)
{
	*(uint64_t *)out = rand_u64();
	return NULL;
}

static void test_threads(void)
{
	uint64_t values[2] = {0};
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, draw, &values[i]);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	ok(values[0] != values[1]);
}

int main(void)
{
	run(test_bytes);
	run(test_u64);
	run(test_id);
	run(test_fork);
	run(test_threads);
	return tap_done();
}
