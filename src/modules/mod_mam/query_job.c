/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_mam/query.h"
#include "stanzad/clock.h"
#include "stanzad/list.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"

/* What is in memory of a page at one time, however large its messages are; a single one may be larger. */
#define BATCH_ROWS 64
#define BATCH_BYTES (128u * 1024)
#define JOBS_MOST 32     /* of a session, under way or waiting for the one before */
#define CATCH_UP_MOST 40 /* steps of the index of words that a search waits for */
#define GIVE_UP_MS (IQ_ANSWER_MS - 5000)

enum { JOB_READ, JOB_BEHIND, JOB_NO_SUCH_ID, JOB_NO_WORDS };

struct mam_job {
	struct store_op op;
	struct mam_job *next;    /* of the same session */
	struct session *session; /* as long as it is among the jobs of the session */
	struct user *user;       /* held */
	struct iq *iq;           /* NULL: it was answered */
	struct arena arena;
	struct mam_query query;
	struct mam_page page;
	bool found;         /* the page */
	unsigned caught_up; /* steps */
	size_t next_id;     /* of the page, in the order of sending */
	struct stanza **batch;
	size_t batch_count, batch_next, batch_bytes;
	uint64_t started_ms;
	bool reading; /* storage has op */
	bool handing; /* in the loop that delivers */
	bool orphan;  /* the session is gone; it ends when it is neither */
};

/* In the slot of a session. */
struct jobs {
	struct mam_job *first, **end;
	unsigned count;
};

static void job_run_next(struct jobs *jobs);

/* --- on a storage thread -------------------------------------------------------------------------------- */

static bool take_row(void *arg, const struct mam_archived *row)
{
	struct mam_job *job = arg;
	if (!mam_row_fits(row, &job->query))
		return true;
	struct stanza *stanza = mam_result(&job->query, row);
	if (stanza) {
		job->batch = mem_realloc_array(job->batch, job->batch_count + 1, sizeof(struct stanza *));
		job->batch[job->batch_count++] = stanza;
		job->batch_bytes += row->xml.len;
	}
	return true;
}

static int read_batch(struct mam_job *job, struct db *db, struct err *err)
{
	const struct mam_page *page = &job->page;
	for (; job->next_id < page->count && job->batch_count < BATCH_ROWS && job->batch_bytes < BATCH_BYTES;
	     job->next_id++) {
		size_t at = job->query.flip ? page->count - 1 - job->next_id : job->next_id;
		if (mam_rows_each(&job->query, db, page->ids[at], take_row, job, err) < 0)
			return -1;
	}
	return JOB_READ;
}

static int job_run(struct store_op *op, struct db *db, struct err *err)
{
	struct mam_job *job = list_entry(op, struct mam_job, op);
	if (!job->found) {
		int rc = mam_page_find(&job->query, db, &job->arena, &job->page, err);
		if (rc == MAM_PAGE_NO_SUCH_ID)
			return JOB_NO_SUCH_ID;
		if (rc != MAM_PAGE_FOUND)
			return rc < 0 ? rc : JOB_NO_WORDS;
		job->found = true;
	}
	return read_batch(job, db, err);
}

static int catch_up_run(struct store_op *op, struct db *db, struct err *err)
{
	int rc = mam_text_catch_up(db, err);
	return rc == MAM_TEXT_NEVER  ? JOB_NO_WORDS
	       : rc == MAM_TEXT_MORE ? JOB_BEHIND
	       : rc < 0              ? rc
				     : JOB_READ;
}

/* --- answering ------------------------------------------------------------------------------------------ */

static void put_page(struct xml_writer *reply, const struct mam_page *page)
{
	char first[MAM_ID_MAX], last[MAM_ID_MAX];
	struct rsm_page rsm = {.index = page->index, .count = page->matches};
	if (page->count) {
		mam_id_write(first, page->ids[0]);
		mam_id_write(last, page->ids[page->count - 1]);
		rsm.first = str_of(first);
		rsm.last = str_of(last);
	}
	xml_open(reply, "fin", NS_MAM);
	if (page->complete)
		xml_put_attr(reply, "complete", STR("true"));
	if (page->unstable)
		xml_put_attr(reply, "stable", STR("false"));
	rsm_write(reply, &rsm);
	xml_close(reply);
}

