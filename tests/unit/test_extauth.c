/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/extauth.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auth/auth.h"
#include "auth/extauth_lines.h"
#include "auth/extauth_pool.h"
#include "base/clock.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "loop/worker.h"
#include "tap.h"

#define DEADLINE_MS 20000

static struct err err;

/* Frames
 * --------------------------------------------------------------------------------------------------------- */

static void frame_is(enum extauth_op op, const char *password, const char *want, size_t want_len)
{
	struct extauth_question question = {op, STR("romeo"), STR("example.org"), str_of(password)};
	struct strbuf out = {0};

	is_int(extauth_frame(&question, &out, &err), 0);
	is_str(strbuf_view(&out), ((struct str){want, want_len}));
	strbuf_fini(&out);
}

#define FRAME_IS(op, password, want) frame_is((op), (password), (want), sizeof(want) - 1)

static void test_frames(void)
{
	FRAME_IS(EXTAUTH_AUTH, "a:b:", "\0\x1b" "auth:romeo:example.org:a:b:");
	FRAME_IS(EXTAUTH_ISUSER, NULL, "\0\x18" "isuser:romeo:example.org");
	FRAME_IS(EXTAUTH_SETPASS, "\xc3\xa9", "\0\x1c" "setpass:romeo:example.org:\xc3\xa9");
	FRAME_IS(EXTAUTH_TRYREGISTER, "x", "\0\x1f" "tryregister:romeo:example.org:x");
	FRAME_IS(EXTAUTH_REMOVEUSER, NULL, "\0\x1c" "removeuser:romeo:example.org");
	FRAME_IS(EXTAUTH_REMOVEUSER3, "x", "\0\x1f" "removeuser3:romeo:example.org:x");
}

static void test_long_frames(void)
{
	char *password = mem_alloc(70000);
	struct extauth_question question = {EXTAUTH_AUTH, STR("u"), STR("h"), {password, 65535 - 9}};
	struct strbuf out = {0};

	memset(password, 'x', 70000);
	is_int(extauth_frame(&question, &out, &err), 0);
	is_int(out.len, 65537);
	is_int((unsigned char)out.ptr[0] << 8 | (unsigned char)out.ptr[1], 65535);
	strbuf_fini(&out);
	question.password.len++;
	is_int(extauth_frame(&question, &out, &err), -1);
	is_int(out.len, 0);
	strbuf_fini(&out);
	free(password);
}

static void test_names_with_colons(void)
{
	static const struct extauth_question bad[] = {
	    {EXTAUTH_AUTH, STR("ro:meo"), STR("h"), STR("p")},
	    {EXTAUTH_AUTH, STR("romeo"), STR("[::1]"), STR("p")},
	    {EXTAUTH_ISUSER, STR("ro\nmeo"), STR("h")},
	    {EXTAUTH_ISUSER, STR(""), STR("h")},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct strbuf out = {0};
		is_int(extauth_frame(&bad[i], &out, &err), -1);
		strbuf_fini(&out);
	}
}

static int answer(const char *bytes)
{
	return extauth_answer((const unsigned char *)bytes, &err);
}

static void test_answers(void)
{
	is_int(answer("\0\2\0\1"), 1);
	is_int(answer("\0\2\0\0"), 0);
	is_int(answer("\0\2\0\2"), -1);
	is_int(answer("\0\2\1\0"), -1);
	is_int(answer("\0\3\0\1"), -1);
	is_int(answer("\2\0\0\1"), -1);
	is_int(answer("yes\n"), -1);
}

/* Lines
 * ---------------------------------------------------------------------------------------------------------- */

static struct strbuf heard;

static void hear(void *arg, struct str text)
{
	strbuf_str(&heard, text);
	strbuf_char(&heard, '|');
}

static void test_lines(void)
{
	struct extauth_lines lines = {0};

	extauth_lines_take(&lines, STR("one\ntw"), 100000, hear, NULL);
	extauth_lines_take(&lines, STR("o\n\nthree"), 100000, hear, NULL);
	is_text(strbuf_view(&heard), "one|two|");
	extauth_lines_end(&lines, 100000, hear, NULL);
	is_text(strbuf_view(&heard), "one|two|three|");
	strbuf_fini(&heard);
}

