/* SPDX-License-Identifier: Apache-2.0 */
/* Readiness of a file descriptor on the calling worker. The descriptor stays the caller's. */
#pragma once

enum { IO_READ = 1, IO_WRITE = 2 };

struct io;

/* ready(arg, events) is called from the loop; events holds both bits when the descriptor is in error. */
struct io *io_new(int fd, void (*ready)(void *arg, unsigned events), void *arg);
/* Which events are wanted from now on; 0 is none. Cheap when nothing changes. */
void io_want(struct io *io, unsigned events);
/* No call comes after this; the descriptor may be closed at once. *io may be NULL. */
void io_free(struct io **io);
