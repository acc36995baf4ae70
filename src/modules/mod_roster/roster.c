/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_roster/roster_data.h"

#include <stdlib.h>

#include "auth/digest.h"
#include "base/codec.h"
#include "stanzad/mem.h"

/* --- items ---------------------------------------------------------------------------------------------- */

static struct str copy(char **place, struct str text)
{
	struct str copied = {*place, text.len};
	if (text.len)
		memcpy(*place, text.ptr, text.len);
	*place += text.len;
	return copied;
}

struct roster_item *roster_item_new(const struct roster_item *draft)
{
	size_t text = draft->jid.len + draft->name.len + draft->request.len;
	for (uint32_t i = 0; i < draft->group_count; i++)
		text += draft->groups[i].len;
	size_t head = sizeof(struct roster_item) + draft->group_count * sizeof(struct str);
	struct roster_item *item = mem_alloc(head + text);
	struct str *groups = (struct str *)(item + 1);
	char *place = (char *)item + head;
	*item = *draft;
	item->jid = copy(&place, draft->jid);
	item->name = copy(&place, draft->name);
	item->request = copy(&place, draft->request);
	for (uint32_t i = 0; i < draft->group_count; i++)
		groups[i] = copy(&place, draft->groups[i]);
	item->groups = groups;
	return item;
}

static bool has_group(const struct roster_item *item, struct str group)
{
	for (uint32_t i = 0; i < item->group_count; i++)
		if (str_eq(item->groups[i], group))
			return true;
	return false;
}

bool roster_item_same(const struct roster_item *a, const struct roster_item *b)
{
	bool seen_a = a && a->listed, seen_b = b && b->listed;
	if (!seen_a || !seen_b)
		return seen_a == seen_b;
	if (!str_eq(a->name, b->name) || a->subscription != b->subscription || a->ask != b->ask ||
	    a->approved != b->approved || a->group_count != b->group_count)
		return false;
	for (uint32_t i = 0; i < a->group_count; i++)
		if (!has_group(b, a->groups[i]))
			return false;
	return true;
}

/* --- the roster ----------------------------------------------------------------------------------------- */

struct roster *roster_new(void)
{
	return mem_zalloc(sizeof(struct roster));
}

void roster_clear(struct roster *roster)
{
	for (uint32_t i = 0; i < roster->count; i++)
		free(roster->items[i]);
	free(roster->items);
	roster->items = NULL;
	roster->count = roster->room = roster->listed = 0;
	roster->version[0] = '\0';
	roster->changes++;
}

void roster_free(struct roster **roster)
{
	if (*roster)
		roster_clear(*roster);
	free(*roster);
	*roster = NULL;
}

