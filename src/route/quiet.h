/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting until whatever is under way now has ended: before code that it may run is unmapped. */
#pragma once

#include "loop/timer.h"

struct quiet {
	struct timer timer;
	void (*done)(struct quiet *quiet);
	uint64_t seen; /* private: how much had been submitted at the idle moment */
};

/*
 * Calls quiet->done on worker 0, where it is called, when every worker has returned to its loop since, at some
 * moment after that no job and no storage operation waited or ran, and what they came back with has been
 * received without beginning anything new. Never from within the call.
 */
void quiet_wait(struct quiet *quiet, void (*done)(struct quiet *quiet));
