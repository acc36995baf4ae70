/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>

#include "modules/mod_muc/muc.h"
#include "stanzad/mem.h"

/* Small, since there may be very many: the texts stand behind it. */
struct item {
	uint32_t occupants;
	uint32_t title_len;
	uint16_t jid_len, local_len;
	bool public : 1, public_list : 1, members_only : 1, persistent : 1, loaded : 1;
	char text[];
};

struct directory {
	pthread_mutex_t lock;
	struct item **items; /* by domain, and then by local part */
	size_t count, room;
};

struct key {
	struct str local, domain;
};

static struct key key_of(struct str jid)
{
	const char *at = memchr(jid.ptr ? jid.ptr : "", '@', jid.len);
	size_t local = at ? (size_t)(at - jid.ptr) : 0, skip = at ? local + 1 : 0;
	return (struct key){{jid.ptr, local}, {jid.ptr + skip, jid.len - skip}};
}

static struct str item_local(const struct item *item)
{
	return (struct str){item->text, item->local_len};
}

static struct str item_domain(const struct item *item)
{
	size_t skip = item->local_len ? (size_t)item->local_len + 1 : 0;
	return (struct str){item->text + skip, item->jid_len - skip};
}

static struct str item_title(const struct item *item)
{
	return (struct str){item->text + item->jid_len, item->title_len};
}

static struct directory_entry entry_of(const struct item *item)
{
	return (struct directory_entry){
	    .jid = {item->text, item->jid_len},
	    .title = item_title(item),
	    .occupants = item->occupants,
	    .public = item->public,
	    .public_list = item->public_list,
	    .members_only = item->members_only,
	    .persistent = item->persistent,
	    .loaded = item->loaded,
	};
}

static int compare(const struct item *item, const struct key *key)
{
	int order = str_cmp(item_domain(item), key->domain);
	return order ? order : str_cmp(item_local(item), key->local);
}

/* --- places in the order; with the lock --- */

/* The first one that is not before the key; behind: the first one after it. */
static size_t place_of(const struct directory *directory, const struct key *key, bool behind)
{
	size_t from = 0, to = directory->count;
	while (from < to) {
		size_t middle = from + (to - from) / 2;
		int order = compare(directory->items[middle], key);
		if (order < 0 || (behind && order == 0))
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static struct item *item_at(const struct directory *directory, size_t place, const struct key *key)
{
	if (place < directory->count && compare(directory->items[place], key) == 0)
		return directory->items[place];
	return NULL;
}

static size_t domain_end(const struct directory *directory, struct str domain)
{
	size_t from = 0, to = directory->count;
	while (from < to) {
		size_t middle = from + (to - from) / 2;
		if (str_cmp(item_domain(directory->items[middle]), domain) <= 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

struct range {
	size_t from, to;
};

static struct range domain_range(const struct directory *directory, struct str domain)
{
	struct key first = {.domain = domain};
	if (!domain.len)
		return (struct range){0, directory->count};
	return (struct range){place_of(directory, &first, false), domain_end(directory, domain)};
}

/* --- life --- */

struct directory *directory_new(void)
{
	struct directory *directory = mem_zalloc(sizeof(*directory));
	pthread_mutex_init(&directory->lock, NULL);
	return directory;
}

void directory_free(struct directory **directory)
{
	if (!*directory)
		return;
	for (size_t i = 0; i < (*directory)->count; i++)
		free((*directory)->items[i]);
	free((*directory)->items);
	pthread_mutex_destroy(&(*directory)->lock);
	free(*directory);
	*directory = NULL;
}

/* --- changes --- */

static void set_flags(struct item *item, const struct directory_entry *entry)
{
	item->occupants = entry->occupants;
	item->public = entry->public;
	item->public_list = entry->public_list;
	item->members_only = entry->members_only;
	item->persistent = entry->persistent;
	item->loaded = entry->loaded;
}

static struct item *item_new(const struct directory_entry *entry)
{
	struct item *item = mem_alloc(sizeof(*item) + entry->jid.len + entry->title.len);
	item->jid_len = (uint16_t)entry->jid.len;
	item->local_len = (uint16_t)key_of(entry->jid).local.len;
	item->title_len = (uint32_t)entry->title.len;
	memcpy(item->text, entry->jid.ptr, entry->jid.len);
	if (entry->title.len)
		memcpy(item->text + entry->jid.len, entry->title.ptr, entry->title.len);
	set_flags(item, entry);
	return item;
}

static void insert(struct directory *directory, size_t place, struct item *item)
{
	if (directory->count == directory->room) {
		directory->room = directory->room ? directory->room * 2 : 16;
		directory->items =
		    mem_realloc_array(directory->items, directory->room, sizeof(directory->items[0]));
	}
	struct item **at = directory->items + place;
	memmove(at + 1, at, (directory->count - place) * sizeof(*at));
	*at = item;
	directory->count++;
}

void directory_put(struct directory *directory, const struct directory_entry *entry)
{
	struct key key = key_of(entry->jid);
	pthread_mutex_lock(&directory->lock);
	size_t place = place_of(directory, &key, false);
	struct item *item = item_at(directory, place, &key);
	if (!item) {
		insert(directory, place, item_new(entry));
	} else if (str_eq(item_title(item), entry->title)) {
		set_flags(item, entry);
	} else {
		directory->items[place] = item_new(entry);
		free(item);
	}
	pthread_mutex_unlock(&directory->lock);
}

void directory_remove(struct directory *directory, struct str jid)
{
	struct key key = key_of(jid);
	pthread_mutex_lock(&directory->lock);
	size_t place = place_of(directory, &key, false);
	struct item *item = item_at(directory, place, &key);
	if (item) {
		struct item **at = directory->items + place;
		directory->count--;
		memmove(at, at + 1, (directory->count - place) * sizeof(*at));
		free(item);
	}
	pthread_mutex_unlock(&directory->lock);
}

/* --- questions --- */

size_t directory_count(struct directory *directory, struct str domain)
{
	pthread_mutex_lock(&directory->lock);
	struct range range = domain_range(directory, domain);
	pthread_mutex_unlock(&directory->lock);
	return range.to - range.from;
}

void directory_each(struct directory *directory, struct str domain, struct str after,
    bool (*each)(void *arg, const struct directory_entry *entry), void *arg)
{
	struct key key = key_of(after);
	pthread_mutex_lock(&directory->lock);
	struct range range = domain_range(directory, domain);
	size_t begin = after.len ? place_of(directory, &key, true) : range.from;
	for (size_t i = begin > range.from ? begin : range.from; i < range.to; i++) {
		struct directory_entry entry = entry_of(directory->items[i]);
		if (!each(arg, &entry))
			break;
	}
	pthread_mutex_unlock(&directory->lock);
}

bool directory_find(
    struct directory *directory, struct str jid, struct arena *arena, struct directory_entry *entry_r)
{
	struct key key = key_of(jid);
	pthread_mutex_lock(&directory->lock);
	const struct item *item = item_at(directory, place_of(directory, &key, false), &key);
	if (item) {
		*entry_r = entry_of(item);
		entry_r->jid = arena_str(arena, entry_r->jid);
		entry_r->title = arena_str(arena, entry_r->title);
	}
	pthread_mutex_unlock(&directory->lock);
	return item != NULL;
}
