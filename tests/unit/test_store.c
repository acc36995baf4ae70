/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "loop/executor.h"
#include "loop/worker.h"
#include "stanzad/log.h"
#include "store/peek.h"
#include "test_store.h"

enum { DEADLINE_MS = 30000 };

/* A story is told on worker 0 and a thread pool; done() calls append to the log of what happened. */
static char happened[4096];
static int finished;

static void began(void)
{
	struct err err = {""};

	fresh_dir();
	happened[0] = '\0';
	finished = 0;
	if (workers_init(1, &err) < 0 || executor_init(2, &err) < 0 || test_open(VARIANT_SINGLE, &err) < 0) {
		printf("# %s\n", err.text);
		abort();
	}
}

static void ended(void)
{
	executor_fini();
	store_close();
	workers_fini();
	remove_dir();
}

static void wait_finished(int count)
{
	uint64_t deadline = clock_mono_ms() + DEADLINE_MS;

	while (finished < count && clock_mono_ms() < deadline)
		if (!worker_turn())
			nanosleep(&(struct timespec){0, 100000}, NULL);
	is_int(finished, count);
}

struct test_op {
	struct store_op op;
	char name[16], user[16];
	int result;
	char reason[256];
	struct test_op *then; /* submitted by done */
	void (*in_run)(struct test_op *);
	pthread_t thread;
};

static void op_done(struct store_op *op, int result, const struct err *err)
{
	struct test_op *test = (struct test_op *)op;

	finished++;
	test->result = result;
	snprintf(test->reason, sizeof(test->reason), "%.250s", result < 0 ? err->text : "");
	if (strlen(happened) < sizeof(happened) - 64)
		sprintf(happened + strlen(happened), "%s=%d ", test->name, result);
	ok(worker_self() != NULL);
	if (test->then)
		store_submit(&test->then->op);
}

static int run_insert(struct store_op *op, struct db *db, struct err *err)
{
	struct test_op *test = (struct test_op *)op;

	if (test->in_run)
		test->in_run(test);
	test->thread = pthread_self();
	return (int)DB_EXEC(db, err,
	    "INSERT INTO last ({host,} username, seconds, state) VALUES ({?,} ?, ?, ?)",
	    DB_P_TEXT(STR("host")), DB_P_TEXT(str_of(test->user)), DB_P_TEXT(STR("1")), DB_P_TEXT(STR("")));
}

static int run_count(struct store_op *op, struct db *db, struct err *err)
{
	struct test_op *test = (struct test_op *)op;
	struct db_rows *rows;
	int result;

	if (test->in_run)
		test->in_run(test);
	test->thread = pthread_self();
	rows = DB_QUERY(db, err, "SELECT count(*) FROM last WHERE {host=} username LIKE ?",
	    DB_P_TEXT(STR("host")), DB_P_TEXT(str_of(test->user)));
	result = db_next(rows, err) < 0 ? -1 : (int)db_int(rows, 0);
	db_end(&rows);
	return result;
}

static void submit(struct test_op *test, enum store_kind kind, const char *key, const char *user)
{
	test->op.kind = kind;
	test->op.key = str_of(key);
	test->op.run = kind == STORE_WRITE ? run_insert : run_count;
	test->op.done = op_done;
	snprintf(test->user, sizeof(test->user), "%s", user);
	store_submit(&test->op);
}

/* Holds the writer, or a reader, inside of run until the gate is opened. */
static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_moved = PTHREAD_COND_INITIALIZER;
static bool gate_shut;
static int gate_waiting;

static void gate(struct test_op *test)
{
	pthread_mutex_lock(&gate_lock);
	gate_waiting++;
	pthread_cond_broadcast(&gate_moved);
	while (gate_shut)
		pthread_cond_wait(&gate_moved, &gate_lock);
	gate_waiting--;
	pthread_mutex_unlock(&gate_lock);
}

static void gate_set(bool shut)
{
	pthread_mutex_lock(&gate_lock);
	gate_shut = shut;
	pthread_cond_broadcast(&gate_moved);
	pthread_mutex_unlock(&gate_lock);
}

static void gate_await(int count)
{
	pthread_mutex_lock(&gate_lock);
	while (gate_waiting < count)
		pthread_cond_wait(&gate_moved, &gate_lock);
	pthread_mutex_unlock(&gate_lock);
}

