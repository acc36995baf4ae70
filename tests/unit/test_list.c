/* SPDX-License-Identifier: Apache-2.0 */
#include "base/list.h"

#include "tap.h"

struct item {
	int number;
	struct list node;
};

static int digits(const struct list *list)
{
	int value = 0;

	for (struct list *at = list->next; at != list; at = at->next)
		value = value * 10 + list_entry(at, struct item, node)->number;
	return value;
}

static void test_order(void)
{
	struct item one = {.number = 1}, two = {.number = 2}, three = {.number = 3};
	struct list list;

	list_init(&list);
	ok(list_empty(&list));
	list_add_before(&list, &one.node);
	list_add_before(&list, &three.node);
	list_add_before(&three.node, &two.node);
	is_int(digits(&list), 123);
	list_remove(&two.node);
	list_remove(&two.node);
	is_int(digits(&list), 13);
	list_add_before(list.next, &two.node);
	is_int(digits(&list), 213);
	list_remove(&one.node);
	list_remove(&two.node);
	list_remove(&three.node);
	ok(list_empty(&list));
}

int main(void)
{
	run(test_order);
	return tap_done();
}
