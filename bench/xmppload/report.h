/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "options.h"

struct result;

/* Prints what was measured on stdout: text for people, or one JSON object. */
void report_print(const struct options *options, const struct result *result);
