/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <time.h>

#include "tap.h"

static void test_real(void)
{
	uint64_t first = clock_mono_us();
	int64_t seconds = (int64_t)time(NULL);

	ok(clock_real_us() / 1000000 >= seconds - 1);
	ok(clock_mono_us() >= first);
	ok(clock_mono_ms() >= first / 1000);
}

static void test_fake(void)
{
	uint64_t real_mono = clock_mono_us(), mono;

	clock_fake(1500000);
	mono = clock_mono_us();
	ok(mono >= real_mono);
	is_int(clock_real_us(), 1500000);
	clock_fake_advance(250);
	is_int(clock_real_us(), 1750000);
	is_int(clock_mono_us() - mono, 250000);
	is_int(clock_mono_ms(), (mono + 250000) / 1000);
	clock_fake(-1);
	is_int(clock_real_us(), -1);
	is_int(clock_mono_us() - mono, 250000);
}

int main(void)
{
	run(test_real);
	run(test_fake);
	return tap_done();
}
