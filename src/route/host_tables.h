/* SPDX-License-Identifier: Apache-2.0 */
/* Building a host's tables of hooks and IQ handlers from its modules. Worker 0. */
#pragma once

#include "route/host_private.h"

/* One reference. Handlers of one namespace: the first module in order wins, the other is logged. instances
 * may be NULL when count is 0. */
struct host_tables *host_tables_build(struct module_instance **instances, size_t count);
