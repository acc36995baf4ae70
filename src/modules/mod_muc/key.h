/* SPDX-License-Identifier: Apache-2.0 */
/* The secret that occupant ids are made with (XEP-0421), the same after a restart: table mod_muc_key. */
#pragma once

#include "modules/mod_muc/muc.h"

/* On a storage thread, in a write as long as muc->key_known is false: reads it, makes one when there is none. */
int muc_key_ensure(struct muc *muc, struct db *db, struct err *err);
