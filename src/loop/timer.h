/* SPDX-License-Identifier: Apache-2.0 */
/* One-shot timers of the calling worker. Embedded in their owner; starting one again moves it. */
#pragma once

#include <stdint.h>

struct timer {
	uint64_t due;   /* private: milliseconds of clock_mono_ms */
	uint32_t place; /* private: 0 when it is not running */
	void (*fire)(struct timer *);
};

void timer_start(struct timer *timer, uint64_t ms, void (*fire)(struct timer *));
/* Harmless when it is not running. Must be called before the owner is freed. */
void timer_stop(struct timer *timer);
/* Milliseconds until it fires; 0 when it is due or not running. */
uint64_t timer_left(const struct timer *timer);
static inline int timer_running(const struct timer *timer)
{
	return timer->place != 0;
}
