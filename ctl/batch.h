/* SPDX-License-Identifier: Apache-2.0 */
/* Many commands over one connection, one a line. */
#pragma once

#include "client.h"
#include "output.h"

struct batch_options {
	const char *file; /* "-": standard input */
	bool stop_at_error, ordered;
	struct output output;
};

/* Runs them all; returns the exit status: that of the first failure, or 0. */
int batch_run(struct client *client, const struct batch_options *options);
