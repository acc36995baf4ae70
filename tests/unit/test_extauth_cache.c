/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/extauth_cache.h"

#include "base/clock.h"
#include "tap.h"

static const struct str host = STR("h"), romeo = STR("romeo"), juliet = STR("juliet");
static const struct extauth_cache_limits limits = {1000, 3};

static void put(struct str user, const char *password)
{
	extauth_cache_put_password(host, user, str_of(password), &limits, extauth_cache_moment());
}

static bool knows(struct str user, const char *password)
{
	return extauth_cache_password(host, user, str_of(password));
}

static void test_passwords(void)
{
	ok(!knows(romeo, "secret"));
	put(romeo, "secret");
	ok(knows(romeo, "secret"));
	ok(!knows(romeo, "secret2"));
	ok(!knows(romeo, ""));
	ok(!knows(juliet, "secret"));
	ok(!extauth_cache_password(STR("other"), romeo, STR("secret")));
	put(romeo, "new");
	ok(knows(romeo, "new"));
	ok(!knows(romeo, "secret"));
	extauth_cache_forget(host, romeo);
	ok(!knows(romeo, "new"));
	extauth_cache_clear();
}

static void test_time(void)
{
	put(romeo, "secret");
	extauth_cache_put_exists(host, romeo, true, &limits, extauth_cache_moment());
	extauth_cache_put_exists(host, juliet, false, &limits, extauth_cache_moment());
	clock_fake_advance(999);
	ok(knows(romeo, "secret"));
	is_int(extauth_cache_exists(host, romeo), EXTAUTH_CACHED_YES);
	is_int(extauth_cache_exists(host, juliet), EXTAUTH_CACHED_NO);
	clock_fake_advance(1);
	ok(!knows(romeo, "secret"));
	is_int(extauth_cache_exists(host, romeo), EXTAUTH_CACHED_NOTHING);
	is_int(extauth_cache_exists(host, juliet), EXTAUTH_CACHED_NOTHING);
	extauth_cache_clear();
}

static void test_for_ever(void)
{
	static const struct extauth_cache_limits ever = {UINT64_MAX, 3};

	extauth_cache_put_password(host, romeo, STR("secret"), &ever, extauth_cache_moment());
	clock_fake_advance(1000000000);
	ok(knows(romeo, "secret"));
	extauth_cache_clear();
	ok(!knows(romeo, "secret"));
}

/* The program was asked before the password changed, and answered afterwards. */
static void test_late_answer(void)
{
	uint64_t moment = extauth_cache_moment();

	extauth_cache_forget(host, romeo);
	extauth_cache_put_password(host, romeo, STR("old"), &limits, moment);
	extauth_cache_put_exists(host, romeo, true, &limits, moment);
	ok(!knows(romeo, "old"));
	is_int(extauth_cache_exists(host, romeo), EXTAUTH_CACHED_NOTHING);
}

static void test_size(void)
{
	put(STR("a"), "x");
	put(STR("b"), "x");
	put(STR("c"), "x");
	ok(knows(STR("a"), "x"));
	put(STR("d"), "x");
	ok(knows(STR("a"), "x"));
	ok(!knows(STR("b"), "x"));
	ok(knows(STR("c"), "x"));
	ok(knows(STR("d"), "x"));
	extauth_cache_clear();
}

int main(void)
{
	clock_fake(1000000);
	run(test_passwords);
	run(test_time);
	run(test_for_ever);
	run(test_late_answer);
	run(test_size);
	return tap_done();
}
