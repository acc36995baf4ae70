/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/captcha/rate.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"
#include "stanzad/clock.h"
#include "stanzad/list.h"
#include "stanzad/mem.h"
#include "stanzad/option.h"

enum { MINUTE_MS = 60000, RATE_MAX = 20000 /* the oldest is forgotten when one more comes */ };

struct minute {
	struct list link; /* oldest first */
	uint64_t since_ms;
	int64_t count;
	struct str who;
	char text[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map minutes;
static struct list by_age = {&by_age, &by_age};

static void forget(struct minute *minute)
{
	map_remove(&minutes, minute->who);
	list_remove(&minute->link);
	free(minute);
}

static struct minute *begin(struct str who, uint64_t now)
{
	struct minute *minute = mem_alloc(sizeof(*minute) + who.len);
	memcpy(minute->text, who.ptr, who.len);
	minute->who = (struct str){minute->text, who.len};
	minute->since_ms = now;
	minute->count = 0;
	list_init(&minute->link);
	list_add_before(&by_age, &minute->link);
	map_put(&minutes, minute->who, minute);
	return minute;
}

static void forget_old(uint64_t now)
{
	while (!list_empty(&by_age)) {
		struct minute *oldest = list_entry(by_age.next, struct minute, link);
		if (now - oldest->since_ms < MINUTE_MS && minutes.count < RATE_MAX)
			return;
		forget(oldest);
	}
}

bool captcha_rate_enter(struct str who, int64_t limit)
{
	uint64_t now = clock_mono_ms();
	bool entered = true;
	if (limit == OPTION_INFINITE)
		return true;
	pthread_mutex_lock(&lock);
	struct minute *minute = map_get(&minutes, who);
	if (!minute || now - minute->since_ms >= MINUTE_MS) {
		forget_old(now);
		minute = begin(who, now);
	}
	entered = minute->count < limit;
	minute->count += entered;
	pthread_mutex_unlock(&lock);
	return entered;
}
