/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "auth/digest.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/rand.h"
#include "conf/conf.h"
#include "loop/worker.h"
#include "stanzad/log.h"
#include "stream/mgmt_ledger.h"
#include "stream/s2s_mgmt.h"

#define AWAY_MAX 2048   /* on one worker */
#define AWAY_OF_PAIR 4  /* who comes back once needs one */

/* The table holds a reference to each. */
static struct table {
	struct map by_id;
	struct list away; /* the oldest first */
	unsigned away_count;
} tables[256]; /* one a worker */

static struct table *table_here(void)
{
	struct table *table = &tables[worker_index(worker_self())];
	if (!table->away.next)
		list_init(&table->away);
	return table;
}

/* What it is called in the ledger: of no use to anybody but a stream of the same pair. */
static void ledger_id(char id_r[MGMT_LEDGER_SERVER_LEN + 1], struct str id, struct str local, struct str remote)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char hash[32];
	struct strbuf text = {0};
	strbuf_printf(&text, "%.*s %.*s %.*s", STR_FMT(id), STR_FMT(local), STR_FMT(remote));
	digest_bytes(AUTH_SHA256, text.ptr, text.len, hash);
	strbuf_fini(&text);
	id_r[0] = MGMT_LEDGER_SERVER;
	for (unsigned i = 1; i < MGMT_LEDGER_SERVER_LEN; i++)
		id_r[i] = digits[hash[i / 2] >> (i % 2 ? 4 : 0) & 15];
	id_r[MGMT_LEDGER_SERVER_LEN] = '\0';
}

bool s2s_mgmt_offer(struct s2s_mgmt *mgmt, struct str local, struct str remote, uint64_t max_s)
{
	char name[MGMT_LEDGER_SERVER_LEN + 1];
	uint64_t most = (uint64_t)conf_int(conf_current(), local, "s2s_resume_timeout");
	mgmt->max_ms = max_s && max_s < most / 1000 ? max_s * 1000 : most;
	if (!mgmt->max_ms)
		return false;
	mgmt->id = mem_alloc(S2S_MGMT_ID_LEN + 1);
	rand_id(mgmt->id, S2S_MGMT_ID_LEN);
	mgmt->local = (struct str){str_dup(local), local.len};
	mgmt->remote = (struct str){str_dup(remote), remote.len};
	ledger_id(name, str_of(mgmt->id), local, remote);
	mgmt->slot = mgmt_ledger_take(name);
	s2s_mgmt_ref(mgmt);
	map_put(&table_here()->by_id, str_of(mgmt->id), mgmt);
	return true;
}

struct s2s_mgmt *s2s_mgmt_find(struct str id)
{
	return map_get(&table_here()->by_id, id);
}

void s2s_mgmt_back(struct s2s_mgmt *mgmt, struct peer *peer)
{
	timer_stop(&mgmt->timer);
	table_here()->away_count -= !list_empty(&mgmt->link);
	list_remove(&mgmt->link);
	mgmt->peer = peer;
}

void s2s_mgmt_forget(struct s2s_mgmt *mgmt)
{
	struct table *table = table_here();
	if (!mgmt->id || map_get(&table->by_id, str_of(mgmt->id)) != mgmt)
		return;
	map_remove(&table->by_id, str_of(mgmt->id));
	table->away_count -= !list_empty(&mgmt->link);
	list_remove(&mgmt->link);
	timer_stop(&mgmt->timer);
	if (mgmt->waiting)
		s2s_not_resumed(mgmt->local, mgmt->remote);
	s2s_mgmt_unref(&mgmt);
}

/* --- away ----------------------------------------------------------------------------------------------- */

static void on_over(struct timer *timer)
{
	struct s2s_mgmt *mgmt = list_entry(timer, struct s2s_mgmt, timer);
	LOG_INFO("s2s_in.not_resumed", LOG_STR("local", mgmt->local), LOG_STR("remote", mgmt->remote));
	s2s_mgmt_forget(mgmt);
}

/* Nobody fills the table alone. */
static void trim_pair(struct table *table, const struct s2s_mgmt *newest)
{
	struct s2s_mgmt *oldest = NULL;
	unsigned found = 0;
	for (struct list *at = table->away.next; at != &table->away; at = at->next) {
		struct s2s_mgmt *each = list_entry(at, struct s2s_mgmt, link);
		if (!str_eq(each->local, newest->local) || !str_eq(each->remote, newest->remote))
			continue;
		if (!found++)
			oldest = each;
	}
	if (found > AWAY_OF_PAIR)
		s2s_mgmt_forget(oldest);
}

void s2s_mgmt_keep(struct s2s_mgmt *mgmt)
{
	struct table *table = table_here();
	list_add_before(&table->away, &mgmt->link);
	table->away_count++;
	timer_start(&mgmt->timer, mgmt->max_ms, on_over);
	trim_pair(table, mgmt);
	if (table->away_count > AWAY_MAX)
		s2s_mgmt_forget(list_entry(table->away.next, struct s2s_mgmt, link));
}

bool s2s_mgmt_of_before(struct str id, struct str local, struct str remote, uint64_t *handled_r)
{
	char name[MGMT_LEDGER_SERVER_LEN + 1];
	struct mgmt_numbers numbers;
	ledger_id(name, id, local, remote);
	if (!mgmt_ledger_find_server(name, &numbers))
		return false;
	*handled_r = numbers.handled;
	return true;
}

void s2s_mgmt_table_fini(void)
{
	struct table *table = table_here();
	struct s2s_mgmt *mgmt;
	uint32_t position;
	while ((position = 0, mgmt = map_next(&table->by_id, &position, NULL)))
		s2s_mgmt_forget(mgmt);
	map_fini(&table->by_id);
}
