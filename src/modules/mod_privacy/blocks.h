/* SPDX-License-Identifier: Apache-2.0 */
/* How the block list changes when the default list does (XEP-0191 5). On the user's home worker. */
#pragma once

#include "modules/mod_privacy/lists.h"

struct privacy_blocks_diff;

/* Either may be NULL. NULL: both block the same addresses, or nobody wants to hear of it. */
struct privacy_blocks_diff *privacy_blocks_diff(
    const struct privacy_list *before, const struct privacy_list *after);
/* diff may be NULL. */
void privacy_blocks_diff_tell(struct user *user, const struct privacy_blocks_diff *diff);
void privacy_blocks_diff_free(struct privacy_blocks_diff **diff);
