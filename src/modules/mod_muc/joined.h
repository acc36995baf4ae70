/* SPDX-License-Identifier: Apache-2.0 */
/* In how many rooms of a service somebody is (option max_user_conferences). Any thread. */
#pragma once

#include "stanzad/jid.h"

struct joined;

struct joined *joined_new(void);
void joined_free(struct joined **joined);
/* One more room. */
void joined_add(struct joined *joined, struct str bare);
void joined_remove(struct joined *joined, struct str bare);
unsigned joined_count(struct joined *joined, struct str bare);
