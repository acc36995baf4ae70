/* SPDX-License-Identifier: Apache-2.0 */
/* Commands about streams with other servers. */
#include <pthread.h>

#include "admin/commands.h"
#include "base/clock.h"
#include "conf/conf.h"
#include "loop/worker.h"
#include "route/s2s.h"
#include "stream/s2s_probe.h"
#include "stream/s2s_stream.h"

/* --- lists ---------------------------------------------------------------------------------------------- */

struct rows {
	pthread_mutex_t lock;
	json_t *rows;
};

static json_t *json_str(struct str s)
{
	json_t *value = json_stringn(s.ptr ? s.ptr : "", s.len);
	return value ? value : json_string("");
}

static void add_row(void *arg, const struct s2s_about *about)
{
	static const char *const directions[] = {"in", "out", "both"};
	json_t *row = json_object();
	json_object_set_new(row, "direction", json_string(directions[about->direction]));
	json_object_set_new(row, "local", json_str(about->local));
	json_object_set_new(row, "remote", json_str(about->remote));
	json_object_set_new(
	    row, "authentication", json_string(s2s_authentication_text(about->authentication)));
	json_object_set_new(row, "tls", json_string(about->tls_version ? about->tls_version : "none"));
	json_object_set_new(row, "cipher", json_string(about->tls_cipher ? about->tls_cipher : "none"));
	json_object_set_new(row, "ip", json_str(about->address));
	json_object_set_new(row, "port", json_integer(about->port));
	json_object_set_new(
	    row, "age", json_integer((json_int_t)((clock_mono_ms() - about->since_ms) / 1000)));
	json_object_set_new(row, "queue", json_integer((json_int_t)about->queued));
	json_object_set_new(row, "managed", json_boolean(about->managed));
	json_array_append_new(arg, row);
}

/* What waits where there is no stream. */
static void add_waiting(void *arg, const struct s2s_link_about *about)
{
	const struct s2s_about row = {
	    .direction = S2S_OUT,
	    .local = about->local,
	    .remote = about->remote,
	    .since_ms = about->since_ms,
	    .queued = about->queued,
	};
	if (about->state == S2S_LINK_OPENING || about->state == S2S_LINK_HELD)
		add_row(arg, &row);
}

static void on_worker_list(void *arg)
{
	struct rows *rows = arg;
	pthread_mutex_lock(&rows->lock);
	s2s_streams_each(add_row, rows->rows);
	s2s_links_each(add_waiting, rows->rows);
	pthread_mutex_unlock(&rows->lock);
}

static enum command_outcome run_list_s2s(struct command_call *call)
{
	struct rows rows = {PTHREAD_MUTEX_INITIALIZER, json_array()};
	command_on_workers(on_worker_list, &rows);
	call->result = rows.rows;
	return COMMAND_OK;
}

struct counts {
	unsigned in, out;
};

static void count_one(void *arg, const struct s2s_about *about)
{
	struct counts *counts = arg;
	if (about->authentication == S2S_AUTH_NONE)
		return;
	if (about->direction != S2S_OUT)
		__atomic_add_fetch(&counts->in, 1, __ATOMIC_RELAXED);
	if (about->direction != S2S_IN)
		__atomic_add_fetch(&counts->out, 1, __ATOMIC_RELAXED);
}

static void on_worker_count(void *arg)
{
	s2s_streams_each(count_one, arg);
}

static enum command_outcome run_incoming_s2s_number(struct command_call *call)
{
	struct counts counts = {0};
	command_on_workers(on_worker_count, &counts);
	call->result = json_integer(counts.in);
	return COMMAND_OK;
}

static enum command_outcome run_outgoing_s2s_number(struct command_call *call)
{
	struct counts counts = {0};
	command_on_workers(on_worker_count, &counts);
	call->result = json_integer(counts.out);
	return COMMAND_OK;
}

/* --- ending --------------------------------------------------------------------------------------------- */

struct closing {
	struct str remote;
	unsigned closed; /* atomic */
};

static void on_worker_close(void *arg)
{
	struct closing *closing = arg;
	__atomic_add_fetch(&closing->closed, s2s_streams_close(closing->remote), __ATOMIC_RELAXED);
}

static enum command_outcome close_all(struct command_call *call, struct str remote)
{
	struct closing closing = {.remote = remote};
	command_on_workers(on_worker_close, &closing);
	return command_say(
	    call, COMMAND_OK, "%u stream%s closed", closing.closed, closing.closed == 1 ? "" : "s");
}

static enum command_outcome domain_argument(
    struct command_call *call, const char *name, struct arena *arena, struct str *domain_r)
{
	struct str given = command_string(call, name);
	struct err err;
	if (jid_prep_domain(given, arena, domain_r, &err) == 0)
		return COMMAND_OK;
	return command_say(call, COMMAND_USAGE, "'%.*s' is no domain: %s", STR_FMT(given), err.text);
}

