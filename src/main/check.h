/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Prints every problem of a configuration. Returns the exit status: 0 when a server would start with it,
 * else 1. */
int check_configuration(const char *path);
