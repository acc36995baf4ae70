/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/work.h"

#include <stdlib.h>

#include "base/list.h"
#include "base/mem.h"
#include "loop/receipt.h"
#include "route/host_private.h"

struct work {
	struct mail mail;
	struct job job;
	struct module_instance *instance;
	module_work *run, *done;
	void *arg;
	struct receipt *receipt;
	struct worker *caller; /* of module_post_workers */
	unsigned next;         /* worker that it goes to */
};

void module_hold(struct module_instance *instance)
{
	__atomic_add_fetch(&instance->calls, 1, __ATOMIC_ACQ_REL);
}

void module_release(struct module_instance *instance)
{
	__atomic_sub_fetch(&instance->calls, 1, __ATOMIC_ACQ_REL);
}

static struct work *work_new(struct module_instance *instance, module_work *run, module_work *done, void *arg)
{
	struct work *work = mem_zalloc(sizeof(*work));
	work->instance = instance;
	work->run = run;
	work->done = done;
	work->arg = arg;
	work->receipt = receipt_carry();
	module_hold(instance);
	return work;
}

/* The instance may be gone afterwards. */
static void work_free(struct work *work)
{
	struct module_instance *instance = work->instance;
	free(work);
	module_release(instance);
}

static void on_posted(struct mail *mail)
{
	struct work *work = list_entry(mail, struct work, mail);
	struct receipt *before;
	receipt_enter(work->receipt, &before);
	work->run(work->instance, work->arg);
	work_free(work);
	receipt_leave(before);
}

void module_post(struct module_instance *instance, struct str bare, module_work *fn, void *arg)
{
	if (!worker_count())
		return;
	struct work *work = work_new(instance, fn, NULL, arg);
	work->mail.receive = on_posted;
	worker_post(bare.len ? worker_home(map_hash(bare)) : worker_at(0), &work->mail);
}

static void on_round_over(struct mail *mail)
{
	struct work *work = list_entry(mail, struct work, mail);
	struct receipt *before;
	receipt_enter(work->receipt, &before);
	if (work->done)
		work->done(work->instance, work->arg);
	work_free(work);
	receipt_leave(before);
}

static void on_round(struct mail *mail)
{
	struct work *work = list_entry(mail, struct work, mail);
	struct receipt *before;
	receipt_enter(work->receipt, &before);
	work->run(work->instance, work->arg);
	work->receipt = receipt_carry();
	if (++work->next == worker_count())
		work->mail.receive = on_round_over;
	worker_post(work->next < worker_count() ? worker_at(work->next) : work->caller, &work->mail);
	receipt_leave(before);
}

void module_post_workers(struct module_instance *instance, module_work *fn, module_work *done, void *arg)
{
	struct work *work = work_new(instance, fn, done, arg);
	work->caller = worker_self() ? worker_self() : worker_at(0); /* .start may be before the loops */
	work->mail.receive = on_round;
	worker_post(worker_at(0), &work->mail);
}

static void on_run(struct job *job)
{
	struct work *work = list_entry(job, struct work, job);
	work->run(work->instance, work->arg);
}

static void on_done(struct job *job)
{
	struct work *work = list_entry(job, struct work, job);
	struct receipt *before;
	receipt_enter(work->receipt, &before);
	if (work->done)
		work->done(work->instance, work->arg);
	work_free(work);
	receipt_leave(before);
}

void module_run(struct module_instance *instance, module_work *run, module_work *done, void *arg)
{
	struct work *work = work_new(instance, run, done, arg);
	work->job.run = on_run;
	work->job.done = on_done;
	if (!executor_threads()) {
		on_run(&work->job);
		on_done(&work->job);
		return;
	}
	executor_submit(&work->job, &instance->jobs);
}