static enum command_outcome run_s2s_close(struct command_call *call)
{
	struct arena arena = {0};
	struct str domain = STR_NULL;
	enum command_outcome outcome = COMMAND_OK;
	if (command_string(call, "domain").len)
		outcome = domain_argument(call, "domain", &arena, &domain);
	if (outcome == COMMAND_OK)
		outcome = close_all(call, domain);
	arena_fini(&arena);
	return outcome;
}

static enum command_outcome run_stop_s2s_connections(struct command_call *call)
{
	return close_all(call, STR_NULL);
}

/* --- trying --------------------------------------------------------------------------------------------- */

struct trial {
	struct mail mail;
	struct str local, remote;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool is_over, works;
	struct strbuf lines;
};

static void on_tried(void *arg, bool works, struct str lines)
{
	struct trial *trial = arg;
	pthread_mutex_lock(&trial->lock);
	strbuf_str(&trial->lines, lines);
	trial->works = works;
	trial->is_over = true;
	pthread_cond_signal(&trial->ended);
	pthread_mutex_unlock(&trial->lock);
}

static void on_try(struct mail *mail)
{
	struct trial *trial = (struct trial *)mail;
	s2s_probe(trial->local, trial->remote, on_tried, trial);
}

static enum command_outcome try_domain(struct command_call *call, struct str local, struct str remote)
{
	struct trial trial = {{.receive = on_try}, local, remote, PTHREAD_MUTEX_INITIALIZER,
	    PTHREAD_COND_INITIALIZER, .works = false};
	worker_post(s2s_home(local, remote), &trial.mail);
	pthread_mutex_lock(&trial.lock);
	while (!trial.is_over)
		pthread_cond_wait(&trial.ended, &trial.lock);
	pthread_mutex_unlock(&trial.lock);
	struct str lines = str_trim(strbuf_view(&trial.lines));
	enum command_outcome outcome =
	    command_say(call, trial.works ? COMMAND_OK : COMMAND_FAILED, "%.*s", STR_FMT(lines));
	strbuf_fini(&trial.lines);
	return outcome;
}

/* FROM, or the first host. */
static enum command_outcome from_argument(
    struct command_call *call, struct arena *arena, struct str *from_r)
{
	if (command_string(call, "from").len)
		return command_host(call, "from", arena, from_r);
	struct conf *conf = conf_ref(conf_current());
	*from_r = arena_str(arena, conf_host_at(conf, 0));
	conf_unref(&conf);
	return COMMAND_OK;
}

static enum command_outcome run_check_domain(struct command_call *call)
{
	struct arena arena = {0};
	struct str local, remote;
	enum command_outcome outcome = domain_argument(call, "domain", &arena, &remote);
	if (outcome == COMMAND_OK)
		outcome = from_argument(call, &arena, &local);
	if (outcome == COMMAND_OK)
		outcome = try_domain(call, local, remote);
	arena_fini(&arena);
	return outcome;
}

/* --- the table ------------------------------------------------------------------------------------------ */

static const struct command_argument close_arguments[] = {
    {"domain", COMMAND_STRING, "whose streams; all when it is left out", ""},
    {0},
};
static const struct command_argument check_arguments[] = {
    {"domain", COMMAND_STRING, "the domain to reach", NULL},
    {"from", COMMAND_STRING, "our host; the first one when it is left out", ""},
    {0},
};
static const char *const list_columns[] = {"direction", "local", "remote", "authentication", "tls", "cipher", "ip",
    "port", "age", "queue", "managed", NULL};

#define COMMAND(name_, doc_, arguments_, result_, columns_)                                                  \
	{                                                                                                    \
		.name = #name_, .tag = "s2s", .doc = doc_, .arguments = arguments_, .result = result_,       \
		.columns = columns_, .run = run_##name_                                                      \
	}

const struct command s2s_commands[] = {
    COMMAND(incoming_s2s_number, "Counts the authenticated streams from other servers.", NULL, COMMAND_VALUE,
	NULL),
    COMMAND(outgoing_s2s_number, "Counts the authenticated streams to other servers.", NULL, COMMAND_VALUE,
	NULL),
    COMMAND(list_s2s, "Lists the streams with other servers, one row for each pair of domains.", NULL,
	COMMAND_TABLE, list_columns),
    COMMAND(s2s_close, "Ends streams with other servers; what comes next opens new ones at once.",
	close_arguments, COMMAND_RESTUPLE, NULL),
    COMMAND(stop_s2s_connections, "Ends all streams with other servers.", NULL, COMMAND_RESTUPLE, NULL),
    COMMAND(check_domain,
	"Tries to reach another server up to authentication, and tells step by step what works.",
	check_arguments, COMMAND_RESTUPLE, NULL),
    {0},
};