static struct test_op *ops_new(int count, const char *prefix)
{
	struct test_op *ops = mem_zalloc((size_t)count * sizeof(*ops));

	for (int i = 0; i < count; i++)
		snprintf(ops[i].name, sizeof(ops[i].name), "%s%d", prefix, i);
	return ops;
}

static void test_write_and_read(void)
{
	struct test_op write = {.name = "w"}, read = {.name = "r"};
	struct store_stats stats;

	began();
	submit(&write, STORE_WRITE, "", "ann");
	is_cstr(happened, "");
	wait_finished(1);
	ok(!pthread_equal(write.thread, pthread_self()));
	submit(&read, STORE_READ, "", "ann");
	is_int(finished, 1);
	wait_finished(2);
	is_cstr(happened, "w=1 r=1 ");
	ok(!pthread_equal(read.thread, pthread_self()) && !pthread_equal(read.thread, write.thread));
	store_stats(&stats);
	is_int(stats.commits, 1);
	is_int(stats.operations, 2);
	is_int(stats.failures, 0);
	is_int(stats.waiting, 0);
	ended();
}

/* Reads of a key come after its writes, others do not wait. */
static void test_key_order(void)
{
	struct test_op *w = ops_new(4, "w"), *r = ops_new(4, "r");

	began();
	gate_set(true);
	w[0].in_run = gate;
	submit(&w[0], STORE_WRITE, "ann@x", "ann0");
	gate_await(1);
	submit(&r[0], STORE_READ, "ann@x", "ann%");
	submit(&r[1], STORE_READ, "bob@x", "ann%");
	submit(&r[2], STORE_READ, "", "ann%");
	wait_finished(2);
	ok(r[1].result == 0 && r[2].result == 0 && !strstr(happened, "r0"));
	submit(&w[1], STORE_WRITE, "ann@x", "ann1");
	submit(&w[2], STORE_WRITE, "bob@x", "bob2");
	submit(&r[3], STORE_READ, "ann@x", "ann%");
	gate_set(false);
	wait_finished(7);
	ok(r[0].result >= 1);
	is_int(r[3].result, 2);
	ok(strstr(happened, "w0=1") < strstr(happened, "w1=1"));
	ok(strstr(happened, "w1=1") < strstr(happened, "w2=1"));
	ok(strstr(happened, "w1=1") < strstr(happened, "r3="));
	free(w);
	free(r);
	ended();
}

static void test_long_chain_of_one_key(void)
{
	enum { COUNT = 300 };
	struct test_op *w = ops_new(COUNT, "w"), *r = ops_new(COUNT, "r");
	char user[16];
	int right = 0;

	began();
	for (int i = 0; i < COUNT; i++) {
		snprintf(user, sizeof(user), "u%d", i);
		submit(&w[i], STORE_WRITE, "key", user);
		submit(&r[i], STORE_READ, "key", "u%");
		if (i % 7 == 0)
			worker_turn();
	}
	wait_finished(2 * COUNT);
	for (int i = 0; i < COUNT; i++)
		right += w[i].result == 1 && r[i].result > i;
	is_int(right, COUNT);
	free(w);
	free(r);
	ended();
}

/* What waits while the writer is busy is committed at once. */
static void test_group_commit(void)
{
	enum { COUNT = 400 };
	struct test_op *w = ops_new(COUNT, "w");
	struct store_stats before, after;
	int written = 0;
	char user[16];

	began();
	clock_fake(0); /* the batch ends by count and not by time */
	store_stats(&before);
	gate_set(true);
	w[0].in_run = gate;
	for (int i = 0; i < COUNT; i++) {
		snprintf(user, sizeof(user), "u%d", i);
		submit(&w[i], STORE_WRITE, "", user);
	}
	gate_await(1);
	store_stats(&after);
	is_int(after.waiting, COUNT - 1);
	gate_set(false);
	while (finished < COUNT)
		if (!worker_turn())
			nanosleep(&(struct timespec){0, 100000}, NULL);
	for (int i = 0; i < COUNT; i++)
		written += w[i].result == 1;
	is_int(written, COUNT);
	store_stats(&after);
	is_int(after.commits - before.commits, 1);
	is_int(raw_int("SELECT count(*) FROM last"), COUNT);
	free(w);
	ended();
}

