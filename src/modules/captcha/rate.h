/* SPDX-License-Identifier: Apache-2.0 */
/* captcha_limit: how many pictures somebody had within a minute. Any thread. */
#pragma once

#include "stanzad/str.h"

/* Counts one more for who, a bare JID or an address; false when that would be more than limit. Infinite limits
 * (OPTION_INFINITE) count nothing. */
bool captcha_rate_enter(struct str who, int64_t limit);