static enum iq_verdict verdict(struct mam_job *job, int result)
{
	switch (result) {
	case JOB_READ:
		put_page(job->iq->reply, &job->page);
		return IQ_ANSWER;
	case JOB_NO_SUCH_ID:
		return iq_refuse(job->iq, SE_item_not_found, NULL);
	case JOB_NO_WORDS:
		return iq_refuse(
		    job->iq, SE_feature_not_implemented, "this server's database cannot search texts");
	default:
		return iq_refuse(job->iq, SE_internal_server_error, NULL);
	}
}

/* --- life ----------------------------------------------------------------------------------------------- */

static void batch_drop(struct mam_job *job)
{
	for (size_t i = job->batch_next; i < job->batch_count; i++)
		stanza_unref(&job->batch[i]);
	job->batch_count = job->batch_next = job->batch_bytes = 0;
}

static void job_free(struct mam_job *job)
{
	struct user *user = job->user;
	batch_drop(job);
	free(job->batch);
	arena_fini(&job->arena);
	free(job);
	user_release(user);
}

static void unlink_job(struct jobs *jobs, struct mam_job *job)
{
	jobs->first = job->next;
	if (!jobs->first)
		jobs->end = &jobs->first;
	jobs->count--;
}

/* It is the first one of its session. */
static void job_finish(struct mam_job *job, enum iq_verdict answer)
{
	struct jobs *jobs = session_slot(job->session, &mod_mam);
	unlink_job(jobs, job);
	iq_finish(&job->iq, answer);
	job_free(job);
	job_run_next(jobs);
}

static void job_done(struct store_op *op, int result, const struct err *err);

static void job_submit(struct mam_job *job)
{
	bool words = job->query.words.len && !job->found && job->caught_up < CATCH_UP_MOST;
	batch_drop(job);
	job->op.kind = words ? STORE_WRITE : STORE_READ;
	job->op.key = words ? STR_NULL : jid_bare(user_jid(job->user));
	job->op.run = words ? catch_up_run : job_run;
	job->op.done = job_done;
	job->reading = true;
	store_submit(&job->op);
}

static void job_run_next(struct jobs *jobs)
{
	if (jobs->first && !jobs->first->reading)
		job_submit(jobs->first);
}

/* --- delivering ----------------------------------------------------------------------------------------- */

/* A message that does not fit into the queue of its session is offered to the hook message_offline. */
static _Thread_local struct {
	const struct user *user; /* whose archive is being handed over right now */
	bool refused;
} handing;

/* False: the session cannot take it now. */
static bool hand_over(struct mam_job *job, struct stanza *stanza)
{
	struct jid from = jid_to_bare(user_jid(job->user));
	handing.user = job->user;
	handing.refused = false;
	session_deliver(job->session, &from, job->iq->from, stanza);
	handing.user = NULL;
	return !handing.refused;
}

/* True: all of the batch went out. */
static bool hand_batch(struct mam_job *job)
{
	job->handing = true;
	while (
	    !job->orphan && job->batch_next < job->batch_count && hand_over(job, job->batch[job->batch_next]))
		stanza_unref(&job->batch[job->batch_next++]);
	job->handing = false;
	return job->batch_next == job->batch_count;
}

/* When the queue was full, session_drained calls this again. */
static void job_go_on(struct mam_job *job)
{
	bool all = hand_batch(job);
	if (job->orphan)
		job_free(job);
	else if (!all)
		return;
	else if (job->next_id < job->page.count)
		job_submit(job);
	else
		job_finish(job, verdict(job, JOB_READ));
}