static int run_insert_then_fail(struct store_op *op, struct db *db, struct err *err)
{
	if (run_insert(op, db, err) < 0)
		return -1;
	return err_set(err, "changed my mind");
}

static int run_twice(struct store_op *op, struct db *db, struct err *err)
{
	if (run_insert(op, db, err) < 0)
		return -1;
	return run_insert(op, db, err);
}

static void test_rollback_of_one(void)
{
	struct test_op *w = ops_new(4, "w");
	struct store_stats stats;

	began();
	gate_set(true);
	w[0].in_run = gate;
	submit(&w[0], STORE_WRITE, "", "u0");
	gate_await(1);
	w[1].op = w[2].op = (struct store_op){.kind = STORE_WRITE, .done = op_done};
	w[1].op.run = run_insert_then_fail;
	w[2].op.run = run_twice;
	strcpy(w[1].user, "u1");
	strcpy(w[2].user, "u2");
	store_submit(&w[1].op);
	store_submit(&w[2].op);
	submit(&w[3], STORE_WRITE, "", "u3");
	gate_set(false);
	wait_finished(4);
	ok(w[0].result == 1 && w[3].result == 1);
	is_int(w[1].result, -1);
	is_cstr(w[1].reason, "changed my mind");
	is_int(w[2].result, -1);
	ok(strstr(w[2].reason, "UNIQUE") && strstr(w[2].reason, "INSERT INTO last"));
	is_int(raw_int("SELECT count(*) FROM last"), 2);
	is_int(raw_int("SELECT count(*) FROM last WHERE username IN ('u0', 'u3')"), 2);
	store_stats(&stats);
	is_int(stats.commits, 1);
	is_int(stats.failures, 2);
	free(w);
	ended();
}

static int run_write_in_read(struct store_op *op, struct db *db, struct err *err)
{
	return run_insert(op, db, err);
}

static void test_read_cannot_write(void)
{
	struct test_op read = {.name = "r", .user = "u"};

	began();
	read.op = (struct store_op){.kind = STORE_READ, .run = run_write_in_read, .done = op_done};
	store_submit(&read.op);
	wait_finished(1);
	ok(read.result < 0 && strstr(read.reason, "readonly"));
	ended();
}

/* Types, results left open, one query inside of itself, another text at the same address. */
static int run_statements(void *arg, struct db *db, struct err *err)
{
	static const char outer[] =
	    "SELECT topic, payload, qos, content_type FROM mqtt_pub WHERE {host=} qos >= ? ORDER BY qos";
	struct db_rows *rows, *again;
	int *checks = arg;

	for (int qos = 0; qos < 3; qos++)
		if (DB_EXEC(db, err,
			"INSERT INTO mqtt_pub ({host,} username, resource, topic, qos, payload, "
			"payload_format, "
			"content_type, response_topic, correlation_data, user_properties, expiry) "
			"VALUES ({?,} '', '', ?, ?, ?, 0, ?, '', '', '', 0)",
			DB_P_TEXT(STR("host")),
			DB_P_TEXT(str_of(qos == 0   ? "a"
					 : qos == 1 ? "b"
						    : "c")),
			DB_P_INT(qos), DB_P_BLOB(((struct str){"\0\1\2", (size_t)qos})),
			DB_P_TEXT(STR_NULL)) != 1)
			return -1;
	rows = DB_QUERY(db, err, outer, DB_P_TEXT(STR("host")), DB_P_INT(0));
	while (db_next(rows, err) > 0) {
		again = DB_QUERY(db, err, outer, DB_P_TEXT(STR("host")), DB_P_INT(2));
		*checks += db_next(again, err) == 1 && db_int(again, 2) == 2 && db_text(again, 1).len == 2;
		db_end(&again);
		*checks += db_text(rows, 1).len == (size_t)db_int(rows, 2) && db_text(rows, 3).ptr &&
			   !db_is_null(rows, 1);
	}
	db_end(&rows);

	char text[64] = "SELECT 1";
	rows = db_query_params(db, text, NULL, 0, err);
	*checks += db_next(rows, err) == 1 && db_int(rows, 0) == 1;
	db_end(&rows);
	strcpy(text, "SELECT NULL");
	rows = db_query_params(db, text, NULL, 0, err);
	*checks += db_next(rows, err) == 1 && db_is_null(rows, 0) && !db_text(rows, 0).ptr;
	/* Left open: ended by the layer. */
	*checks += db_query_params(db, "SELECT 2", NULL, 0, err) != NULL;
	*checks += DB_EXEC(db, err, "UPDATE mqtt_pub SET qos = 1 WHERE qos > ?", DB_P_INT(0)) == 2;
	*checks += DB_EXEC(db, err, "SELECT ?", DB_P_INT(0)) == 0;
	return 0;
}

