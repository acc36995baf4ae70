/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/everywhere.h"

#include <stdlib.h>
#include <string.h>

#include "stanzad/mem.h"

void everywhere_add(struct everywhere *everywhere, struct module_instance *instance)
{
	pthread_mutex_lock(&everywhere->lock);
	everywhere->list = mem_realloc_array(
	    everywhere->list, everywhere->count + 1, sizeof(struct module_instance *));
	everywhere->list[everywhere->count++] = instance;
	pthread_mutex_unlock(&everywhere->lock);
}

void everywhere_remove(struct everywhere *everywhere, struct module_instance *instance)
{
	pthread_mutex_lock(&everywhere->lock);
	size_t i = 0;
	while (i < everywhere->count && everywhere->list[i] != instance)
		i++;
	if (i < everywhere->count)
		memmove(everywhere->list + i, everywhere->list + i + 1,
		    (--everywhere->count - i) * sizeof(struct module_instance *));
	if (!everywhere->count) {
		free(everywhere->list);
		everywhere->list = NULL;
	}
	pthread_mutex_unlock(&everywhere->lock);
}

void everywhere_post(struct everywhere *everywhere, module_work *fn, struct str text)
{
	pthread_mutex_lock(&everywhere->lock);
	for (size_t i = 0; i < everywhere->count; i++)
		module_post(everywhere->list[i], STR_NULL, fn, str_dup(text));
	pthread_mutex_unlock(&everywhere->lock);
}
