/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <openssl/bio.h>
#include <pthread.h>
#include <stdlib.h>

#include "net/internal.h"

static BIO_METHOD *method;

int conn_send_flags(const struct conn *conn)
{
	return conn->state == CONN_CLOSING || conn->state == CONN_LINGER ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL;
}

static bool passes(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

static int on_write(BIO *bio, const char *bytes, int len)
{
	struct conn *conn = BIO_get_data(bio);
	ssize_t n = send(conn->fd, bytes, (size_t)len, conn_send_flags(conn));
	BIO_clear_retry_flags(bio);
	if (n <= 0 && passes(errno))
		BIO_set_retry_write(bio);
	return (int)n;
}

static int on_read(BIO *bio, char *bytes, int room)
{
	struct conn *conn = BIO_get_data(bio);
	ssize_t n = -1;
	BIO_clear_retry_flags(bio);
	if (conn->dry)
		errno = EAGAIN;
	else
		n = recv(conn->fd, bytes, (size_t)room, 0);
	if (n < 0 && passes(errno))
		BIO_set_retry_read(bio);
	if (n == 0)
		BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
	conn->dry = n > 0 && n < room;
	return (int)n;
}

static long on_control(BIO *bio, int command, long number, void *pointer)
{
	if (command == BIO_CTRL_EOF)
		return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
	return command == BIO_CTRL_FLUSH;
}

static void make_method(void)
{
	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");
	if (!method)
		abort();
	BIO_meth_set_write(method, on_write);
	BIO_meth_set_read(method, on_read);
	BIO_meth_set_ctrl(method, on_control);
}

struct bio_st *conn_bio_new(struct conn *conn)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, make_method);
	BIO *bio = BIO_new(method);
	if (!bio)
		abort();
	BIO_set_data(bio, conn);
	BIO_set_init(bio, 1);
	return bio;
}