static void test_long_lines(void)
{
	struct extauth_lines lines = {0};
	char text[2500];

	memset(text, 'x', sizeof(text));
	extauth_lines_take(&lines, (struct str){text, sizeof(text)}, 100000, hear, NULL);
	extauth_lines_take(&lines, STR("x\nnext\n"), 100000, hear, NULL);
	is_int(heard.len, EXTAUTH_LINE_MAX + 1 + strlen("next|"));
	strbuf_fini(&heard);
}

static void test_floods(void)
{
	struct extauth_lines lines = {0};

	for (int i = 0; i < EXTAUTH_LINES_MAX + 5; i++)
		extauth_lines_take(&lines, STR("x\n"), 100000, hear, NULL);
	is_int(heard.len, 2 * EXTAUTH_LINES_MAX);
	ok(extauth_lines_flooded(&lines, 100001));
	is_int(extauth_lines_dropped(&lines, 100001), 0);
	ok(!extauth_lines_flooded(&lines, 100000 + EXTAUTH_LINES_PERIOD_MS));
	is_int(extauth_lines_dropped(&lines, 100000 + EXTAUTH_LINES_PERIOD_MS), 5);
	is_int(extauth_lines_dropped(&lines, 100000 + EXTAUTH_LINES_PERIOD_MS), 0);
	extauth_lines_take(&lines, STR("y\n"), 100000 + EXTAUTH_LINES_PERIOD_MS, hear, NULL);
	is_int(heard.len, 2 * EXTAUTH_LINES_MAX + 2);
	strbuf_fini(&heard);
}

/* Pools
 * ---------------------------------------------------------------------------------------------------------- */

/* Answers yes to everything; what it does else is said by the name of the user. */
/* clang-format off */
#define YES "'\\000\\002\\000\\001'"
#define NO "'\\000\\002\\000\\000'"
#define PROGRAM \
	"while :; do " \
	"n=$(dd bs=1 count=2 2>/dev/null | od -An -tu1); set -- $n; [ $# = 2 ] || exit; " \
	"t=$(dd bs=1 count=$(($1*256+$2)) 2>/dev/null); " \
	"case $t in " \
	"*:no:*) printf " NO "; continue;; " \
	"*:crash:*) exit 3;; " \
	"*:hang:*) sleep 100;; " \
	"*:garbage:*) printf 'yes!'; continue;; " \
	"*:half:*) printf '\\000\\002'; sleep 100;; " \
	"*:twice:*) printf " YES YES "; continue;; " \
	"*:close:*) exec >&-; sleep 100;; " \
	"esac; " \
	"printf " YES "; done"
/* clang-format on */

static struct extauth_pool *pool_of(const char *program, unsigned size, uint64_t timeout_ms)
{
	struct strbuf line = {0};
	struct extauth_settings settings = {STR("test"), STR_NULL, size, timeout_ms};
	struct extauth_pool *pool;

	strbuf_printf(&line, "/bin/sh -c \"");
	for (; *program; program++) {
		if (*program == '"' || *program == '\\')
			strbuf_char(&line, '\\');
		strbuf_char(&line, *program);
	}
	strbuf_char(&line, '"');
	settings.program = strbuf_view(&line);
	pool = extauth_pool_new(&settings, &err);
	if (!pool) {
		printf("# %s\n", err.text);
		abort();
	}
	strbuf_fini(&line);
	return pool;
}

static int ask_for(struct extauth_pool *pool, const char *user, uint64_t patience_ms)
{
	struct extauth_question question = {EXTAUTH_AUTH, str_of(user), STR("h"), STR("p")};
	struct strbuf request = {0};
	int result;

	extauth_frame(&question, &request, &err);
	extauth_pool_hold(pool);
	result = extauth_pool_ask(pool, strbuf_view(&request), clock_mono_ms() + patience_ms, &err);
	extauth_pool_release(pool);
	strbuf_fini(&request);
	return result;
}

static int ask(struct extauth_pool *pool, const char *user)
{
	return ask_for(pool, user, DEADLINE_MS);
}

static void end(struct extauth_pool *pool)
{
	extauth_pool_retire(pool, true);
	extauth_pool_free(&pool);
	ok(waitpid(-1, NULL, WNOHANG) < 0); /* no child is left */
}

