/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "auth/auth.h"
#include "modules/mod_muc/room.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"

/* Those of a room's people who are users of this server, on their way to whoever knows which accounts there are. */
struct cleanup {
	struct jid room; /* on the heap */
	uint64_t serial;
	size_t count;
	struct local {
		struct jid jid; /* on the heap */
		bool gone;
	} locals[];
};

static void look(struct module_instance *instance, void *arg)
{
	struct cleanup *cleanup = arg;
	(void)instance;
	for (size_t i = 0; i < cleanup->count; i++) {
		struct local *local = &cleanup->locals[i];
		struct err err = {0};
		local->gone = auth_user_exists(jid_domain(&local->jid), jid_local(&local->jid), &err) == AUTH_NO_USER;
	}
}

static void forget(struct module_instance *instance, void *arg)
{
	struct cleanup *cleanup = arg;
	struct room *room = room_find_same(jid_full(&cleanup->room), cleanup->serial);
	unsigned forgotten = 0;
	(void)instance;
	for (size_t i = 0; i < cleanup->count; i++) {
		struct local *local = &cleanup->locals[i];
		if (room && local->gone) {
			room_affiliate_put(room, &local->jid, ROOM_NONE, STR_NULL);
			forgotten++;
		}
		free((char *)local->jid.text);
	}
	if (forgotten) {
		LOG_INFO("muc.affiliations_cleaned", LOG_STR("room", jid_full(&cleanup->room)),
		    LOG_INT("forgotten", forgotten));
		room_changed(room);
	}
	free((char *)cleanup->room.text);
	free(cleanup);
}

void room_cleanup(struct room *room)
{
	uint32_t at = 0;
	const struct room_affiliate *affiliate;
	if (!module_option(room->instance, "cleanup_affiliations_on_start")->boolean || !room->affiliates.count)
		return;
	struct cleanup *cleanup =
	    mem_zalloc(sizeof(*cleanup) + room->affiliates.count * sizeof(struct local));
	cleanup->room = jid_dup_heap(&room->jid);
	cleanup->serial = room->serial;
	while ((affiliate = map_next(&room->affiliates, &at, NULL)))
		if (affiliate->jid.local_len && host_find(jid_domain(&affiliate->jid)))
			cleanup->locals[cleanup->count++].jid = jid_dup_heap(&affiliate->jid);
	module_run(room->instance, look, forget, cleanup);
}
