/* SPDX-License-Identifier: Apache-2.0 */
/* DATA_DIR/lock: one server per data directory. The kernel drops it when the process ends. */
#pragma once

#include "stanzad/err.h"

/* Makes the directory when it is not there. Fails with "data directory DIR is in use by pid N". */
int lock_take(const char *data_dir, int *fd_r, struct err *err);
/* *fd -1: nothing. */
void lock_drop(int *fd);
