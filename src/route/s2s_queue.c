/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "loop/receipt.h"
#include "route/router.h"
#include "route/s2s_private.h"
#include "stanzad/route.h"

void s2s_item_free(struct s2s_item *item)
{
	receipt_drop(&item->receipt);
	stanza_unref(&item->stanza);
	free(item);
}

void s2s_queue_add(struct s2s_queue *queue, struct s2s_item *item)
{
	item->next = NULL;
	if (queue->last)
		queue->last->next = item;
	else
		queue->first = item;
	queue->last = item;
	queue->count++;
}

struct s2s_item *s2s_queue_take(struct s2s_queue *queue)
{
	struct s2s_item *item = queue->first;
	if (!item)
		return NULL;
	queue->first = item->next;
	if (!queue->first)
		queue->last = NULL;
	queue->count--;
	return item;
}

/* Puts 'first' in front of queue. */
void s2s_queue_join(struct s2s_queue *queue, struct s2s_queue *first)
{
	if (!first->count)
		return;
	first->last->next = queue->first;
	if (!queue->count)
		queue->last = first->last;
	queue->first = first->first;
	queue->count += first->count;
	*first = (struct s2s_queue){0};
}

void s2s_bounce(const struct jid *from, const struct jid *to, struct stanza *stanza,
    enum stanza_condition condition, const char *text)
{
	struct stanza_error error = {.condition = condition, .text = text};
	route_error(from, to, stanza, &error);
}

void s2s_queue_bounce(struct s2s_queue *queue, enum stanza_condition condition, const char *text)
{
	/* What the errors cause may queue again. */
	struct s2s_queue all = *queue;
	struct s2s_item *item;
	*queue = (struct s2s_queue){0};
	while ((item = s2s_queue_take(&all))) {
		struct receipt *before;
		receipt_enter(item->receipt, &before);
		item->receipt = NULL;
		s2s_bounce(&item->from, &item->to, item->stanza, condition, text);
		s2s_item_free(item);
		receipt_leave(before);
	}
}
