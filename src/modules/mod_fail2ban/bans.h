/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Failed log-ins by address: one table of bounded size for all hosts and workers. Any thread. An IPv4 address
 * in IPv6 form counts as IPv4; addresses of other families are never banned.
 */
#pragma once

#include "conf/ip.h"

#define BANS_MAX 65536 /* addresses; the one that failed first is forgotten when one more comes */

/* A log-in failed. True: the address is banned from now on, as it failed max times within lifetime_ms. */
bool bans_failed(const struct sockaddr *address, int64_t max, int64_t lifetime_ms);
/* A log-in succeeded: what failed before is forgotten. */
void bans_succeeded(const struct sockaddr *address);
/* When banned: *until_us_r is the real time of the end; INT64_MAX: never. */
bool bans_check(const struct sockaddr *address, int64_t *until_us_r);
/* Lifts the bans, and forgets the failures, of a network. How many bans there were. */
unsigned bans_lift(const struct ip_network *network);
void bans_fini(void);
