/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_multicast/introduced.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"
#include "stanzad/mem.h"

struct sender {
	char *jid;
	struct map contacts; /* to struct jid, whose text is the key */
};

struct introduced {
	pthread_mutex_t lock;
	struct map senders;
	size_t count;
};

struct introduced *introduced_new(void)
{
	struct introduced *introduced = mem_zalloc(sizeof(*introduced));
	pthread_mutex_init(&introduced->lock, NULL);
	return introduced;
}

static void sender_free(struct sender *sender)
{
	uint32_t position = 0;
	for (struct jid *jid; (jid = map_next(&sender->contacts, &position, NULL));) {
		free((char *)jid->text);
		free(jid);
	}
	map_fini(&sender->contacts);
	free(sender->jid);
	free(sender);
}

void introduced_free(struct introduced **introduced)
{
	uint32_t position = 0;
	for (struct sender *sender; (sender = map_next(&(*introduced)->senders, &position, NULL));)
		sender_free(sender);
	map_fini(&(*introduced)->senders);
	pthread_mutex_destroy(&(*introduced)->lock);
	free(*introduced);
	*introduced = NULL;
}

static struct sender *sender_of(struct introduced *introduced, const struct jid *jid)
{
	struct sender *sender = map_get(&introduced->senders, jid_full(jid));
	if (!sender) {
		sender = mem_zalloc(sizeof(*sender));
		sender->jid = str_dup(jid_full(jid));
		map_put(&introduced->senders, str_of(sender->jid), sender);
	}
	return sender;
}

static size_t new_contacts(const struct sender *sender, const struct addresses *addresses)
{
	size_t count = 0;
	for (size_t i = 0; i < addresses->count; i++)
		count += !sender || !map_get(&sender->contacts, jid_full(&addresses->list[i].jid));
	return count;
}

static void add(struct introduced *introduced, struct sender *sender, const struct jid *jid)
{
	if (map_get(&sender->contacts, jid_full(jid)))
		return;
	struct jid *copy = mem_alloc(sizeof(*copy));
	*copy = jid_dup_heap(jid);
	map_put(&sender->contacts, jid_full(copy), copy);
	introduced->count++;
}

bool introduced_note(struct introduced *introduced, const struct jid *jid, const struct addresses *addresses)
{
	pthread_mutex_lock(&introduced->lock);
	struct sender *sender = map_get(&introduced->senders, jid_full(jid));
	size_t more = new_contacts(sender, addresses), has = sender ? sender->contacts.count : 0;
	bool fits = has + more <= INTRODUCED_PER_SENDER && introduced->count + more <= INTRODUCED_IN_ALL;
	if (fits && more) {
		sender = sender_of(introduced, jid);
		for (size_t i = 0; i < addresses->count; i++)
			add(introduced, sender, &addresses->list[i].jid);
	}
	pthread_mutex_unlock(&introduced->lock);
	return fits;
}

void introduced_end(struct introduced *introduced, const struct jid *jid,
    void (*each)(void *arg, const struct jid *jid), void *arg)
{
	pthread_mutex_lock(&introduced->lock);
	struct sender *sender = map_remove(&introduced->senders, jid_full(jid));
	if (sender)
		introduced->count -= sender->contacts.count;
	pthread_mutex_unlock(&introduced->lock);
	if (!sender)
		return;
	uint32_t position = 0;
	for (struct jid *contact; (contact = map_next(&sender->contacts, &position, NULL));)
		each(arg, contact);
	sender_free(sender);
}

size_t introduced_count(struct introduced *introduced)
{
	pthread_mutex_lock(&introduced->lock);
	size_t count = introduced->count;
	pthread_mutex_unlock(&introduced->lock);
	return count;
}
