/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

static void test_gives(void)
{
	char *bytes = mem_zalloc(100);
	bool zero = true;
	char *copy;

	for (int i = 0; i < 100; i++)
		zero = zero && bytes[i] == 0;
	ok(zero);
	memcpy(bytes, "keep", 5);
	bytes = mem_realloc(bytes, 100000);
	is_cstr(bytes, "keep");
	bytes = mem_realloc_array(bytes, 10, 2);
	is_cstr(bytes, "keep");
	copy = mem_dup(bytes, 5);
	is_cstr(copy, "keep");
	free(copy);
	free(bytes);
}

static void test_nothing_is_something(void)
{
	void *pieces[] = {mem_alloc(0), mem_zalloc(0), mem_realloc(NULL, 0), mem_dup(NULL, 0)};

	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		ok(pieces[i] != NULL);
		free(pieces[i]);
	}
}

static void overflow(void)
{
	mem_realloc_array(NULL, SIZE_MAX / 2, 3);
}

static void view_overflow(void)
{
	struct strbuf buf = {.len = 10};

	strbuf_reserve(&buf, SIZE_MAX - 5);
}

/* The signal that ends a child which does it. */
static int signal_of(void (*action)(void))
{
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		signal(SIGABRT, SIG_DFL);
		close(STDERR_FILENO);
		action();
		_exit(0);
	}
	waitpid(child, &status, 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void test_exhaustion_aborts(void)
{
	is_int(signal_of(overflow), SIGABRT);
#ifndef STANZAD_SANITIZE
	is_int(signal_of(view_overflow), SIGABRT);
#else
	(void)view_overflow;
#endif
}

int main(void)
{
	run(test_gives);
	run(test_nothing_is_something);
	run(test_exhaustion_aborts);
	return tap_done();
}
