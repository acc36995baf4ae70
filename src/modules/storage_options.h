/* SPDX-License-Identifier: Apache-2.0 */
/* ejabberd's options for where a module keeps its data. There is one store here and no cache to size. */
#pragma once

#include "stanzad/option.h"

/* clang-format off */
#define MODULE_STORAGE_OPTIONS \
	{"db_type", OPTION_ENUM, NULL, "It is in the database of the server.", "internal|mnesia|sql", \
	    .flags = OPTION_IGNORED}, \
	{"use_cache", OPTION_BOOL, NULL, "What is needed is in memory as long as the user is.", \
	    .flags = OPTION_IGNORED}, \
	{"cache_missed", OPTION_BOOL, NULL, "See `use_cache`.", .flags = OPTION_IGNORED}, \
	{"cache_size", OPTION_INT, NULL, "See `use_cache`.", .flags = OPTION_IGNORED | OPTION_INFINITY}, \
	{"cache_life_time", OPTION_DURATION, NULL, "See `use_cache`.", .flags = OPTION_IGNORED | OPTION_INFINITY}
/* clang-format on */
