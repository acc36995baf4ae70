/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What authentication programs have answered, remembered for auth_cache_life_time: that an account exists or
 * not, and that a password was right. Of a password only an HMAC with a key of this process is kept. Failures
 * and wrong passwords are never remembered. Any thread.
 */
#pragma once

#include "stanzad/str.h"

struct extauth_cache_limits {
	uint64_t life_ms; /* UINT64_MAX: for ever */
	size_t size;      /* accounts; the one that was used longest ago goes first */
};

/* Taken before a program is asked and given with its answer: an answer that is older than a change of the
 * account is not remembered. */
uint64_t extauth_cache_moment(void);

/* Was this password right a while ago? */
bool extauth_cache_password(struct str host, struct str user, struct str password);
void extauth_cache_put_password(struct str host, struct str user, struct str password,
    const struct extauth_cache_limits *limits, uint64_t moment);

enum extauth_cached { EXTAUTH_CACHED_NOTHING, EXTAUTH_CACHED_NO, EXTAUTH_CACHED_YES };
enum extauth_cached extauth_cache_exists(struct str host, struct str user);
void extauth_cache_put_exists(struct str host, struct str user, bool exists,
    const struct extauth_cache_limits *limits, uint64_t moment);

void extauth_cache_forget(struct str host, struct str user);
void extauth_cache_clear(void);