static void job_done(struct store_op *op, int result, const struct err *err)
{
	struct mam_job *job = list_entry(op, struct mam_job, op);
	bool words = op->run == catch_up_run;
	job->reading = false;
	if (result < 0)
		LOG_ERROR("mam.read_failed", LOG_STR("user", jid_bare(user_jid(job->user))),
		    LOG_CSTR("reason", err->text));
	if (job->orphan) {
		job_free(job);
	} else if (words && (result == JOB_READ || result == JOB_BEHIND)) {
		job->caught_up = result == JOB_READ ? CATCH_UP_MOST : job->caught_up + 1;
		job_submit(job);
	} else if (result != JOB_READ) {
		job_finish(job, verdict(job, result));
	} else {
		job_go_on(job);
	}
}

/* --- hooks ---------------------------------------------------------------------------------------------- */

enum hook_verdict mam_job_on_refused(struct module_instance *instance, struct hook_message_offline *event)
{
	if (!handing.user || handing.user != event->user)
		return HOOK_PASS;
	handing.refused = true;
	return hook_drop(event, "it is sent again when there is room");
}

/* A result is for the session that asked, and whoever asks again gets it again. */
enum hook_verdict mam_job_on_undelivered(
    struct module_instance *instance, struct hook_message_undelivered *event)
{
	bool own = !event->from->resource_len && jid_bare_eq(event->from, user_jid(event->user));
	return own && xml_child(event->stanza->root, "result", NS_MAM) ? HOOK_STOP : HOOK_PASS;
}

enum hook_verdict mam_job_on_drained(struct module_instance *instance, struct hook_session_drained *event)
{
	struct jobs *jobs = session_slot(event->session, &mod_mam);
	struct mam_job *job = jobs ? jobs->first : NULL;
	if (!job || job->reading || job->handing)
		return HOOK_PASS;
	if (clock_mono_ms() - job->started_ms < GIVE_UP_MS)
		job_go_on(job);
	else
		job_finish(
		    job, iq_refuse(job->iq, SE_resource_constraint, "the results were not read in time"));
	return HOOK_PASS;
}

static void job_abandon(struct mam_job *job)
{
	iq_finish(&job->iq, iq_refuse(job->iq, SE_service_unavailable, NULL));
	job->orphan = true;
	if (!job->reading && !job->handing)
		job_free(job);
}

enum hook_verdict mam_job_on_closed(struct module_instance *instance, struct hook_session_closed *event)
{
	struct jobs *jobs = session_slot(event->session, &mod_mam);
	if (!jobs)
		return HOOK_PASS;
	while (jobs->first) {
		struct mam_job *job = jobs->first;
		unlink_job(jobs, job);
		job_abandon(job);
	}
	session_set_slot(event->session, &mod_mam, NULL);
	free(jobs);
	return HOOK_PASS;
}

/* --- starting ------------------------------------------------------------------------------------------- */

static struct jobs *jobs_of(struct session *session)
{
	struct jobs *jobs = session_slot(session, &mod_mam);
	if (!jobs) {
		jobs = mem_zalloc(sizeof(*jobs));
		jobs->end = &jobs->first;
		session_set_slot(session, &mod_mam, jobs);
	}
	return jobs;
}

static struct mam_job *job_new(
    struct iq *iq, const struct mam_query *query, struct arena *arena, struct session *session)
{
	struct mam_job *job = mem_zalloc(sizeof(*job));
	job->session = session;
	job->user = iq->user;
	user_hold(job->user);
	job->iq = iq_later(iq);
	job->arena = *arena;
	job->query = *query;
	if (query->queryid.ptr)
		job->query.queryid = arena_str(&job->arena, query->queryid);
	job->started_ms = clock_mono_ms();
	return job;
}

enum iq_verdict mam_job_start(struct iq *iq, const struct mam_query *query, struct arena *arena)
{
	struct session *session = user_session(iq->user, jid_resource(iq->from));
	struct jobs *jobs = session ? jobs_of(session) : NULL;
	if (!session || jobs->count >= JOBS_MOST) {
		arena_fini(arena);
		return session ? iq_refuse(iq, SE_resource_constraint, "too many queries wait already")
			       : iq_refuse(iq, SE_not_allowed, "results go to a session of the user");
	}
	struct mam_job *job = job_new(iq, query, arena, session);
	*jobs->end = job;
	jobs->end = &job->next;
	if (jobs->count++ == 0)
		job_submit(job);
	return IQ_LATER;
}
