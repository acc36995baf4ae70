/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

static atomic_bool faked;
static _Atomic uint64_t fake_mono_us;
static _Atomic int64_t fake_real_us;

static int64_t read_us(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

uint64_t clock_mono_us(void)
{
	return atomic_load(&faked) ? atomic_load(&fake_mono_us) : (uint64_t)read_us(CLOCK_MONOTONIC);
}

uint64_t clock_mono_ms(void)
{
	return clock_mono_us() / 1000;
}

int64_t clock_real_us(void)
{
	return atomic_load(&faked) ? atomic_load(&fake_real_us) : read_us(CLOCK_REALTIME);
}

void clock_fake(int64_t real_us)
{
	atomic_store(&fake_mono_us, clock_mono_us());
	atomic_store(&fake_real_us, real_us);
	atomic_store(&faked, true);
}

void clock_fake_advance(uint64_t ms)
{
	atomic_fetch_add(&fake_mono_us, ms * 1000);
	atomic_fetch_add(&fake_real_us, (int64_t)ms * 1000);
}
