/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "conf/access.h"
#include "modules/mod_muc/room.h"
#include "route/session.h"
#include "stanzad/clock.h"
#include "stanzad/mem.h"

#define NICKS_MOST 10       /* changes of a nick ... */
#define NICKS_MS 60000      /* ... within this time */
#define DEBT_MOST_MS 30000  /* of somebody who cannot be slowed down */

/* How fast an occupant is. */
struct room_pace {
	struct room *room;
	uint64_t message_ms, presence_ms; /* of the latest; clock_mono_ms */
	uint64_t nicks_since_ms;
	unsigned nicks;
	uint64_t message_due_ms, presence_due_ms; /* what the shapers let through is through by then */
	struct module_timer *timer;               /* for the presence that waits */
	struct jid waiting;                       /* whose; on the heap */
	struct stanza *presence;
};

static struct room_pace *pace_of(struct room *room, struct occupant *occupant)
{
	if (!occupant->pace) {
		occupant->pace = mem_zalloc(sizeof(*occupant->pace));
		occupant->pace->room = room;
	}
	return occupant->pace;
}

static void forget_presence(struct room_pace *pace)
{
	stanza_unref(&pace->presence);
	free((char *)pace->waiting.text);
	pace->waiting = (struct jid){0};
}

void room_pace_free(struct room_pace **pace)
{
	if (!*pace)
		return;
	forget_presence(*pace);
	module_timer_free(&(*pace)->timer);
	free(*pace);
	*pace = NULL;
}

static uint64_t interval(const struct room *room, const char *option)
{
	return (uint64_t)module_option(room->instance, option)->integer;
}

/* --- shapers -------------------------------------------------------------------------------------------- */

static size_t size_of(const struct stanza *stanza)
{
	return stanza->root->inner.len + stanza->tail.len + 100;
}

/* At the rate of the shaper: false when somebody who cannot be slowed down is too far ahead of it. */
static bool shape(
    const struct room *room, const char *option, const struct jid *from, uint64_t *due_ms, size_t bytes)
{
	struct access_subject subject = {.jid = from};
	struct shaper_rate shaper = access_shaper(conf_current(), host_name(module_host(room->instance)),
	    module_option(room->instance, option), &subject);
	if (!shaper.rate)
		return true;
	uint64_t now = clock_mono_ms(), at_once = (uint64_t)(shaper.burst * 1000 / shaper.rate);
	if (*due_ms < now)
		*due_ms = now;
	if (*due_ms - now > at_once + DEBT_MOST_MS && session_cannot_slow(from))
		return false;
	*due_ms += bytes * 1000 / (uint64_t)shaper.rate;
	if (*due_ms - now > at_once)
		session_slow_sender(from, (unsigned)(*due_ms - now - at_once));
	return true;
}

/* --- messages ------------------------------------------------------------------------------------------- */

const char *room_pace_message(struct room *room, struct occupant *occupant, const struct stanza *message)
{
	uint64_t least = interval(room, "min_message_interval"), now = clock_mono_ms();
	struct room_pace *pace = pace_of(room, occupant);
	size_t bytes = size_of(message);
	if (least && pace->message_ms && now - pace->message_ms < least)
		return "your messages come too fast: this one was not sent";
	if (!shape(room, "user_message_shaper", &occupant->clients->jid, &pace->message_due_ms, bytes) ||
	    !shape(room, "room_shaper", &occupant->clients->jid, &room->due_ms, bytes))
		return "too much is said in too short a time: this was not sent";
	pace->message_ms = now ? now : 1;
	return NULL;
}

/* --- presence ------------------------------------------------------------------------------------------- */

static void on_due(struct module_instance *instance, void *arg)
{
	struct room_pace *pace = arg;
	struct room_client *client = pace->presence ? room_client(pace->room, &pace->waiting) : NULL;
	struct stanza *presence = pace->presence;
	(void)instance;
	pace->presence = NULL;
	forget_presence(pace);
	pace->presence_ms = clock_mono_ms();
	if (client)
		room_show(pace->room, client, presence);
	stanza_unref(&presence);
}

bool room_pace_presence(struct room *room, struct room_client *client, struct stanza *presence)
{
	uint64_t least = interval(room, "min_presence_interval"), now = clock_mono_ms();
	struct room_pace *pace = pace_of(room, client->occupant);
	shape(room, "user_presence_shaper", &client->jid, &pace->presence_due_ms, size_of(presence));
	if (!least || !pace->presence_ms || now - pace->presence_ms >= least) {
		pace->presence_ms = now ? now : 1;
		return true;
	}
	forget_presence(pace);
	pace->presence = stanza_ref(presence);
	pace->waiting = jid_dup_heap(&client->jid);
	if (!pace->timer)
		pace->timer = module_timer_new(room->instance, on_due, pace);
	if (!module_timer_is_running(pace->timer))
		module_timer_start(pace->timer, pace->presence_ms + least - now);
	return false;
}

bool room_pace_nick(struct occupant *occupant)
{
	struct room_pace *pace = pace_of(occupant->room, occupant);
	uint64_t now = clock_mono_ms();
	if (!pace->nicks || now - pace->nicks_since_ms > NICKS_MS) {
		pace->nicks_since_ms = now;
		pace->nicks = 0;
	}
	return ++pace->nicks <= NICKS_MOST;
}
