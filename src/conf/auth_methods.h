/* SPDX-License-Identifier: Apache-2.0 */
/* What auth_method asks for, and whether the other options give it. */
#pragma once

#include "conf/snapshot.h"

/* Reports methods that are not available yet, and for 'external' a program that is missing or cannot be run,
 * and pools that hosts share but describe differently. After all scopes were built. */
void auth_methods_check(struct loader *loader);