static int run_bad_statements(void *arg, struct db *db, struct err *err)
{
	int *checks = arg;

	*checks +=
	    DB_EXEC(db, err, "SELECT ?, ?", DB_P_INT(0)) < 0 && strstr(err->text, "1 parameters for 2");
	*checks +=
	    DB_EXEC(db, err, "SELECT ?; SELECT 2", DB_P_INT(0)) < 0 && strstr(err->text, "one SQL statement");
	*checks += DB_EXEC(db, err, "SELECT nonsense FROM ?", DB_P_INT(0)) < 0;
	*checks += DB_EXEC(db, err, "SELECT {nonsense} ?", DB_P_INT(0)) < 0;
	struct db_rows *rows = DB_QUERY(db, err, "SELECT x FROM nowhere WHERE a = ?", DB_P_INT(1));
	*checks += rows == NULL && db_next(rows, err) < 0 && strstr(err->text, "nowhere");
	db_end(&rows);
	return 7;
}

static void test_statements(void)
{
	struct err err = {""};
	int checks = 0;

	fresh_dir();
	is_int(test_open(VARIANT_MULTIHOST, &err), 0);
	is_int(store_call(STORE_WRITE, STR_NULL, run_statements, &checks, &err), 0);
	is_cstr(err.text, "");
	is_int(checks, 11);
	checks = 0;
	is_int(store_call(STORE_READ, STR_NULL, run_bad_statements, &checks, &err), 7);
	is_int(checks, 5);
	store_close();
	is_int(raw_int("SELECT count(*) FROM mqtt_pub WHERE server_host = 'host' AND qos < 2"), 3);
	remove_dir();
}

static int call_insert(void *arg, struct db *db, struct err *err)
{
	struct test_op test = {0};

	snprintf(test.user, sizeof(test.user), "%s", (const char *)arg);
	return run_insert(&test.op, db, err);
}

static int call_count(void *arg, struct db *db, struct err *err)
{
	struct test_op test = {.user = "%"};

	return run_count(&test.op, db, err);
}

static void *caller(void *arg)
{
	int *sum = arg;
	char user[16];

	for (int i = 0; i < 50; i++) {
		snprintf(user, sizeof(user), "c%d-%d", *sum, i);
		if (store_call(STORE_WRITE, STR("key"), call_insert, user, NULL) != 1 ||
		    store_call(STORE_READ, STR("key"), call_count, NULL, NULL) <= i)
			return arg;
	}
	return NULL;
}

static void test_calls(void)
{
	struct err err = {""};
	pthread_t threads[4];
	int numbers[4] = {0, 1, 2, 3};
	void *failed;

	fresh_dir();
	is_int(store_call(STORE_WRITE, STR_NULL, call_insert, "x", &err), -1);
	is_cstr(err.text, "the store is closed");
	is_int(test_open(VARIANT_SINGLE, &err), 0);
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, caller, &numbers[i]);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &failed);
		ok(!failed);
	}
	ok(store_call(STORE_WRITE, STR_NULL, call_insert, "c0-0", &err) < 0);
	ok(strstr(err.text, "UNIQUE") != NULL);
	store_close();
	is_int(raw_int("SELECT count(*) FROM last"), 200);
	remove_dir();
}

/* A child writes, says which rows are done, and is killed while it goes on. */
static void child_writes(int told)
{
	struct err err = {""};
	char user[16];

	if (test_open(VARIANT_SINGLE, &err) < 0)
		_exit(1);
	for (int32_t i = 0;; i++) {
		snprintf(user, sizeof(user), "u%d", i);
		if (store_call(STORE_WRITE, STR_NULL, call_insert, user, &err) != 1 ||
		    write(told, &i, sizeof(i)) < 0)
			_exit(1);
	}
}