static void test_pool(void)
{
	struct extauth_pool *pool = pool_of(PROGRAM, 2, DEADLINE_MS);

	for (int i = 0; i < 6; i++)
		is_int(ask(pool, i % 2 ? "no" : "romeo"), !(i % 2));
	end(pool);
}

static void breaks(const char *user, uint64_t timeout_ms)
{
	struct extauth_pool *pool = pool_of(PROGRAM, 1, timeout_ms);

	is_int(ask(pool, "romeo"), 1);
	is_int(ask(pool, user), -1);
	printf("# %s: %s\n", user, err.text);
	is_int(ask(pool, "no"), 0);
	is_int(ask(pool, "romeo"), 1);
	end(pool);
}

static void test_broken_programs(void)
{
	breaks("crash", DEADLINE_MS);
	breaks("garbage", DEADLINE_MS);
	breaks("twice", DEADLINE_MS);
	breaks("close", DEADLINE_MS);
	breaks("hang", 500);
	breaks("half", 500);
}

static void test_program_that_never_works(void)
{
	struct extauth_pool *pool = pool_of("exit 1", 1, DEADLINE_MS);
	uint64_t begin = clock_mono_ms();

	while (ask_for(pool, "romeo", 50) < 0 && !strstr(err.text, "keeps failing") &&
	       clock_mono_ms() - begin < DEADLINE_MS)
		;
	ok(strstr(err.text, "keeps failing"));
	end(pool);
}

struct asker {
	pthread_t thread;
	struct extauth_pool *pool;
	const char *user;
	int result;
	bool started;
};

static void *asker_main(void *arg)
{
	struct asker *asker = arg;
	struct err own;
	struct extauth_question question = {EXTAUTH_AUTH, str_of(asker->user), STR("h"), STR("p")};
	struct strbuf request = {0};

	extauth_frame(&question, &request, &own);
	extauth_pool_hold(asker->pool);
	asker->result = extauth_pool_ask(
	    asker->pool, strbuf_view(&request), clock_mono_ms() + DEADLINE_MS, &own);
	extauth_pool_release(asker->pool);
	strbuf_fini(&request);
	return NULL;
}

static bool is_asked(struct extauth_pool *pool)
{
	bool asked = false;

	pthread_mutex_lock(&pool->lock);
	for (unsigned i = 0; i < pool->settings.size; i++)
		asked |= pool->instances[i].state == EXTAUTH_ASKED;
	pthread_mutex_unlock(&pool->lock);
	return asked;
}

static void test_others_carry_on(void)
{
	struct extauth_pool *pool = pool_of(PROGRAM, 2, 10 * DEADLINE_MS);
	struct asker hanging = {.pool = pool, .user = "hang"};

	pthread_create(&hanging.thread, NULL, asker_main, &hanging);
	while (!is_asked(pool))
		poll(NULL, 0, 1);
	for (int i = 0; i < 5; i++)
		is_int(ask(pool, "romeo"), 1);
	ok(is_asked(pool));
	extauth_pool_retire(pool, true);
	pthread_join(hanging.thread, NULL);
	is_int(hanging.result, -1);
	extauth_pool_free(&pool);
	ok(waitpid(-1, NULL, WNOHANG) < 0);
}

static void test_many_at_once(void)
{
	struct extauth_pool *pool = pool_of(PROGRAM, 3, DEADLINE_MS);
	struct asker askers[20];

	for (int i = 0; i < 20; i++) {
		askers[i] = (struct asker){.pool = pool, .user = i % 3 ? "romeo" : "no"};
		pthread_create(&askers[i].thread, NULL, asker_main, &askers[i]);
	}
	for (int i = 0; i < 20; i++) {
		pthread_join(askers[i].thread, NULL);
		is_int(askers[i].result, i % 3 ? 1 : 0);
	}
	end(pool);
}

/* A pool that is retired finishes what it has. */
static void test_retired(void)
{
	struct extauth_pool *pool = pool_of(PROGRAM, 1, DEADLINE_MS);

	extauth_pool_hold(pool);
	extauth_pool_retire(pool, false);
	is_int(ask(pool, "romeo"), 1);
	ok(!extauth_pool_ended(pool));
	extauth_pool_release(pool);
	extauth_pool_free(&pool);
	ok(waitpid(-1, NULL, WNOHANG) < 0);
}

