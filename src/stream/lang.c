/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/lang.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"

#define LANG_MAX_LEN 35
#define LANG_MAX_COUNT 2048

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map tags;

static bool is_tag(struct str tag)
{
	if (tag.len == 0 || tag.len > LANG_MAX_LEN)
		return false;
	for (size_t i = 0; i < tag.len; i++) {
		unsigned char c = (unsigned char)tag.ptr[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'))
			return false;
	}
	return true;
}

struct str lang_intern(struct str tag)
{
	if (!is_tag(tag))
		return STR_NULL;
	pthread_mutex_lock(&lock);
	char *known = map_get(&tags, tag);
	if (!known && tags.count < LANG_MAX_COUNT) {
		known = str_dup(tag);
		map_put(&tags, str_of(known), known);
	}
	pthread_mutex_unlock(&lock);
	return str_of(known);
}

void lang_fini(void)
{
	uint32_t position = 0;
	char *tag;
	while ((tag = map_next(&tags, &position, NULL)))
		free(tag);
	map_fini(&tags);
}
