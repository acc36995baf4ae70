/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/credentials.h"
#include "base/rand.h"

static unsigned char secret[AUTH_SECRET_LEN];
static bool loaded;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_up(void)
{
	if (!loaded)
		rand_bytes(secret, sizeof(secret));
}

const unsigned char *auth_secret(void)
{
	pthread_once(&once, make_up);
	return secret;
}

static int read_secret(int fd, unsigned char *out)
{
	unsigned char beyond;
	ssize_t got = read(fd, out, AUTH_SECRET_LEN);

	if (got < 0)
		return -1;
	return got == AUTH_SECRET_LEN && read(fd, &beyond, 1) == 0 ? 0 : 1;
}

/* Complete under another name first: a crash leaves no half a secret behind. */
static int write_secret(const char *path, struct err *err)
{
	char fresh[4096];
	int fd, wrong;

	rand_bytes(secret, sizeof(secret));
	if ((size_t)snprintf(fresh, sizeof(fresh), "%s.new", path) >= sizeof(fresh))
		return err_set(err, "the name %s is too long", path);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_set(err, "making %s: %s", fresh, strerror(errno));
	errno = ENOSPC;
	wrong = write(fd, secret, sizeof(secret)) != sizeof(secret) || fsync(fd) < 0;
	close(fd);
	if (wrong || rename(fresh, path) < 0) {
		wrong = errno;
		unlink(fresh);
		return err_set(err, "writing %s: %s", path, strerror(wrong));
	}
	loaded = true;
	return 0;
}

int auth_secret_load(const char *data_dir, struct err *err)
{
	unsigned char read_bytes[AUTH_SECRET_LEN];
	char path[4096];
	int fd, result;

	if ((size_t)snprintf(path, sizeof(path), "%s/auth.secret", data_dir) >= sizeof(path))
		return err_set(err, "the name of the data directory is too long");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return write_secret(path, err);
	if (fd < 0)
		return err_set(err, "opening %s: %s", path, strerror(errno));
	result = read_secret(fd, read_bytes);
	if (result < 0)
		err_set(err, "reading %s: %s", path, strerror(errno));
	close(fd);
	if (result > 0)
		return err_set(err, "%s does not hold %d bytes: remove it, and a new one is made", path,
		    AUTH_SECRET_LEN);
	if (result == 0) {
		memcpy(secret, read_bytes, sizeof(secret));
		loaded = true;
	}
	return result;
}
