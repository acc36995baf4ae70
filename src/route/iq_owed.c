/* SPDX-License-Identifier: Apache-2.0 */
#include "route/iq_owed.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "loop/timer.h"
#include "route/router.h"

#define QUARANTINE_MAX 256

static struct {
	pthread_mutex_t lock;
	struct list open;       /* nobody answered yet; oldest first */
	struct list closed;     /* answered, but still held */
	struct list quarantine; /* given back; oldest first */
	unsigned quarantined;
	bool armed; /* the timer runs on worker 0, or is about to be started there */
	struct timer timer;
	struct mail mail;
} all = {
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .open = {&all.open, &all.open},
    .closed = {&all.closed, &all.closed},
    .quarantine = {&all.quarantine, &all.quarantine},
};

static struct owed *owed_at(struct list *link)
{
	return list_entry(link, struct owed, link);
}

/* --- time ----------------------------------------------------------------------------------------------- */

static void on_due(struct timer *timer);

/* Worker 0. With the lock. */
static void timer_arm(void)
{
	all.armed = !list_empty(&all.open) && worker_self();
	if (!all.armed)
		return;
	uint64_t now = clock_mono_ms(), due = owed_at(all.open.next)->due_ms;
	timer_start(&all.timer, due > now ? due - now : 0, on_due);
}

static void on_mail(struct mail *mail)
{
	(void)mail;
	pthread_mutex_lock(&all.lock);
	timer_arm();
	pthread_mutex_unlock(&all.lock);
}

/* With the lock, on any thread. */
static void timer_want(void)
{
	if (all.armed || !worker_count())
		return;
	all.armed = true;
	all.mail.receive = on_mail;
	worker_post(worker_at(0), &all.mail);
}

/* With the lock. */
static void close_it(struct owed *owed)
{
	owed->closed = true;
	list_remove(&owed->link);
	list_add_before(&all.closed, &owed->link);
}

/* With the lock: closes it and puts it into the list of what is to be answered. */
static void take(struct owed *owed, struct owed ***end)
{
	close_it(owed);
	owed->refs++;
	**end = owed;
	*end = &owed->taken;
}

static void answer_taken(struct owed *first, enum stanza_condition condition, const char *text)
{
	struct owed *next;
	for (struct owed *owed = first; owed; owed = next) {
		next = owed->taken;
		iq_answer_error(&owed->iq, condition, text);
		owed_unref(owed);
	}
}

static void on_due(struct timer *timer)
{
	(void)timer;
	struct owed *first = NULL, **end = &first;
	uint64_t now = clock_mono_ms();
	pthread_mutex_lock(&all.lock);
	while (!list_empty(&all.open) && owed_at(all.open.next)->due_ms <= now)
		take(owed_at(all.open.next), &end);
	*end = NULL;
	timer_arm();
	pthread_mutex_unlock(&all.lock);
	for (struct owed *owed = first; owed; owed = owed->taken)
		iq_fault(owed->call.entry, IQ_FAULT_TIMEOUT, NULL);
	answer_taken(first, SE_remote_server_timeout, "no answer in time");
}

/* --- life ----------------------------------------------------------------------------------------------- */

struct owed *owed_new(const struct iq *iq, struct iq_entry *entry)
{
	struct owed *owed = mem_zalloc(sizeof(*owed));
	owed->iq = *iq;
	owed->envelope = envelope_new(iq->from, iq->to, iq->stanza);
	owed->iq.from = &owed->envelope->from;
	owed->iq.to = &owed->envelope->to;
	owed->iq.user = NULL;
	owed->reply.default_ns = NS_CLIENT;
	owed->iq.reply = &owed->reply;
	owed->call = (struct iq_call){entry ? iq_entry_ref(entry) : NULL, owed};
	owed->iq.call = &owed->call;
	owed->refs = 1;
	owed->due_ms = clock_mono_ms() + IQ_ANSWER_MS;
	if (entry)
		__atomic_add_fetch(&entry->pending, 1, __ATOMIC_RELAXED);
	pthread_mutex_lock(&all.lock);
	list_init(&owed->link);
	list_add_before(&all.open, &owed->link);
	timer_want();
	pthread_mutex_unlock(&all.lock);
	return owed;
}

/* What it holds; with nobody who may still use it. */
static void contents_free(struct owed *owed)
{
	struct iq_entry *entry = owed->call.entry;
	envelope_free(owed->envelope);
	xml_writer_fini(&owed->reply);
	pthread_mutex_lock(&all.lock);
	owed->call.entry = NULL;
	pthread_mutex_unlock(&all.lock);
	owed->iq.from = owed->iq.to = NULL;
	owed->iq.payload = NULL;
	owed->iq.stanza = NULL;
	owed->iq.instance = NULL;
	if (!entry)
		return;
	__atomic_sub_fetch(&entry->pending, 1, __ATOMIC_RELAXED);
	iq_entry_unref(entry);
}

/* A stale pointer may have been written through. */
static void quarantined_free(struct owed *owed)
{
	xml_writer_fini(&owed->reply);
	free(owed);
}

static void quarantine(struct owed *owed)
{
	struct owed *oldest = NULL;
	pthread_mutex_lock(&all.lock);
	list_add_before(&all.quarantine, &owed->link);
	if (++all.quarantined > QUARANTINE_MAX) {
		oldest = owed_at(all.quarantine.next);
		list_remove(&oldest->link);
		all.quarantined--;
	}
	pthread_mutex_unlock(&all.lock);
	if (oldest)
		quarantined_free(oldest);
}

void owed_unref(struct owed *owed)
{
	pthread_mutex_lock(&all.lock);
	bool last = --owed->refs == 0;
	if (last)
		list_remove(&owed->link);
	pthread_mutex_unlock(&all.lock);
	if (!last)
		return;
	contents_free(owed);
	if (owed->kept)
		quarantine(owed);
	else
		free(owed);
}