static void test_survives_kill(void)
{
	struct err err = {""};
	int32_t last = -1, number;
	char sql[80];
	int ends[2];

	fresh_dir();
	if (pipe(ends) < 0)
		abort();
	pid_t child = fork();
	if (child == 0) {
		close(ends[0]);
		child_writes(ends[1]);
	}
	close(ends[1]);
	while (last < 50 && read(ends[0], &number, sizeof(number)) == sizeof(number))
		last = number;
	kill(child, SIGKILL);
	while (read(ends[0], &number, sizeof(number)) == sizeof(number))
		last = number;
	waitpid(child, NULL, 0);
	close(ends[0]);
	ok(last >= 50);
	is_int(test_open(VARIANT_SINGLE, &err), 0);
	store_close();
	snprintf(sql, sizeof(sql), "SELECT count(*) >= %d FROM last", last + 1);
	is_int(raw_int(sql), 1);
	is_text(str_of(err.text), "");
	remove_dir();
}

static int call_limit_pages(void *arg, struct db *db, struct err *err)
{
	static char sql[64];
	struct db_rows *rows;

	snprintf(sql, sizeof(sql), "PRAGMA max_page_count = %lld", (long long)*(int64_t *)arg);
	rows = db_query_params(db, sql, NULL, 0, err);
	int rc = db_next(rows, err);
	db_end(&rows);
	return rc;
}

static int run_insert_much(struct store_op *op, struct db *db, struct err *err)
{
	struct test_op *test = (struct test_op *)op;

	return (int)DB_EXEC(db, err,
	    "INSERT INTO last (username, seconds, state) VALUES (?, '', zeroblob(?))",
	    DB_P_TEXT(str_of(test->user)), DB_P_INT(100000));
}

/* A full database fails the writes that do not fit, with words; those that fit, and later ones, succeed. */
static void test_disk_full(void)
{
	enum { COUNT = 12 };
	struct test_op *w = ops_new(COUNT, "w"), after = {.name = "after"};
	struct err err = {""};
	int kept = 0, named = 0;
	int64_t pages;
	char sql[64];

	fresh_dir();
	is_int(test_open(VARIANT_SINGLE, &err), 0);
	pages = raw_int("PRAGMA page_count") + 60;
	is_int(store_call(STORE_WRITE, STR_NULL, call_limit_pages, &pages, &err), 1);
	happened[0] = '\0';
	finished = 0;
	workers_init(1, &err);
	executor_init(1, &err);
	for (int i = 0; i < COUNT; i++) {
		w[i].op = (struct store_op){.kind = STORE_WRITE, .run = run_insert_much, .done = op_done};
		snprintf(w[i].user, sizeof(w[i].user), "u%d", i);
		store_submit(&w[i].op);
	}
	wait_finished(COUNT);
	for (int i = 0; i < COUNT; i++) {
		kept += w[i].result == 1;
		named += w[i].result < 0 && strstr(w[i].reason, "full");
	}
	ok(kept > 0 && named > 0);
	is_int(kept + named, COUNT);
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM last");
	is_int(raw_int(sql), kept);
	after.op.own.err.text[0] = '\0';
	submit(&after, STORE_WRITE, "", "after");
	wait_finished(COUNT + 1);
	is_int(after.result, 1);
	free(w);
	ended();
}

/* The kernel refuses to let the files grow: commits fail. When it allows it again, so does the store. */
static void test_commit_fails_for_real(void)
{
	struct rlimit usual, tight = {.rlim_cur = 1};
	struct test_op fails = {.name = "f", .user = "f"}, works = {.name = "w", .user = "w"};

	began();
	getrlimit(RLIMIT_FSIZE, &usual);
	signal(SIGXFSZ, SIG_IGN);
	tight.rlim_max = usual.rlim_max;
	setrlimit(RLIMIT_FSIZE, &tight);
	fails.op = works.op = (struct store_op){.kind = STORE_WRITE, .run = run_insert_much, .done = op_done};
	store_submit(&fails.op);
	while (finished < 1)
		if (!worker_turn())
			nanosleep(&(struct timespec){0, 100000}, NULL);
	setrlimit(RLIMIT_FSIZE, &usual);
	ok(fails.result < 0 && strstr(fails.reason, "SQLite error"));
	store_submit(&works.op);
	wait_finished(2);
	is_int(works.result, 1);
	is_int(raw_int("SELECT count(*) FROM last WHERE username = 'w'"), 1);
	is_int(raw_int("SELECT count(*) FROM last"), 1);
	ended();
}

