/* SPDX-License-Identifier: Apache-2.0 */
/* The timers of an instance (stanzad/timer.h), from the side of the core. */
#pragma once

#include "stanzad/timer.h"

/* Those of the calling worker fire no more; all workers do this before the instance leaves. */
void module_timers_end_here(struct module_instance *instance);
/* None belongs to another worker. */
bool module_timers_are_here(struct module_instance *instance);
/* Frees them; no worker can be inside one any more. Worker 0, or after workers_fini. */
void module_timers_free(struct module_instance *instance);
