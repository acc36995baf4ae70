/* SPDX-License-Identifier: Apache-2.0 */
#include "loop/receipt.h"

#include <stddef.h>

#include "base/list.h"

_Thread_local struct receipt *receipt_now;

struct receipt *receipt_carry(void)
{
	if (receipt_now)
		__atomic_add_fetch(&receipt_now->carriers, 1, __ATOMIC_RELAXED);
	return receipt_now;
}

static void on_safe(struct mail *mail)
{
	struct receipt *receipt = list_entry(mail, struct receipt, mail);

	receipt->safe(receipt);
}

void receipt_drop(struct receipt **carried)
{
	struct receipt *receipt = *carried;

	*carried = NULL;
	if (!receipt || __atomic_sub_fetch(&receipt->carriers, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	/* After the loops ended there is one thread, and no mail. */
	if (receipt->home == worker_self() || !worker_count()) {
		receipt->safe(receipt);
		return;
	}
	receipt->mail.receive = on_safe;
	worker_post(receipt->home, &receipt->mail);
}

void receipt_enter(struct receipt *carried, struct receipt **before_r)
{
	*before_r = receipt_now;
	receipt_now = carried;
}

void receipt_leave(struct receipt *before)
{
	struct receipt *receipt = receipt_now;

	receipt_now = before;
	receipt_drop(&receipt);
}

void receipt_begin(struct receipt *receipt, struct receipt **before_r)
{
	receipt->home = worker_self();
	receipt->carriers = 1;
	receipt_enter(receipt, before_r);
}

int receipt_run_also(struct receipt *receipt, struct db *db, struct err *err)
{
	int (*also)(struct receipt *, struct db *, struct err *) = receipt ? receipt->also : NULL;

	if (!also)
		return 0;
	receipt->also = NULL;
	return also(receipt, db, err);
}