static int call_list(void *arg, struct db *db, struct err *err)
{
	struct db_rows *rows = db_query_params(db, "SELECT state FROM last", NULL, 0, err);
	int rc;

	while ((rc = db_next(rows, err)) > 0)
		;
	db_end(&rows);
	return rc;
}

static void test_damage_found_late(void)
{
	static char junk[4096];
	struct err err = {""};
	int fd;

	fresh_dir();
	is_int(test_open(VARIANT_SINGLE, &err), 0);
	store_close();
	raw_sql("PRAGMA journal_mode = DELETE; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM "
		"n LIMIT 500)"
		" INSERT INTO last SELECT 'u' || i, '', hex(zeroblob(200)) FROM n");
	off_t end = raw_int("PRAGMA page_count") * 4096;
	memset(junk, 0x5a, sizeof(junk));
	fd = open(test_file, O_WRONLY);
	for (off_t at = end - 20 * 4096; at < end; at += 4096)
		if (pwrite(fd, junk, sizeof(junk), at) < 0)
			abort();
	close(fd);
	is_int(test_open(VARIANT_SINGLE, &err), 0);
	ok(store_call(STORE_READ, STR_NULL, call_list, NULL, &err) < 0);
	ok(strstr(err.text, "the database is damaged; stop the server") != NULL);
	store_close();
	remove_dir();
}

/* For each n the n-th statement fails: what was reported as done is there, and what as failed is not. */
static void test_each_statement_fails(void)
{
	enum { COUNT = 6, MOST = 60 };
	char user[16], sql[96];
	int failures = 1, wrong = 0, n = 0;

	began();
	while (failures > 0 && n++ < MOST) {
		struct test_op *w = ops_new(COUNT, "w"), read = {.name = "r"};
		finished = 0;
		gate_set(true);
		store_fail_at((unsigned)n);
		w[0].in_run = gate;
		for (int i = 0; i < COUNT; i++) {
			snprintf(user, sizeof(user), "n%d-%d", n, i);
			submit(&w[i], STORE_WRITE, "key", user);
		}
		submit(&read, STORE_READ, "key", "n%");
		gate_set(false);
		while (finished <= COUNT)
			if (!worker_turn())
				nanosleep(&(struct timespec){0, 100000}, NULL);
		store_fail_at(0);
		failures = read.result < 0;
		for (int i = 0; i < COUNT; i++) {
			snprintf(
			    sql, sizeof(sql), "SELECT count(*) FROM last WHERE username = 'n%d-%d'", n, i);
			wrong += raw_int(sql) != (w[i].result == 1);
			wrong += w[i].result < 0 && !strstr(w[i].reason, "injected");
			failures += w[i].result < 0;
		}
		free(w);
	}
	is_int(wrong, 0);
	ok(n > COUNT && n < MOST);
	ended();
}

/* --- reading without waiting ---------------------------------------------------------------------------- */

static int peek_count(void *arg, struct db *db, struct err *err)
{
	struct db_rows *rows = DB_QUERY(db, err, "SELECT count(*), max(length(state)) FROM last WHERE {host=} 1 = 1",
	    DB_P_TEXT(STR("host")));
	int result = db_next(rows, err);

	*(int64_t *)arg = result > 0 ? db_int(rows, 0) : -1;
	db_end(&rows);
	return result;
}

static int peek_fail(void *arg, struct db *db, struct err *err)
{
	return err_set(err, "on purpose");
}

static void test_peek(void)
{
	struct test_op read = {.name = "r"}, write = {.name = "w", .in_run = gate};
	int64_t count = -1;

	began();
	ok(!store_peek(STR("key"), peek_count, &count)); /* no connection is open yet */
	submit(&read, STORE_READ, "", "%");
	wait_finished(1);
	ok(store_peek(STR("key"), peek_count, &count));
	is_int(count, 0);
	ok(!store_peek(STR("key"), peek_fail, &count));
	gate_set(true);
	submit(&write, STORE_WRITE, "key", "user");
	ok(!store_peek(STR("key"), peek_count, &count));
	ok(store_peek(STR("other"), peek_count, &count));
	is_int(count, 0);
	gate_set(false);
	wait_finished(2);
	ok(store_peek(STR("key"), peek_count, &count));
	is_int(count, 1);
	ended();
}

