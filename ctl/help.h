/* SPDX-License-Identifier: Apache-2.0 */
/* Help that is made from the server's table of commands. */
#pragma once

#include <jansson.h>

/* All commands by tag, one line each. */
void help_commands(const json_t *descriptions);
/* One in full. */
void help_command(const json_t *description);
