/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"
#include "modules/mod_register/register.h"
#include "stanzad/clock.h"
#include "stanzad/list.h"
#include "stanzad/mem.h"

#define RECENT_MAX 20000 /* the oldest is forgotten when one more comes */

struct recent {
	struct list link; /* oldest first */
	uint64_t since_ms;
	struct str key;
	char text[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map recents;
static struct list by_age = {&by_age, &by_age};

static void forget(struct recent *recent)
{
	map_remove(&recents, recent->key);
	list_remove(&recent->link);
	free(recent);
}

static void remember(struct str key)
{
	struct recent *recent = mem_alloc(sizeof(*recent) + key.len);
	memcpy(recent->text, key.ptr, key.len);
	recent->key = (struct str){recent->text, key.len};
	recent->since_ms = clock_mono_ms();
	list_init(&recent->link);
	list_add_before(&by_age, &recent->link);
	map_put(&recents, recent->key, recent);
	if (recents.count > RECENT_MAX)
		forget(list_entry(by_age.next, struct recent, link));
}

bool recent_enter(struct str key, int64_t period_ms)
{
	pthread_mutex_lock(&lock);
	struct recent *recent = map_get(&recents, key);
	bool free_to = !recent || clock_mono_ms() - recent->since_ms >= (uint64_t)period_ms;
	if (free_to && recent)
		forget(recent);
	if (free_to)
		remember(key);
	pthread_mutex_unlock(&lock);
	return free_to;
}

void recent_leave(struct str key)
{
	pthread_mutex_lock(&lock);
	struct recent *recent = map_get(&recents, key);
	if (recent)
		forget(recent);
	pthread_mutex_unlock(&lock);
}

void recent_fini(void)
{
	pthread_mutex_lock(&lock);
	while (!list_empty(&by_age))
		forget(list_entry(by_age.next, struct recent, link));
	map_fini(&recents);
	pthread_mutex_unlock(&lock);
}