/* The place of the first item that is not before jid. */
static uint32_t place_of(const struct roster *roster, struct str jid)
{
	uint32_t low = 0, high = roster->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (str_cmp(roster->items[middle]->jid, jid) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(const struct roster *roster, uint32_t place, struct str jid)
{
	return place < roster->count && str_eq(roster->items[place]->jid, jid);
}

const struct roster_item *roster_get(const struct roster *roster, struct str jid)
{
	if (!roster)
		return NULL;
	uint32_t place = place_of(roster, jid);
	return is_at(roster, place, jid) ? roster->items[place] : NULL;
}

const struct roster_item *roster_after(const struct roster *roster, struct str jid)
{
	if (!roster)
		return NULL;
	uint32_t place = place_of(roster, jid);
	place += is_at(roster, place, jid);
	return place < roster->count ? roster->items[place] : NULL;
}

static void make_room(struct roster *roster)
{
	if (roster->count < roster->room)
		return;
	roster->room = roster->room ? roster->room + roster->room / 2 + 1 : 2;
	roster->items = mem_realloc_array(roster->items, roster->room, sizeof(roster->items[0]));
}

const struct roster_item *roster_put(struct roster *roster, const struct roster_item *draft)
{
	struct roster_item *item = roster_item_new(draft);
	uint32_t place = place_of(roster, item->jid);
	if (is_at(roster, place, item->jid)) {
		roster->listed -= roster->items[place]->listed;
		free(roster->items[place]);
	} else {
		make_room(roster);
		memmove(roster->items + place + 1, roster->items + place,
		    (roster->count - place) * sizeof(roster->items[0]));
		roster->count++;
	}
	roster->items[place] = item;
	roster->listed += item->listed;
	roster->changes++;
	return item;
}

void roster_remove(struct roster *roster, struct str jid)
{
	uint32_t place = place_of(roster, jid);
	if (!is_at(roster, place, jid))
		return;
	roster->listed -= roster->items[place]->listed;
	free(roster->items[place]);
	roster->count--;
	memmove(roster->items + place, roster->items + place + 1,
	    (roster->count - place) * sizeof(roster->items[0]));
	roster->changes++;
}

/* --- version -------------------------------------------------------------------------------------------- */

static void digest_text(struct digest *digest, struct str text)
{
	uint32_t len = (uint32_t)text.len;
	digest_update(digest, &len, sizeof(len));
	digest_update(digest, text.ptr, text.len);
}

/* Groups have no order, and storage may return them in another one. */
static int by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void digest_groups(struct digest *digest, const struct roster_item *item)
{
	if (!item->group_count)
		return;
	struct str *groups = mem_dup(item->groups, item->group_count * sizeof(*groups));
	qsort(groups, item->group_count, sizeof(*groups), by_text);
	for (uint32_t i = 0; i < item->group_count; i++)
		digest_text(digest, groups[i]);
	free(groups);
}

static void digest_item(struct digest *digest, const struct roster_item *item)
{
	unsigned char state[8] = {(unsigned char)item->subscription, item->ask, item->approved};
	memcpy(state + 4, &item->group_count, 4);
	digest_text(digest, item->jid);
	digest_text(digest, item->name);
	digest_update(digest, state, sizeof(state));
	digest_groups(digest, item);
}

void roster_hash(const struct roster *roster, char version_r[ROSTER_VERSION_LEN + 1])
{
	struct digest digest;
	unsigned char bytes[DIGEST_SIZE_MAX];
	struct strbuf hex = {0};
	digest_init(&digest, AUTH_SHA1);
	for (uint32_t i = 0; roster && i < roster->count; i++)
		if (roster->items[i]->listed)
			digest_item(&digest, roster->items[i]);
	digest_final(&digest, bytes);
	hex_encode(&hex, bytes, ROSTER_VERSION_LEN / 2);
	memcpy(version_r, hex.ptr, ROSTER_VERSION_LEN + 1);
	strbuf_fini(&hex);
}

/* --- walking -------------------------------------------------------------------------------------------- */

struct jid jid_of_prepared(struct str text)
{
	const char *slash = memchr(text.ptr, '/', text.len);
	size_t bare = slash ? (size_t)(slash - text.ptr) : text.len;
	const char *at = memchr(text.ptr, '@', bare);
	size_t local = at ? (size_t)(at - text.ptr) : 0;
	return (struct jid){
	    .text = text.ptr,
	    .local_len = (uint16_t)local,
	    .domain_len = (uint16_t)(bare - (at ? local + 1 : 0)),
	    .resource_len = (uint16_t)(slash ? text.len - bare - 1 : 0),
	};
}

bool roster_walk_next(const struct roster *roster, struct roster_walk *walk)
{
	walk->item = roster_after(roster, strbuf_view(&walk->at));
	if (!walk->item)
		return false;
	strbuf_reset(&walk->at);
	strbuf_str(&walk->at, walk->item->jid);
	walk->jid = jid_of_prepared(strbuf_view(&walk->at));
	return true;
}

void roster_walk_fini(struct roster_walk *walk)
{
	strbuf_fini(&walk->at);
	*walk = (struct roster_walk){0};
}
