/* SPDX-License-Identifier: Apache-2.0 */
/* How far sessions had come that nobody resumed in time: XEP-0198 5 lets <failed/> say it. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "route/host_private.h"
#include "stream/mgmt.h"

#define GONE_MAX 50000 /* on one worker, without the option cache_size */

struct gone {
	struct list link;
	uint64_t ended_ms;
	uint64_t handled;
	char id[MGMT_ID_LEN + 1];
	char *bare; /* heap */
};

static struct gone_here {
	struct map by_id;
	struct list oldest; /* first */
} gone[256];

static struct gone_here *gone_here(void)
{
	struct gone_here *here = &gone[worker_index(worker_self())];
	if (!here->oldest.next)
		list_init(&here->oldest);
	return here;
}

static void forget(struct gone_here *here, struct gone *each)
{
	map_remove(&here->by_id, (struct str){each->id, MGMT_ID_LEN});
	list_remove(&each->link);
	free(each->bare);
	free(each);
}

static void trim(struct gone_here *here, const struct conf_module *options)
{
	const struct option_value *size = conf_module_get(options, "cache_size");
	const struct option_value *life = conf_module_get(options, "cache_life_time");
	uint64_t most = size->present && size->integer != OPTION_INFINITE ? (uint64_t)size->integer : GONE_MAX;
	uint64_t now = clock_mono_ms();
	while (!list_empty(&here->oldest)) {
		struct gone *first = list_entry(here->oldest.next, struct gone, link);
		bool old = life->integer != OPTION_INFINITE &&
			   now - first->ended_ms > (uint64_t)life->integer;
		if (!old && here->by_id.count <= most)
			return;
		forget(here, first);
	}
}

void mgmt_gone_remember(const struct mgmt *mgmt)
{
	const struct conf_module *options = mgmt_options(mgmt->host);
	struct gone_here *here = gone_here();
	if (!options)
		return;
	struct gone *each = mem_zalloc(sizeof(*each));
	each->ended_ms = clock_mono_ms();
	each->handled = mgmt->in.handled;
	memcpy(each->id, mgmt->id, sizeof(each->id));
	each->bare = str_dup(jid_bare(&mgmt->jid));
	list_init(&each->link);
	list_add_before(&here->oldest, &each->link);
	map_put(&here->by_id, (struct str){each->id, MGMT_ID_LEN}, each);
	trim(here, options);
}

bool mgmt_gone_find(const struct jid *bare, struct str id, uint64_t *handled_r)
{
	const struct gone *each = map_get(&gone_here()->by_id, id);
	if (!each || !str_is(jid_bare(bare), each->bare))
		return false;
	*handled_r = each->handled;
	return true;
}

void mgmt_gone_fini(void)
{
	for (unsigned i = 0; i < 256; i++) {
		struct gone_here *here = &gone[i];
		while (here->oldest.next && !list_empty(&here->oldest))
			forget(here, list_entry(here->oldest.next, struct gone, link));
		map_fini(&here->by_id);
	}
}
