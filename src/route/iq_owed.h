/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that are owed: requests that wait for the executor, or for iq_finish. Each is answered once, by the
 * module or, when its time is over, by the core; until the module gave it back it is kept.
 */
#pragma once

#include "base/list.h"
#include "route/host_private.h"

struct owed {
	struct iq iq;
	struct iq_call {
		struct iq_entry *entry; /* NULL: a hook's */
		struct owed *owed;      /* NULL: nothing was copied yet */
	} call;
	struct job job;
	struct envelope *envelope; /* keeps stanza and addresses */
	struct xml_writer reply;
	uint64_t due_ms;
	struct owed *taken; /* the next that the core answers at the same time */
	/* Under the lock of all owed answers. */
	struct list link;
	unsigned refs;
	bool closed;   /* the answer was given */
	bool kept;     /* iq_later was called */
	bool finished; /* iq_finish was called */
	bool counted;  /* in the calls of its instance, as the module's */
};

/* One reference. Any thread. */
struct owed *owed_new(const struct iq *iq, struct iq_entry *entry);
void owed_unref(struct owed *owed);
/* True for the first who wants to answer it. */
bool owed_close(struct owed *owed);
/* It was answered. */
bool owed_is_closed(struct owed *owed);
bool owed_is_kept(struct owed *owed);

/* Answers what this instance still owes with service-unavailable; it is not waited for any more. Worker 0. */
void owed_abandon(struct module_instance *instance);
/* The instance is about to be stopped: nothing is answered any more. Worker 0. */
void owed_silence(struct module_instance *instance);
/* It has stopped: takes back what it did not give. Worker 0. */
void owed_reclaim(struct module_instance *instance);
/* After workers_fini. */
void owed_fini(void);

/* --- iq.c --- */
enum iq_fault {
	IQ_FAULT_VERDICT,
	IQ_FAULT_NO_LATER,
	IQ_FAULT_BOTH,
	IQ_FAULT_REPLY,
	IQ_FAULT_ERROR,
	IQ_FAULT_TIMEOUT,
	IQ_FAULT_TOO_LATE,
	IQ_FAULT_TWICE,
	IQ_FAULT_FLOOD,
};
/* Logs it with the handler, the first time as an error. entry and detail may be NULL. Any thread. */
void iq_fault(struct iq_entry *entry, enum iq_fault fault, const char *detail);
/* Sends the answer that the verdict stands for. Any thread. */
void iq_answer(struct iq *iq, enum iq_verdict verdict);
/* An error of the core's own. */
void iq_answer_error(const struct iq *iq, enum stanza_condition condition, const char *text);
