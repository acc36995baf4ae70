/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive doubly linked list with a sentinel. list_init it before use; a node is in one list at most. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

/* Makes it an empty list, or a node that is in none. */
static inline void list_init(struct list *list)
{
	list->next = list->prev = list;
}

/* The sentinel is alone. */
static inline bool list_empty(const struct list *list)
{
	return list->next == list;
}

/* Puts node before 'at': at the end when 'at' is the sentinel. */
static inline void list_add_before(struct list *at, struct list *node)
{
	node->prev = at->prev;
	node->next = at;
	at->prev->next = node;
	at->prev = node;
}

/* Takes it out; harmless on a node that is in no list. */
static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

/* The struct of that type in which node is the member of that name. */
#define list_entry(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))
