/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_fail2ban/bans.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"
#include "stanzad/clock.h"
#include "stanzad/list.h"
#include "stanzad/mem.h"
#include "stanzad/option.h"

struct suspect {
	struct list link; /* by the time of the first failure */
	struct sockaddr_in6 address;
	int64_t failures;
	uint64_t expires_ms; /* of the ban, or of the failures; UINT64_MAX: never */
	bool banned;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map suspects; /* by the 16 bytes of the address */
static struct list by_age = {&by_age, &by_age};

static struct str key_of(const struct sockaddr_in6 *address)
{
	return (struct str){(const char *)address->sin6_addr.s6_addr, 16};
}

static bool unify(const struct sockaddr *address, struct sockaddr_in6 *address_r)
{
	*address_r = (struct sockaddr_in6){.sin6_family = AF_INET6};
	if (address && address->sa_family == AF_INET6) {
		address_r->sin6_addr = ((const struct sockaddr_in6 *)address)->sin6_addr;
		return true;
	}
	if (!address || address->sa_family != AF_INET)
		return false;
	address_r->sin6_addr.s6_addr[10] = address_r->sin6_addr.s6_addr[11] = 0xFF;
	memcpy(address_r->sin6_addr.s6_addr + 12, &((const struct sockaddr_in *)address)->sin_addr, 4);
	return true;
}

static void forget(struct suspect *suspect)
{
	map_remove(&suspects, key_of(&suspect->address));
	list_remove(&suspect->link);
	free(suspect);
}

/* NULL when there is none, or its time is over. */
static struct suspect *find(const struct sockaddr_in6 *address)
{
	struct suspect *suspect = map_get(&suspects, key_of(address));
	if (suspect && suspect->expires_ms <= clock_mono_ms()) {
		forget(suspect);
		suspect = NULL;
	}
	return suspect;
}

static uint64_t expiry(int64_t lifetime_ms)
{
	return lifetime_ms == OPTION_INFINITE ? UINT64_MAX : clock_mono_ms() + (uint64_t)lifetime_ms;
}

static struct suspect *add(const struct sockaddr_in6 *address, int64_t lifetime_ms)
{
	struct suspect *suspect = mem_zalloc(sizeof(*suspect));
	suspect->address = *address;
	suspect->expires_ms = expiry(lifetime_ms);
	list_init(&suspect->link);
	list_add_before(&by_age, &suspect->link);
	map_put(&suspects, key_of(&suspect->address), suspect);
	if (suspects.count > BANS_MAX)
		forget(list_entry(by_age.next, struct suspect, link));
	return suspect;
}

bool bans_failed(const struct sockaddr *address, int64_t max, int64_t lifetime_ms)
{
	struct sockaddr_in6 unified;
	if (!unify(address, &unified))
		return false;
	pthread_mutex_lock(&lock);
	struct suspect *suspect = find(&unified);
	if (!suspect)
		suspect = add(&unified, lifetime_ms);
	bool banned = ++suspect->failures >= max;
	if (banned && !suspect->banned)
		suspect->expires_ms = expiry(lifetime_ms);
	suspect->banned |= banned;
	pthread_mutex_unlock(&lock);
	return banned;
}

void bans_succeeded(const struct sockaddr *address)
{
	struct sockaddr_in6 unified;
	if (!unify(address, &unified))
		return;
	pthread_mutex_lock(&lock);
	struct suspect *suspect = find(&unified);
	if (suspect)
		forget(suspect);
	pthread_mutex_unlock(&lock);
}

bool bans_check(const struct sockaddr *address, int64_t *until_us_r)
{
	struct sockaddr_in6 unified;
	if (!unify(address, &unified))
		return false;
	pthread_mutex_lock(&lock);
	const struct suspect *suspect = find(&unified);
	bool banned = suspect && suspect->banned;
	if (banned && suspect->expires_ms == UINT64_MAX)
		*until_us_r = INT64_MAX;
	else if (banned)
		*until_us_r = clock_real_us() + (int64_t)(suspect->expires_ms - clock_mono_ms()) * 1000;
	pthread_mutex_unlock(&lock);
	return banned;
}

unsigned bans_lift(const struct ip_network *network)
{
	unsigned lifted = 0;
	struct list *next;
	pthread_mutex_lock(&lock);
	for (struct list *at = by_age.next; at != &by_age; at = next) {
		struct suspect *suspect = list_entry(at, struct suspect, link);
		next = at->next;
		if (!ip_network_has(network, (const struct sockaddr *)&suspect->address))
			continue;
		lifted += suspect->banned;
		forget(suspect);
	}
	pthread_mutex_unlock(&lock);
	return lifted;
}

void bans_fini(void)
{
	pthread_mutex_lock(&lock);
	while (!list_empty(&by_age))
		forget(list_entry(by_age.next, struct suspect, link));
	map_fini(&suspects);
	pthread_mutex_unlock(&lock);
}