bool owed_close(struct owed *owed)
{
	pthread_mutex_lock(&all.lock);
	bool first = !owed->closed;
	if (first)
		close_it(owed);
	pthread_mutex_unlock(&all.lock);
	return first;
}

bool owed_is_closed(struct owed *owed)
{
	pthread_mutex_lock(&all.lock);
	bool closed = owed->closed;
	pthread_mutex_unlock(&all.lock);
	return closed;
}

bool owed_is_kept(struct owed *owed)
{
	pthread_mutex_lock(&all.lock);
	bool kept = owed->kept;
	pthread_mutex_unlock(&all.lock);
	return kept;
}

/* --- the module's side ---------------------------------------------------------------------------------- */

static void keep(struct owed *owed)
{
	pthread_mutex_lock(&all.lock);
	if (!owed->kept) {
		owed->kept = owed->counted = true;
		owed->refs++;
		__atomic_add_fetch(&owed->iq.instance->calls, 1, __ATOMIC_ACQ_REL);
	}
	pthread_mutex_unlock(&all.lock);
}

struct iq *iq_later(const struct iq *iq)
{
	struct iq_call *call = iq->call;
	struct owed *owed = call ? call->owed : NULL;
	if (owed) {
		keep(owed);
		return &owed->iq;
	}
	owed = owed_new(iq, call ? call->entry : NULL);
	keep(owed);
	if (call)
		call->owed = owed; /* the call's reference */
	else
		owed_unref(owed);
	return &owed->iq;
}

enum finish { FINISH_ANSWER, FINISH_TOO_LATE, FINISH_TWICE };

static enum finish finish_begin(struct owed *owed, struct iq_entry **entry_r)
{
	enum finish finish = FINISH_TWICE;
	pthread_mutex_lock(&all.lock);
	*entry_r = owed->call.entry ? iq_entry_ref(owed->call.entry) : NULL;
	if (owed->kept && !owed->finished) {
		finish = owed->closed ? FINISH_TOO_LATE : FINISH_ANSWER;
		owed->finished = true;
		if (!owed->closed)
			close_it(owed);
	}
	pthread_mutex_unlock(&all.lock);
	return finish;
}

/* The module is done with it. */
static void finish_end(struct owed *owed)
{
	struct module_instance *instance = owed->iq.instance;
	pthread_mutex_lock(&all.lock);
	bool counted = owed->counted;
	owed->counted = false;
	pthread_mutex_unlock(&all.lock);
	owed_unref(owed);
	if (counted)
		__atomic_sub_fetch(&instance->calls, 1, __ATOMIC_ACQ_REL);
}

void iq_finish(struct iq **later, enum iq_verdict verdict)
{
	struct iq *iq = *later;
	struct owed *owed = iq->call ? iq->call->owed : NULL;
	struct iq_entry *entry;
	*later = NULL;
	if (!owed || iq != &owed->iq) {
		iq_fault(iq->call ? iq->call->entry : NULL, IQ_FAULT_TWICE, "it is no copy by iq_later");
		return;
	}
	enum finish finish = finish_begin(owed, &entry);
	if (finish == FINISH_ANSWER)
		iq_answer(iq, verdict);
	else
		iq_fault(entry, finish == FINISH_TWICE ? IQ_FAULT_TWICE : IQ_FAULT_TOO_LATE, NULL);
	if (finish != FINISH_TWICE)
		finish_end(owed);
	if (entry)
		iq_entry_unref(entry);
}

/* --- when an instance leaves ---------------------------------------------------------------------------- */

void owed_abandon(struct module_instance *instance)
{
	struct owed *first = NULL, **end = &first;
	struct list *next;
	pthread_mutex_lock(&all.lock);
	for (struct list *at = all.open.next; at != &all.open; at = next) {
		next = at->next;
		if (owed_at(at)->iq.instance == instance)
			take(owed_at(at), &end);
	}
	*end = NULL;
	for (struct list *at = all.closed.next; at != &all.closed; at = at->next)
		if (owed_at(at)->iq.instance == instance && owed_at(at)->counted) {
			owed_at(at)->counted = false;
			__atomic_sub_fetch(&instance->calls, 1, __ATOMIC_ACQ_REL);
		}
	pthread_mutex_unlock(&all.lock);
	answer_taken(first, SE_service_unavailable, "the service has ended");
}

void owed_silence(struct module_instance *instance)
{
	struct list *next;
	pthread_mutex_lock(&all.lock);
	for (struct list *at = all.open.next; at != &all.open; at = next) {
		next = at->next;
		if (owed_at(at)->iq.instance == instance)
			close_it(owed_at(at));
	}
	pthread_mutex_unlock(&all.lock);
}

static struct owed *first_of(const struct module_instance *instance)
{
	struct owed *owed = NULL;
	pthread_mutex_lock(&all.lock);
	for (struct list *at = all.closed.next; at != &all.closed && !owed; at = at->next)
		if (owed_at(at)->iq.instance == instance && !owed_at(at)->finished) {
			owed = owed_at(at);
			owed->finished = true;
			owed->counted = false;
		}
	pthread_mutex_unlock(&all.lock);
	return owed;
}

void owed_reclaim(struct module_instance *instance)
{
	struct owed *owed;
	while ((owed = first_of(instance)))
		owed_unref(owed);
}

void owed_fini(void)
{
	while (!list_empty(&all.quarantine)) {
		struct owed *owed = owed_at(all.quarantine.next);
		list_remove(&owed->link);
		quarantined_free(owed);
	}
	all.quarantined = 0;
	all.armed = false;
	all.timer = (struct timer){0};
}
