/* SPDX-License-Identifier: Apache-2.0 */
/* What a service knows when it starts: which rooms there are, and who was in them when the server ended. */
#pragma once

#include "modules/mod_muc/muc.h"

/* In .start. Later, when sessions of before are there again, rooms with people in them are loaded, and those of our own
 * users who are not there any more leave. */
void muc_wake(struct muc *muc);
/* What was not loaded yet is forgotten. */
void muc_wake_fini(struct muc *muc);
