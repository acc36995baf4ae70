/* SPDX-License-Identifier: Apache-2.0 */
/* What a person at a terminal is told once the server runs. */
#pragma once

#include "main/server.h"

void welcome_print(const struct server_options *options);
