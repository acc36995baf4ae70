/* SPDX-License-Identifier: Apache-2.0 */
/* Building a host's tables of hooks and IQ handlers from what its modules registered. Worker 0. */
#pragma once

#include "route/host_private.h"

/* One reference. Of instances in 'visitors' that are not the host's, the global hooks are in the tables. Both
 * may be NULL. */
struct host_tables *host_tables_build(const struct instances *own, const struct instances *visitors);
/* < 0 with err: the functions of a hook cannot be brought into an order. */
int host_tables_check(const struct instances *own, const struct instances *visitors, struct err *err);
