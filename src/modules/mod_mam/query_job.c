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
#define CATCH_UP_MOST 40 /* steps of the index of words that a search waits for */
#define GIVE_UP_MS (IQ_ANSWER_MS - 5000)

enum { JOB_READ, JOB_BEHIND, JOB_NO_SUCH_ID, JOB_NO_WORDS };

struct mam_job {
	struct store_op op;
	struct mam_job *next;    /* of the same asker */
	struct mam_asker *asker; /* NULL: it is gone; the job ends when storage has let go of it */
	struct str key;          /* bare JID of the archive */
	struct iq *iq;           /* NULL: it was answered */
	struct arena arena;
	struct mam_query query;
	struct mam_page page;
	size_t page_bytes;  /* of the kind of asker */
	bool found;         /* the page */
	unsigned caught_up; /* steps */
	size_t next_id;     /* of the page, in the order of reading */
	struct stanza **batch;
	size_t batch_count, batch_next, batch_bytes;
	uint64_t started_ms;
	bool reading; /* storage has op */
	bool handing; /* in the loop that delivers */
};

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
		job->batch_bytes += stanza->root->inner.len;
	}
	return true;
}

static bool batch_is_full(const struct mam_job *job)
{
	if (job->page_bytes)
		return job->batch_bytes >= job->page_bytes;
	return job->batch_count >= BATCH_ROWS || job->batch_bytes >= BATCH_BYTES;
}

/* What is cut off a page is at its far end, as the query looks at it; the rest is read as it is sent. */
static bool from_the_end(const struct mam_job *job)
{
	return job->page_bytes ? job->query.backwards : job->query.flip;
}

static void batch_reverse(struct mam_job *job)
{
	for (size_t i = 0; i < job->batch_count / 2; i++) {
		struct stanza *other = job->batch[job->batch_count - 1 - i];
		job->batch[job->batch_count - 1 - i] = job->batch[i];
		job->batch[i] = other;
	}
}

/* The page is what was read of it. */
static void cut_page(struct mam_job *job)
{
	struct mam_page *page = &job->page;
	size_t left = page->count - job->next_id;
	if (left) {
		page->complete = false;
		page->ids += job->query.backwards ? left : 0;
		page->count = job->next_id;
	}
	if (job->query.backwards != job->query.flip)
		batch_reverse(job);
}

static int read_batch(struct mam_job *job, struct db *db, struct err *err)
{
	const struct mam_page *page = &job->page;
	for (; job->next_id < page->count && !batch_is_full(job); job->next_id++) {
		size_t at = from_the_end(job) ? page->count - 1 - job->next_id : job->next_id;
		if (mam_rows_each(&job->query, db, page->ids[at], take_row, job, err) < 0)
			return -1;
	}
	if (job->page_bytes)
		cut_page(job);
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
	batch_drop(job);
	free(job->batch);
	arena_fini(&job->arena);
	free(job);
}

static void unlink_first(struct mam_asker *asker)
{
	asker->first = asker->first->next;
	if (!asker->first)
		asker->end = &asker->first;
	asker->count--;
}

/* It is the first one of its asker. */
static void job_finish(struct mam_job *job, enum iq_verdict answer)
{
	struct mam_asker *asker = job->asker;
	unlink_first(asker);
	iq_finish(&job->iq, answer);
	job_free(job);
	asker->kind->turn(asker);
}

static void job_done(struct store_op *op, int result, const struct err *err);

static void job_submit(struct mam_job *job)
{
	bool words = job->query.words.len && !job->found && job->caught_up < CATCH_UP_MOST;
	batch_drop(job);
	job->op.kind = words ? STORE_WRITE : STORE_READ;
	job->op.key = words ? STR_NULL : job->key;
	job->op.run = words ? catch_up_run : job_run;
	job->op.done = job_done;
	job->reading = true;
	store_submit(&job->op);
}

/* True: all of the batch went out. */
static bool hand_batch(struct mam_job *job)
{
	job->handing = true;
	while (job->asker && job->batch_next < job->batch_count &&
	       job->asker->kind->hand(job->asker, job->iq, job->batch[job->batch_next]))
		stanza_unref(&job->batch[job->batch_next++]);
	job->handing = false;
	return job->batch_next == job->batch_count;
}

static void job_go_on(struct mam_job *job)
{
	bool all = hand_batch(job);
	if (!job->asker)
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
		LOG_ERROR("mam.read_failed", LOG_STR("archive", job->key), LOG_CSTR("reason", err->text));
	if (!job->asker) {
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

/* --- askers --------------------------------------------------------------------------------------------- */

void mam_asker_init(struct mam_asker *asker, const struct mam_asker_kind *kind)
{
	*asker = (struct mam_asker){.kind = kind};
	asker->end = &asker->first;
}

void mam_asker_run(struct mam_asker *asker)
{
	if (asker->first && !asker->first->reading)
		job_submit(asker->first);
}

void mam_asker_go_on(struct mam_asker *asker)
{
	struct mam_job *job = asker->first;
	if (!job || job->reading || job->handing)
		return;
	if (clock_mono_ms() - job->started_ms < GIVE_UP_MS)
		job_go_on(job);
	else
		job_finish(
		    job, iq_refuse(job->iq, SE_resource_constraint, "the results were not read in time"));
}

void mam_asker_abandon(struct mam_asker *asker, enum stanza_condition condition)
{
	while (asker->first) {
		struct mam_job *job = asker->first;
		unlink_first(asker);
		iq_finish(&job->iq, iq_refuse(job->iq, condition, NULL));
		job->asker = NULL;
		if (!job->reading && !job->handing)
			job_free(job);
	}
}

/* --- starting ------------------------------------------------------------------------------------------- */

static struct mam_job *job_new(
    struct iq *iq, const struct mam_query *query, struct arena *arena, struct mam_asker *asker)
{
	struct mam_job *job = mem_zalloc(sizeof(*job));
	job->asker = asker;
	job->page_bytes = asker->kind->page_bytes;
	job->arena = *arena;
	job->key = arena_str(&job->arena, jid_bare(iq->to));
	job->iq = iq_later(iq);
	job->query = *query;
	if (query->queryid.ptr)
		job->query.queryid = arena_str(&job->arena, query->queryid);
	job->started_ms = clock_mono_ms();
	return job;
}

enum iq_verdict mam_job_start(
    struct mam_asker *asker, struct iq *iq, const struct mam_query *query, struct arena *arena)
{
	if (asker->count >= asker->kind->jobs_most) {
		arena_fini(arena);
		return iq_refuse(iq, SE_resource_constraint, "too many queries wait already");
	}
	struct mam_job *job = job_new(iq, query, arena, asker);
	*asker->end = job;
	asker->end = &job->next;
	if (asker->count++ == 0)
		asker->kind->turn(asker);
	return IQ_LATER;
}
