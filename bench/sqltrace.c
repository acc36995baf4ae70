/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loaded into a server with LD_PRELOAD: appends the text of each SQL statement that it prepares with SQLite to
 * the file that the environment variable BENCH_SQL names, one on a line. What is explained by the bench is
 * so what the server runs, not what somebody believes it runs.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

struct sqlite3;
struct sqlite3_stmt;

int sqlite3_prepare_v2(struct sqlite3 *, const char *, int, struct sqlite3_stmt **, const char **);
int sqlite3_prepare_v3(struct sqlite3 *, const char *, int, unsigned, struct sqlite3_stmt **, const char **);

static void write_down(const char *sql, int size)
{
	const char *path = getenv("BENCH_SQL");
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
	struct iovec line[] = {
	    {(char *)(size_t)sql, size < 0 ? strlen(sql) : strnlen(sql, (size_t)size)},
	    {"\n", 1},
	};

	if (fd < 0)
		return;
	if (writev(fd, line, 2) < 0)
		unlink(path);
	close(fd);
}

int sqlite3_prepare_v2(
    struct sqlite3 *db, const char *sql, int size, struct sqlite3_stmt **stmt_r, const char **tail_r)
{
	int (*next)(struct sqlite3 *, const char *, int, struct sqlite3_stmt **, const char **);

	*(void **)&next = dlsym(RTLD_NEXT, "sqlite3_prepare_v2");
	write_down(sql, size);
	return next(db, sql, size, stmt_r, tail_r);
}

int sqlite3_prepare_v3(struct sqlite3 *db, const char *sql, int size, unsigned flags,
    struct sqlite3_stmt **stmt_r, const char **tail_r)
{
	int (*next)(struct sqlite3 *, const char *, int, unsigned, struct sqlite3_stmt **, const char **);

	*(void **)&next = dlsym(RTLD_NEXT, "sqlite3_prepare_v3");
	write_down(sql, size);
	return next(db, sql, size, flags, stmt_r, tail_r);
}
