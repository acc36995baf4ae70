/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/iq.h"

#include <assert.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/mem.h"
#include "route/host_private.h"
#include "route/router.h"
#include "route/user_private.h"

#define JOBS_MAX 1000 /* that wait or run; above it whoever asks for more is slowed down */

enum iq_verdict iq_refuse(struct iq *iq, enum stanza_condition condition, const char *text)
{
	iq->error = (struct stanza_error){.condition = condition, .text = text};
	return IQ_REFUSE;
}

/* Sends the answer; on any thread. */
static void answer(struct iq *iq, enum iq_verdict verdict)
{
	struct stanza *stanza = NULL;
	if (verdict == IQ_ANSWER)
		stanza = stanza_make_result(iq->stanza, iq->reply);
	else if (verdict == IQ_REFUSE)
		stanza = stanza_make_error(iq->stanza, &iq->error, NULL);
	if (!stanza)
		return;
	if (worker_self())
		route(iq->to, iq->from, stanza);
	else
		route_post(iq->to, iq->from, stanza);
	stanza_unref(&stanza);
}

/* --- answers that come later ---------------------------------------------------------------------------- */

struct later {
	struct iq iq;
	struct xml_writer reply;
	struct envelope *envelope; /* keeps stanza and addresses */
	struct job job;
	struct iq_entry *entry;
};

static struct later *later_new(const struct iq *iq)
{
	struct later *later = mem_zalloc(sizeof(*later));
	later->iq = *iq;
	later->envelope = envelope_new(iq->from, iq->to, iq->stanza);
	later->iq.from = &later->envelope->from;
	later->iq.to = &later->envelope->to;
	later->iq.user = NULL;
	later->reply.default_ns = NS_CLIENT;
	later->iq.reply = &later->reply;
	__atomic_add_fetch(&iq->instance->calls, 1, __ATOMIC_ACQ_REL);
	return later;
}

struct iq *iq_later(const struct iq *iq)
{
	return &later_new(iq)->iq;
}

void iq_finish(struct iq **iq_ptr, enum iq_verdict verdict)
{
	struct later *later = (struct later *)*iq_ptr;
	*iq_ptr = NULL;
	assert(verdict != IQ_LATER);
	answer(&later->iq, verdict);
	__atomic_sub_fetch(&later->iq.instance->calls, 1, __ATOMIC_ACQ_REL);
	if (later->entry)
		iq_entry_unref(later->entry);
	xml_writer_fini(&later->reply);
	envelope_free(later->envelope);
	free(later);
}

/* --- disciplines ---------------------------------------------------------------------------------------- */

static void job_run(struct job *job)
{
	struct later *later = list_entry(job, struct later, job);
	enum iq_verdict verdict = later->entry->iq.handler(&later->iq);
	if (verdict != IQ_LATER)
		answer(&later->iq, verdict);
}

static void job_done(struct job *job)
{
	struct later *later = list_entry(job, struct later, job);
	struct iq *iq = &later->iq;
	iq_finish(&iq, IQ_SILENT);
}

static void run_elsewhere(struct iq *iq, struct iq_entry *entry)
{
	struct later *later = later_new(iq);
	later->entry = iq_entry_ref(entry);
	later->job.run = job_run;
	later->job.done = job_done;
	executor_submit(&later->job, entry->iq.discipline == IQ_ONE_QUEUE ? &entry->queue : NULL);
	if (executor_load() > JOBS_MAX)
		session_slow_sender(iq->from, SESSION_SLOW_MS);
}

static void run_here(struct iq *iq, struct iq_entry *entry)
{
	struct xml_writer reply = {.default_ns = NS_CLIENT};
	iq->reply = &reply;
	enum iq_verdict verdict = entry->iq.handler(iq);
	if (verdict != IQ_LATER)
		answer(iq, verdict);
	xml_writer_fini(&reply);
}

static void refuse(const struct jid *from, const struct jid *to, struct stanza *stanza,
    enum stanza_condition condition, const char *text)
{
	struct stanza_error error = {.condition = condition, .text = text};
	route_error(from, to, stanza, &error);
}

void iq_dispatch(struct host *host, enum iq_component component, struct user *user, const struct jid *from,
    const struct jid *to, struct stanza *stanza)
{
	const struct xml *payload = stanza_payload(stanza);
	if (!payload || !stanza->id.ptr) {
		refuse(from, to, stanza, SE_bad_request,
		    "an IQ get or set has an id and exactly one child element");
		return;
	}
	struct iq_entry *entry = host_iq(host, component, payload->ns);
	if (!entry || (user && !user_exists(user) && !entry->iq.for_nobody)) {
		refuse(from, to, stanza, SE_service_unavailable, NULL);
		return;
	}
	TRACE(STAGE_HANDLED, "%s answers %.*s", entry->instance->module->name, STR_FMT(payload->ns));
	if (trace_on())
		return;
	bool own = component == IQ_SM && jid_bare_eq(from, to);
	if (entry->iq.owner_only && !own) {
		refuse(from, to, stanza, SE_forbidden, NULL);
		return;
	}
	struct iq iq = {
	    .from = from,
	    .to = to,
	    .type = stanza->type,
	    .payload = payload,
	    .stanza = stanza,
	    .host = host,
	    .instance = entry->instance,
	    .user = entry->iq.discipline == IQ_NO_QUEUE ? user : NULL,
	    .own = own,
	};
	if (entry->iq.discipline == IQ_NO_QUEUE)
		run_here(&iq, entry);
	else
		run_elsewhere(&iq, entry);
}