/* Requests from a worker
 * ----------------------------------------------------------------------------------------- */

static void install(void)
{
	/* clang-format off */
	static const char text[] =
	    "hosts: [one.example, two.example, none.example]\n"
	    "auth_method: external\n"
	    "extauth_program: /bin/sh -c \"while :; do "
	    "n=\\$(dd bs=1 count=2 2>/dev/null | od -An -tu1); set -- \\$n; [ \\$# = 2 ] || exit; "
	    "t=\\$(dd bs=1 count=\\$((\\$1*256+\\$2)) 2>/dev/null); "
	    "case \\$t in "
	    "*:no:*) printf '\\\\000\\\\002\\\\000\\\\000';; "
	    "*:hang:*) sleep 100;; "
	    "*) printf '\\\\000\\\\002\\\\000\\\\001';; "
	    "esac; done\"\n"
	    "extauth_pool_name: shared\n"
	    "extauth_pool_size: 2\n"
	    "extauth_timeout: 30 s\n"
	    "host_config: {none.example: {auth_method: anonymous}}\n";
	/* clang-format on */
	struct conf_report report;
	struct conf *conf = NULL, *previous;

	if (conf_load_text(str_of(text), "test", &conf, &report) < 0) {
		printf("# %s\n", report.problems[0].text);
		abort();
	}
	conf_report_fini(&report);
	previous = conf_install(conf);
	conf_unref(&previous);
}

static unsigned done_count;

static void on_done(struct auth_request *request)
{
	done_count++;
}

static void turn_until(unsigned count)
{
	uint64_t begin = clock_mono_ms();

	while (done_count < count && clock_mono_ms() - begin < DEADLINE_MS)
		if (!worker_turn())
			poll(NULL, 0, 1);
	is_int(done_count, count);
}

static struct auth_request check_of(const char *user, struct str host)
{
	return (struct auth_request){.host = host,
	    .user = str_of(user),
	    .password = STR("p"),
	    .kind = AUTH_CHECK_PASSWORD,
	    .done = on_done};
}

static void test_requests(void)
{
	struct auth_request requests[4];
	struct conf *conf;
	struct auth_methods methods;

	install();
	if (workers_init(1, &err) < 0 || executor_init(2, &err) < 0)
		abort();
	extauth_apply(conf_current());
	auth_methods(STR("one.example"), &methods);
	ok(methods.plain_check && methods.registers && methods.set_password && !methods.scram[AUTH_SHA1]);
	ok(auth_waits(STR("one.example")));
	ok(!auth_waits(STR("none.example")));
	requests[0] = check_of("romeo", STR("one.example"));
	requests[1] = check_of("no", STR("two.example"));
	requests[2] = check_of("hang", STR("two.example"));
	requests[3] = check_of("romeo", STR("none.example"));
	for (int i = 0; i < 4; i++)
		auth_submit(&requests[i]);
	is_int(done_count, 0);
	turn_until(3);
	is_int(requests[0].outcome, AUTH_OK);
	is_int(requests[1].outcome, AUTH_DENIED);
	ok(executor_load() > 0);
	extauth_fini();
	turn_until(4);
	is_int(requests[2].outcome, AUTH_UNAVAILABLE);
	is_int(executor_load(), 0);
	auth_submit(&requests[0]);
	turn_until(5);
	is_int(requests[0].outcome, AUTH_UNAVAILABLE);
	executor_fini();
	workers_fini();
	conf = conf_install(NULL);
	conf_unref(&conf);
	ok(waitpid(-1, NULL, WNOHANG) < 0);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	run(test_frames);
	run(test_long_frames);
	run(test_names_with_colons);
	run(test_answers);
	run(test_lines);
	run(test_long_lines);
	run(test_floods);
	run(test_pool);
	run(test_broken_programs);
	run(test_program_that_never_works);
	run(test_others_carry_on);
	run(test_many_at_once);
	run(test_retired);
	run(test_requests);
	return tap_done();
}
