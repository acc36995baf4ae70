/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/joined.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"
#include "stanzad/mem.h"

struct person {
	unsigned rooms;
	size_t len;
	char bare[];
};

struct joined {
	pthread_mutex_t lock;
	struct map people; /* by bare JID */
};

struct joined *joined_new(void)
{
	struct joined *joined = mem_zalloc(sizeof(*joined));
	pthread_mutex_init(&joined->lock, NULL);
	return joined;
}

void joined_free(struct joined **joined)
{
	uint32_t at = 0;
	struct person *person;
	if (!*joined)
		return;
	while ((person = map_next(&(*joined)->people, &at, NULL)))
		free(person);
	map_fini(&(*joined)->people);
	pthread_mutex_destroy(&(*joined)->lock);
	free(*joined);
	*joined = NULL;
}

void joined_add(struct joined *joined, struct str bare)
{
	pthread_mutex_lock(&joined->lock);
	struct person *person = map_get(&joined->people, bare);
	if (!person) {
		person = mem_zalloc(sizeof(*person) + bare.len);
		person->len = bare.len;
		memcpy(person->bare, bare.ptr, bare.len);
		map_put(&joined->people, (struct str){person->bare, bare.len}, person);
	}
	person->rooms++;
	pthread_mutex_unlock(&joined->lock);
}

void joined_remove(struct joined *joined, struct str bare)
{
	pthread_mutex_lock(&joined->lock);
	struct person *person = map_get(&joined->people, bare);
	if (person && --person->rooms == 0) {
		map_remove(&joined->people, bare);
		free(person);
	}
	pthread_mutex_unlock(&joined->lock);
}

unsigned joined_count(struct joined *joined, struct str bare)
{
	pthread_mutex_lock(&joined->lock);
	const struct person *person = map_get(&joined->people, bare);
	unsigned rooms = person ? person->rooms : 0;
	pthread_mutex_unlock(&joined->lock);
	return rooms;
}
