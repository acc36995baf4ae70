/* SPDX-License-Identifier: Apache-2.0 */
/* explain: a stanza's journey as a table, without sending it. */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "admin/commands.h"
#include "base/list.h"
#include "base/mem.h"
#include "route/session.h"
#include "route/trace.h"
#include "stanzad/route.h"
#include "stanzad/stanza.h"

#define PATIENCE_SECONDS 10 /* after which what was seen so far is printed */

/* Lives until the command has read it and nothing carries the trace any more: two references. */
struct journey {
	struct trace trace;
	pthread_mutex_t lock;
	pthread_cond_t over;
	json_t *rows;
	bool ended, abandoned;
	struct arena arena;
	struct jid from, to;
	struct stanza *stanza;
};

static void journey_free(struct journey *journey)
{
	json_decref(journey->rows);
	stanza_unref(&journey->stanza);
	arena_fini(&journey->arena);
	pthread_mutex_destroy(&journey->lock);
	pthread_cond_destroy(&journey->over);
	free(journey);
}

static void on_step(struct trace *trace, enum stage stage, struct str decision)
{
	struct journey *journey = list_entry(trace, struct journey, trace);
	json_t *row = json_object(), *words = json_stringn(decision.ptr, decision.len);

	json_object_set_new(row, "stage", json_string(stage_word(stage)));
	json_object_set_new(row, "decision", words ? words : json_string("(not UTF-8)"));
	pthread_mutex_lock(&journey->lock);
	json_array_append_new(journey->rows, row);
	pthread_mutex_unlock(&journey->lock);
}

static void on_end(struct trace *trace)
{
	struct journey *journey = list_entry(trace, struct journey, trace);

	pthread_mutex_lock(&journey->lock);
	journey->ended = true;
	bool abandoned = journey->abandoned;
	pthread_cond_signal(&journey->over);
	pthread_mutex_unlock(&journey->lock);
	if (abandoned)
		journey_free(journey);
}

/* As the stream of the sender's session would, when there is one. */
static void send_explained(struct journey *journey)
{
	struct user *user = user_find(jid_bare(&journey->from));
	struct session *session = user ? user_session(user, jid_resource(&journey->from)) : NULL;
	struct hook_stanza event = {.from = &journey->from, .to = &journey->to, .stanza = journey->stanza};
	enum hook_verdict verdict = session ? session_sends(session, &event) : HOOK_PASS;

	if (verdict == HOOK_PASS)
		route(event.from, event.to, event.stanza);
	else if (verdict == HOOK_BOUNCE)
		route_error(event.from, event.to, journey->stanza, &event.error);
	hook_stanza_fini(&event, journey->stanza);
}

/* On the sender's home worker. */
static void begin(void *arg)
{
	struct journey *journey = arg;
	struct trace *before;

	trace_enter(&journey->trace, &before);
	TRACE(STAGE_ADDRESSED, "from %.*s to %.*s", STR_FMT(jid_full(&journey->from)),
	    STR_FMT(jid_full(&journey->to)));
	send_explained(journey);
	trace_leave(before);
}

/* Takes the rows; the journey is freed here or when it ends. */
static enum command_outcome finish(struct command_call *call, struct journey *journey)
{
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_SECONDS;
	pthread_mutex_lock(&journey->lock);
	while (!journey->ended && rc == 0)
		rc = pthread_cond_timedwait(&journey->over, &journey->lock, &until);
	call->result = json_copy(journey->rows);
	bool ended = journey->ended;
	journey->abandoned = true;
	pthread_mutex_unlock(&journey->lock);
	if (!ended)
		return command_say(
		    call, COMMAND_FAILED, "the stanza has not arrived anywhere after %d s", PATIENCE_SECONDS);
	journey_free(journey);
	return COMMAND_OK;
}

static int read_address(struct journey *journey, const char *name, struct jid *jid_r, struct err *err)
{
	struct str given = xml_attr(journey->stanza->root, name);

	if (!given.len)
		return err_set(err, "the stanza has no '%s'", name);
	if (jid_parse(given, &journey->arena, jid_r, err) < 0)
		return err_prefix(err, "'%s' of the stanza", name);
	return 0;
}

static int prepare(struct journey *journey, struct str text, struct err *err)
{
	journey->trace = (struct trace){.step = on_step, .end = on_end, .carriers = 1};
	pthread_mutex_init(&journey->lock, NULL);
	pthread_cond_init(&journey->over, NULL);
	journey->rows = json_array();
	journey->stanza = stanza_parse(text, &xml_limits_default, err);
	if (!journey->stanza)
		return err_prefix(err, "this is not a stanza");
	if (read_address(journey, "from", &journey->from, err) < 0)
		return -1;
	return read_address(journey, "to", &journey->to, err);
}

static enum command_outcome run_explain(struct command_call *call)
{
	struct journey *journey = mem_zalloc(sizeof(*journey));
	struct err err = {""};

	if (prepare(journey, command_string(call, "stanza"), &err) < 0) {
		journey_free(journey);
		return command_say(call, COMMAND_USAGE, "%s", err.text);
	}
	command_on_home(jid_bare(&journey->from), begin, journey);
	return finish(call, journey);
}

static const struct command_argument explain_arguments[] = {
    {"stanza", COMMAND_STRING, "XML of a message, presence or iq with from and to", NULL},
    {0},
};
static const char *const explain_columns[] = {"stage", "decision", NULL};

const struct command explain_commands[] = {
    {
	.name = "explain",
	.tag = "stanza",
	.doc = "Shows what would happen to a stanza at each stage, without sending it.",
	.arguments = explain_arguments,
	.result = COMMAND_TABLE,
	.columns = explain_columns,
	.run = run_explain,
    },
    {0},
};