static int fill(struct store_op *op, struct db *db, struct err *err)
{
	static char state[1024];
	int64_t rc = 0;

	memset(state, 'x', sizeof(state) - 1);
	for (int64_t i = 0; i < 4000 && rc >= 0; i++)
		rc = DB_EXEC(db, err,
		    "INSERT INTO last ({host,} username, seconds, state) VALUES ({?,} ?, ?, ?)",
		    DB_P_TEXT(STR("host")), DB_P_INT(i), DB_P_TEXT(STR("1")), DB_P_TEXT(str_of(state)));
	return (int)rc;
}

/* False: the kernel does not let go of it. fd is for the caller to close, after the store. */
static bool evict(const char *name, int *fd_r)
{
	unsigned char resident[4096] = {0};
	char path[512];
	unsigned left = 0;

	snprintf(path, sizeof(path), "%s/%s", test_dir, name);
	*fd_r = open(path, O_RDONLY);
	off_t size = lseek(*fd_r, 0, SEEK_END);
	if (size <= 0 || fdatasync(*fd_r) < 0 || posix_fadvise(*fd_r, 0, 0, POSIX_FADV_DONTNEED) != 0)
		return size == 0;
	void *map = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, *fd_r, 0);
	if (map == MAP_FAILED || size > (off_t)sizeof(resident) * 4096 || mincore(map, (size_t)size, resident) < 0)
		return false;
	for (off_t page = 0; page < size / 4096; page++)
		left += resident[page] & 1;
	munmap(map, (size_t)size);
	return left == 0;
}

/* What lies on the disk only is not waited for, and is there for who may wait. */
static void test_peek_at_the_disk(void)
{
	struct test_op write = {.name = "w"}, read = {.name = "r"};
	int64_t count = -1;
	int fds[2];

	began();
	write.op = (struct store_op){.kind = STORE_WRITE, .run = fill, .done = op_done};
	store_submit(&write.op);
	wait_finished(1);
	submit(&read, STORE_READ, "", "%");
	wait_finished(2);
	is_int(read.result, 4000);
	bool evicted = evict("stanzad.db", &fds[0]);
	evicted = evict("stanzad.db-wal", &fds[1]) && evicted;
	if (evicted)
		ok(!store_peek(STR("key"), peek_count, &count));
	submit(&read, STORE_READ, "", "%");
	wait_finished(3);
	is_int(read.result, 4000);
	ended();
	close(fds[0]);
	close(fds[1]);
}

/* Closing runs everything that was submitted; what comes later is refused; each done is called once. */
static void test_close_with_pending(void)
{
	enum { COUNT = 50 };
	struct test_op *w = ops_new(COUNT, "w"), *r = ops_new(COUNT, "r"), late = {.name = "late"};
	int right = 0;
	char user[16];

	began();
	late.op = (struct store_op){.kind = STORE_READ, .run = run_count, .done = op_done};
	w[COUNT - 1].then = &late;
	for (int i = 0; i < COUNT; i++) {
		snprintf(user, sizeof(user), "u%d", i);
		submit(&w[i], STORE_WRITE, "key", user);
		submit(&r[i], STORE_READ, i % 2 ? "key" : "", "u%");
	}
	executor_fini();
	store_close();
	is_int(finished, 0);
	workers_fini();
	is_int(finished, 2 * COUNT + 1);
	for (int i = 0; i < COUNT; i++)
		right += w[i].result == 1 && r[i].result >= (i % 2 ? i + 1 : 0);
	is_int(right, COUNT);
	is_int(late.result, -1);
	is_cstr(late.reason, "the store is closed");
	is_int(raw_int("SELECT count(*) FROM last"), COUNT);
	free(w);
	free(r);
	remove_dir();
}

int main(void)
{
	log_threshold = LOG_LEVEL_NONE;
	run(test_survives_kill);
	run(test_write_and_read);
	run(test_key_order);
	run(test_long_chain_of_one_key);
	run(test_rollback_of_one);
	run(test_read_cannot_write);
	run(test_statements);
	run(test_calls);
	run(test_peek);
	run(test_peek_at_the_disk);
	run(test_disk_full);
	run(test_commit_fails_for_real);
	run(test_damage_found_late);
	run(test_each_statement_fails);
	run(test_close_with_pending);
	run(test_group_commit);
	return tap_done();
}
