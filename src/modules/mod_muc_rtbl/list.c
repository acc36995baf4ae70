/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc_rtbl/list.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"
#include "stanzad/mem.h"

#define HASH_SIZE 32

struct rtbl_list {
	pthread_rwlock_t lock;
	struct map entries; /* struct entry, by hash */
	unsigned round;
};

struct entry {
	unsigned char hash[HASH_SIZE];
	unsigned round; /* in which it was named last */
};

struct rtbl_list *rtbl_list_new(void)
{
	struct rtbl_list *list = mem_zalloc(sizeof(*list));
	pthread_rwlock_init(&list->lock, NULL);
	return list;
}

static struct str key_of(const unsigned char *hash)
{
	return (struct str){(const char *)hash, HASH_SIZE};
}

/* All that were not named in this round. */
static void drop(struct rtbl_list *list, unsigned round)
{
	uint32_t position = 0;
	struct entry *entry;
	while ((entry = map_next(&list->entries, &position, NULL))) {
		if (entry->round != round) {
			map_remove(&list->entries, key_of(entry->hash));
			free(entry);
		}
	}
}

void rtbl_list_free(struct rtbl_list **list)
{
	uint32_t position = 0;
	struct entry *entry;
	while ((entry = map_next(&(*list)->entries, &position, NULL)))
		free(entry);
	map_fini(&(*list)->entries);
	pthread_rwlock_destroy(&(*list)->lock);
	free(*list);
	*list = NULL;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hash(struct str hex, unsigned char *hash_r)
{
	if (hex.len != 2 * HASH_SIZE)
		return false;
	for (size_t i = 0; i < HASH_SIZE; i++) {
		int high = digit(hex.ptr[2 * i]), low = digit(hex.ptr[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		hash_r[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

bool rtbl_list_add(struct rtbl_list *list, struct str hex)
{
	unsigned char hash[HASH_SIZE];
	bool added = false;
	if (!read_hash(hex, hash))
		return false;
	pthread_rwlock_wrlock(&list->lock);
	struct entry *entry = map_get(&list->entries, key_of(hash));
	if (!entry && list->entries.count < RTBL_LIST_MAX) {
		entry = mem_alloc(sizeof(*entry));
		memcpy(entry->hash, hash, HASH_SIZE);
		map_put(&list->entries, key_of(entry->hash), entry);
		added = true;
	}
	if (entry)
		entry->round = list->round;
	pthread_rwlock_unlock(&list->lock);
	return added;
}

bool rtbl_list_remove(struct rtbl_list *list, struct str hex)
{
	unsigned char hash[HASH_SIZE];
	if (!read_hash(hex, hash))
		return false;
	pthread_rwlock_wrlock(&list->lock);
	struct entry *entry = map_remove(&list->entries, key_of(hash));
	pthread_rwlock_unlock(&list->lock);
	free(entry);
	return entry;
}

void rtbl_list_clear(struct rtbl_list *list)
{
	rtbl_list_begin(list);
	rtbl_list_end(list);
}

size_t rtbl_list_count(struct rtbl_list *list)
{
	pthread_rwlock_rdlock(&list->lock);
	size_t count = list->entries.count;
	pthread_rwlock_unlock(&list->lock);
	return count;
}

void rtbl_list_begin(struct rtbl_list *list)
{
	pthread_rwlock_wrlock(&list->lock);
	list->round++;
	pthread_rwlock_unlock(&list->lock);
}

void rtbl_list_end(struct rtbl_list *list)
{
	pthread_rwlock_wrlock(&list->lock);
	drop(list, list->round);
	pthread_rwlock_unlock(&list->lock);
}

static bool has(struct rtbl_list *list, struct str text)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	if (EVP_Digest(text.ptr, text.len, hash, NULL, EVP_sha256(), NULL) != 1)
		return false;
	pthread_rwlock_rdlock(&list->lock);
	bool found = map_get(&list->entries, key_of(hash));
	pthread_rwlock_unlock(&list->lock);
	return found;
}

bool rtbl_list_has(struct rtbl_list *list, const struct jid *jid)
{
	return rtbl_list_count(list) > 0 && (has(list, jid_bare(jid)) || has(list, jid_domain(jid)));
}
