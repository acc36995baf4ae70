/* SPDX-License-Identifier: Apache-2.0 */
/* The modules that are compiled in, NULL-terminated. */
#pragma once

#include "stanzad/module.h"

extern const struct module *const modules_builtin[];
