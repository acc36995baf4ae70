/* SPDX-License-Identifier: Apache-2.0 */
#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static int in_use(const char *data_dir, int fd, struct err *err)
{
	char pid[24] = "";
	ssize_t len = pread(fd, pid, sizeof(pid) - 1, 0);

	pid[len > 0 ? strspn(pid, "0123456789") : 0] = '\0';
	return err_set(
	    err, "data directory %s is in use by %s%s", data_dir, *pid ? "pid " : "another process", pid);
}

int lock_take(const char *data_dir, int *fd_r, struct err *err)
{
	char path[4096];

	if (mkdir(data_dir, 0700) < 0 && errno != EEXIST)
		return err_set(err, "cannot create data directory %s: %s", data_dir, strerror(errno));
	if (snprintf(path, sizeof(path), "%s/lock", data_dir) >= (int)sizeof(path))
		return err_set(err, "data directory %s: the name is too long", data_dir);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_set(err, "cannot open %s: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			in_use(data_dir, fd, err);
		else
			err_set(err, "cannot lock %s: %s", path, strerror(errno));
		close(fd);
		return -1;
	}
	if (ftruncate(fd, 0) < 0 || dprintf(fd, "%ld\n", (long)getpid()) < 0) {
		err_set(err, "cannot write %s: %s", path, strerror(errno));
		close(fd);
		return -1;
	}
	*fd_r = fd;
	return 0;
}

void lock_drop(int *fd)
{
	if (*fd < 0)
		return;
	/* The file stays: whoever waits for it has it open. */
	if (ftruncate(*fd, 0) < 0)
		errno = 0;
	close(*fd);
	*fd = -1;
}
