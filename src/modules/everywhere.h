/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instances of one module on all hosts, for a hook that is global but concerns each of them. Zero-initialised
 * but for the lock (EVERYWHERE_INIT). Any thread.
 */
#pragma once

#include <pthread.h>

#include "stanzad/work.h"

struct everywhere {
	pthread_mutex_t lock;
	struct module_instance **list;
	size_t count;
};
#define EVERYWHERE_INIT {.lock = PTHREAD_MUTEX_INITIALIZER}

/* At the end of .start. */
void everywhere_add(struct everywhere *everywhere, struct module_instance *instance);
/* In .leave and .stop; harmless when it is not there. */
void everywhere_remove(struct everywhere *everywhere, struct module_instance *instance);
/* Calls fn(instance, text) for each on worker 0, as module_post does; text is a copy that fn frees. */
void everywhere_post(struct everywhere *everywhere, module_work *fn, struct str text);
