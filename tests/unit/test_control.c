/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/control.h"

#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/registry.h"
#include "base/clock.h"
#include "loop/worker.h"
#include "tap.h"

#define DEADLINE_MS 20000

static char data_dir[] = "/tmp/stanzad-control-XXXXXX";
static char socket_path[sizeof(data_dir) + 16];

/* --- commands to be called ---------------------------------------------------------------------------- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool open;             /* 'wait' passes */
	unsigned inside, most; /* in 'wait' now, and at the same time at most */
	struct strbuf order;   /* of 'note' */
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void gate_set(bool open)
{
	pthread_mutex_lock(&gate.lock);
	gate.open = open;
	pthread_cond_broadcast(&gate.changed);
	pthread_mutex_unlock(&gate.lock);
}

static unsigned gate_inside(void)
{
	pthread_mutex_lock(&gate.lock);
	unsigned inside = gate.inside;
	pthread_mutex_unlock(&gate.lock);
	return inside;
}

static enum command_outcome run_wait(struct command_call *call)
{
	pthread_mutex_lock(&gate.lock);
	gate.inside++;
	if (gate.most < gate.inside)
		gate.most = gate.inside;
	while (!gate.open)
		pthread_cond_wait(&gate.changed, &gate.lock);
	gate.inside--;
	pthread_mutex_unlock(&gate.lock);
	call->result = json_incref(json_object_get(call->arguments, "user"));
	return COMMAND_OK;
}

static enum command_outcome run_note(struct command_call *call)
{
	pthread_mutex_lock(&gate.lock);
	strbuf_str(&gate.order, command_string(call, "word"));
	pthread_mutex_unlock(&gate.lock);
	return command_say(call, COMMAND_CONFLICT, "noted \"%.*s\"", STR_FMT(command_string(call, "word")));
}

static void count_worker(void *arg)
{
	__atomic_add_fetch((int *)arg, 1, __ATOMIC_RELAXED);
}

static enum command_outcome run_workers(struct command_call *call)
{
	int count = 0;

	command_on_workers(count_worker, &count);
	command_on_home(STR("a@b"), count_worker, &count);
	call->result = json_integer(count);
	return COMMAND_OK;
}

static enum command_outcome run_big(struct command_call *call)
{
	struct strbuf text = {0};

	memset(strbuf_reserve(&text, 300000), 'x', 300000);
	call->result = json_stringn(text.ptr, 300000);
	strbuf_fini(&text);
	return COMMAND_OK;
}

static const struct command_argument account[] = {
    {"user", COMMAND_STRING, "who", NULL},
    {"host", COMMAND_STRING, "where", NULL},
    {0},
};
static const struct command_argument word[] = {{"word", COMMAND_STRING, "what", NULL}, {0}};
static const struct command commands[] = {
    {.name = "wait",
	.tag = "t",
	.doc = "Waits.",
	.arguments = account,
	.result = COMMAND_VALUE,
	.run = run_wait},
    {.name = "note",
	.tag = "t",
	.doc = "Notes.",
	.arguments = word,
	.result = COMMAND_RESTUPLE,
	.run = run_note},
    {.name = "workers", .tag = "t", .doc = "Counts.", .result = COMMAND_VALUE, .run = run_workers},
    {.name = "big", .tag = "t", .doc = "Gives a lot.", .result = COMMAND_VALUE, .run = run_big},
    {0},
};

/* --- a client ----------------------------------------------------------------------------------------- */

struct peer {
	int fd;
	struct strbuf in;
	bool ended;
};

static void peer_open(struct peer *peer)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	*peer = (struct peer){.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
	strcpy(address.sun_path, socket_path);
	ok(connect(peer->fd, (struct sockaddr *)&address, sizeof(address)) == 0);
}

static void peer_close(struct peer *peer)
{
	close(peer->fd);
	strbuf_fini(&peer->in);
}

static void peer_say(struct peer *peer, const char *text)
{
	size_t len = strlen(text);

	is_int(send(peer->fd, text, len, MSG_NOSIGNAL), len);
}

static void peer_read(struct peer *peer)
{
	ssize_t got = recv(peer->fd, strbuf_reserve(&peer->in, 65536), 65536, MSG_DONTWAIT);

	if (got > 0)
		peer->in.len += (size_t)got;
	else if (got == 0 || (errno != EAGAIN && errno != EINTR))
		peer->ended = true;
}

/* The next answer; NULL at the end of the connection. */
static json_t *peer_answer(struct peer *peer)
{
	uint64_t deadline = clock_mono_ms() + DEADLINE_MS;

	while (clock_mono_ms() < deadline) {
		char *end = peer->in.len ? memchr(peer->in.ptr, '\n', peer->in.len) : NULL;
		if (end) {
			size_t len = (size_t)(end - peer->in.ptr);
			json_t *answer = json_loadb(peer->in.ptr, len, 0, NULL);
			peer->in.len -= len + 1;
			memmove(peer->in.ptr, end + 1, peer->in.len);
			ok(answer != NULL);
			return answer;
		}
		if (peer->ended)
			return NULL;
		worker_turn();
		peer_read(peer);
	}
	ok(!"an answer came in time");
	return NULL;
}

static void is_answer(struct peer *peer, int id, const char *outcome)
{
	json_t *answer = peer_answer(peer);

	is_int(json_integer_value(json_object_get(answer, "id")), id);
	is_cstr(json_string_value(json_object_get(answer, "outcome")), outcome);
	json_decref(answer);
}

static void is_end(struct peer *peer)
{
	ok(peer_answer(peer) == NULL && peer->ended);
}

static bool turn_until_inside(unsigned count)
{
	uint64_t deadline = clock_mono_ms() + DEADLINE_MS;

	while (gate_inside() != count && clock_mono_ms() < deadline)
		worker_turn();
	return gate_inside() == count;
}

static bool turn_until_idle(void)
{
	uint64_t deadline = clock_mono_ms() + DEADLINE_MS;

	while (control_load() && clock_mono_ms() < deadline)
		worker_turn();
	while (worker_turn())
		;
	return control_load() == 0;
}

/* --- the protocol ------------------------------------------------------------------------------------- */

static void test_answers(void)
{
	struct peer peer;

	peer_open(&peer);
	peer_say(&peer, "{\"id\":1,\"command\":\"note\",\"arguments\":{\"word\":\"a\"}}\n");
	json_t *answer = peer_answer(&peer);
	is_cstr(json_string_value(json_object_get(answer, "outcome")), "conflict");
	is_cstr(json_string_value(json_object_get(answer, "text")), "noted \"a\"");
	ok(!json_object_get(answer, "result"));
	json_decref(answer);
	peer_say(&peer, "\r\n  {\"id\":\"x\",\"command\":\"workers\"}\r\n");
	answer = peer_answer(&peer);
	is_cstr(json_string_value(json_object_get(answer, "id")), "x");
	is_int(json_integer_value(json_object_get(answer, "result")), 2);
	json_decref(answer);
	peer_close(&peer);
}

static void test_wrong_requests(void)
{
	struct peer peer;

	peer_open(&peer);
	peer_say(&peer,
	    "nonsense\n[1]\n{\"id\":3}\n{\"id\":4,\"command\":\"not\"}\n"
	    "{\"id\":5,\"command\":\"note\"}\n{\"id\":6,\"command\":\"note\",\"arguments\":[\"b\"]}\n");
	json_t *answer = peer_answer(&peer);
	is_cstr(json_string_value(json_object_get(answer, "outcome")), "usage");
	json_decref(answer);
	answer = peer_answer(&peer);
	is_cstr(json_string_value(json_object_get(answer, "outcome")), "usage");
	json_decref(answer);
	is_answer(&peer, 3, "usage");
	answer = peer_answer(&peer);
	is_cstr(json_string_value(json_object_get(answer, "text")),
	    "there is no command 'not'; did you mean 'note'?");
	json_decref(answer);
	is_answer(&peer, 5, "usage");
	is_answer(&peer, 6, "conflict");
	peer_close(&peer);
}

static void test_describe(void)
{
	struct peer peer;

	peer_open(&peer);
	peer_say(&peer, "{\"id\":1,\"describe\":true}\n{\"id\":2,\"describe\":\"note\"}\n{\"id\":3,"
			"\"describe\":\"no\"}\n");
	json_t *answer = peer_answer(&peer);
	is_int(json_array_size(json_object_get(answer, "result")), 4);
	json_decref(answer);
	answer = peer_answer(&peer);
	const json_t *first = json_array_get(json_object_get(answer, "result"), 0);
	is_cstr(json_string_value(json_object_get(first, "doc")), "Notes.");
	json_decref(answer);
	is_answer(&peer, 3, "usage");
	peer_close(&peer);
}

static void test_long_line(void)
{
	struct peer peer;
	struct strbuf big = {0};

	peer_open(&peer);
	memset(strbuf_reserve(&big, 60000), ' ', 60000);
	big.len = 60000;
	for (int i = 0; i < 18 && !peer.ended; i++) {
		size_t sent = 0;
		uint64_t deadline = clock_mono_ms() + DEADLINE_MS;
		while (sent < big.len && clock_mono_ms() < deadline) {
			ssize_t part =
			    send(peer.fd, big.ptr + sent, big.len - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
			if (part < 0 && errno != EAGAIN)
				break;
			sent += part > 0 ? (size_t)part : 0;
			worker_turn();
		}
	}
	json_t *answer = peer_answer(&peer);
	is_cstr(json_string_value(json_object_get(answer, "text")), "a request is at most 1 MiB long");
	json_decref(answer);
	is_end(&peer);
	strbuf_fini(&big);
	peer_close(&peer);
}

/* --- order -------------------------------------------------------------------------------------------- */

static void test_one_after_another(void)
{
	struct peer peer;

	strbuf_reset(&gate.order);
	gate_set(false);
	peer_open(&peer);
	peer_say(&peer, "{\"id\":1,\"command\":\"wait\",\"arguments\":[\"a\",\"h\"]}\n"
			"{\"id\":2,\"command\":\"note\",\"arguments\":[\"1\"]}\n"
			"{\"id\":3,\"command\":\"note\",\"arguments\":[\"2\"],\"concurrent\":true}\n");
	ok(turn_until_inside(1));
	is_int(control_load(), 1);
	is_text(strbuf_view(&gate.order), "");
	gate_set(true);
	is_answer(&peer, 1, "ok");
	is_answer(&peer, 2, "conflict");
	is_answer(&peer, 3, "conflict");
	is_text(strbuf_view(&gate.order), "12");
	peer_close(&peer);
}

/* Different accounts run beside each other, the same account and everything else wait; answers keep the
 * order. */
static void test_beside_each_other(void)
{
	struct peer peer;

	gate_set(false);
	gate.most = 0;
	peer_open(&peer);
	peer_say(&peer, "{\"id\":1,\"command\":\"wait\",\"arguments\":[\"a\",\"h\"],\"concurrent\":true}\n"
			"{\"id\":2,\"command\":\"wait\",\"arguments\":[\"b\",\"h\"],\"concurrent\":true}\n"
			"{\"id\":3,\"command\":\"wait\",\"arguments\":[\"A\",\"h\"],\"concurrent\":true}\n"
			"{\"id\":4,\"command\":\"wait\",\"arguments\":[\"c\",\"h\"],\"concurrent\":true}\n"
			"{\"id\":5,\"command\":\"wait\",\"arguments\":[\"d\",\"h\"]}\n"
			"{\"id\":6,\"command\":\"wait\",\"arguments\":[\"e\",\"h\"],\"concurrent\":true}\n");
	ok(turn_until_inside(3));
	is_int(control_load(), 3);
	gate_set(true);
	for (int id = 1; id <= 6; id++)
		is_answer(&peer, id, "ok");
	is_int(gate.most, 3);
	peer_close(&peer);
}

static void test_at_most_64(void)
{
	struct peer peer;
	struct strbuf requests = {0};

	gate_set(false);
	gate.most = 0;
	peer_open(&peer);
	for (int id = 1; id <= 300; id++)
		strbuf_printf(&requests,
		    "{\"id\":%d,\"command\":\"wait\",\"arguments\":[\"u%d\",\"h\"],\"concurrent\":true}\n",
		    id, id);
	peer_say(&peer, requests.ptr);
	ok(turn_until_inside(64));
	gate_set(true);
	for (int id = 1; id <= 300; id++)
		is_answer(&peer, id, "ok");
	ok(gate.most <= 64);
	strbuf_fini(&requests);
	peer_close(&peer);
}

static void test_many_wrong_lines(void)
{
	struct peer peer;
	struct strbuf requests = {0};

	peer_open(&peer);
	for (int id = 1; id <= 1000; id++)
		strbuf_printf(&requests, "{\"id\":%d,\"command\":\"none\"}\n", id);
	peer_say(&peer, requests.ptr);
	for (int id = 1; id <= 1000; id++)
		is_answer(&peer, id, "usage");
	strbuf_fini(&requests);
	peer_close(&peer);
}

/* --- connections -------------------------------------------------------------------------------------- */

static void test_client_dies(void)
{
	struct peer peer, other;

	gate_set(false);
	strbuf_reset(&gate.order);
	peer_open(&peer);
	peer_say(&peer, "{\"id\":1,\"command\":\"wait\",\"arguments\":[\"a\",\"h\"]}\n"
			"{\"id\":2,\"command\":\"note\",\"arguments\":[\"never\"]}\n");
	ok(turn_until_inside(1));
	peer_close(&peer);
	peer_open(&other);
	peer_say(&other, "{\"id\":7,\"command\":\"workers\"}\n");
	is_answer(&other, 7, "ok");
	gate_set(true);
	ok(turn_until_idle());
	is_text(strbuf_view(&gate.order), "");
	peer_close(&other);
}

/* A client that has nothing more to say still gets its answers. */
static void test_half_closed(void)
{
	struct peer peer;

	peer_open(&peer);
	peer_say(&peer, "{\"id\":1,\"command\":\"workers\"}\n{\"id\":2,\"command\":\"workers\"}");
	shutdown(peer.fd, SHUT_WR);
	is_answer(&peer, 1, "ok");
	is_answer(&peer, 2, "ok");
	is_end(&peer);
	peer_close(&peer);
}

static void test_client_does_not_read(void)
{
	struct peer peer, other;
	struct strbuf requests = {0};

	peer_open(&peer);
	for (int id = 1; id <= 40; id++)
		strbuf_printf(&requests, "{\"id\":%d,\"command\":\"big\"}\n", id);
	peer_say(&peer, requests.ptr);
	peer_open(&other);
	for (int id = 1; id <= 100; id++) {
		peer_say(&other, "{\"id\":7,\"command\":\"workers\"}\n");
		is_answer(&other, 7, "ok");
	}
	for (int id = 1; id <= 40; id++)
		is_answer(&peer, id, "ok");
	strbuf_fini(&requests);
	peer_close(&peer);
	peer_close(&other);
}

static void test_too_many_connections(void)
{
	struct peer peers[65];

	turn_until_idle();
	for (int i = 0; i < 65; i++) {
		peer_open(&peers[i]);
		if (i < 64) {
			peer_say(&peers[i], "{\"id\":1,\"describe\":true}\n");
			is_answer(&peers[i], 1, "ok");
		}
	}
	is_end(&peers[64]);
	for (int i = 0; i < 65; i++)
		peer_close(&peers[i]);
	turn_until_idle();
	peer_open(&peers[0]);
	peer_say(&peers[0], "{\"id\":2,\"command\":\"workers\"}\n");
	is_answer(&peers[0], 2, "ok");
	peer_close(&peers[0]);
}

/* --- the socket --------------------------------------------------------------------------------------- */

static void test_socket(void)
{
	struct stat status;

	ok(stat(socket_path, &status) == 0 && S_ISSOCK(status.st_mode));
	is_int(status.st_mode & 0777, 0600);
	control_close();
	ok(stat(socket_path, &status) < 0);
}

static void test_stale_socket(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct err err = {""};
	struct peer peer;

	strcpy(address.sun_path, socket_path);
	ok(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	close(fd);
	is_int(control_open(data_dir, &err), 0);
	peer_open(&peer);
	peer_say(&peer, "{\"id\":1,\"command\":\"workers\"}\n");
	is_answer(&peer, 1, "ok");
	peer_close(&peer);
	control_close();
}

static void test_served_socket(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct err err = {""};
	struct stat status;

	strcpy(address.sun_path, socket_path);
	ok(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 1) == 0);
	ok(control_open(data_dir, &err) < 0);
	ok(strstr(err.text, "another server") != NULL);
	ok(stat(socket_path, &status) == 0);
	close(fd);
	unlink(socket_path);
}

static void test_bad_directory(void)
{
	struct err err = {""};

	ok(control_open("/nonexistent/directory", &err) < 0);
	ok(strstr(err.text, "/nonexistent/directory") != NULL);
	control_close();
}

static void test_long_path(void)
{
	struct strbuf path = {0};
	struct err err = {""};
	struct stat status;

	strbuf_printf(&path, "%s/%0120d", data_dir, 0);
	ok(mkdir(path.ptr, 0700) == 0);
	is_int(control_open(path.ptr, &err), 0);
	size_t len = path.len;
	strbuf_cstr(&path, "/ctl.sock");
	ok(stat(path.ptr, &status) == 0 && S_ISSOCK(status.st_mode));
	control_close();
	ok(stat(path.ptr, &status) < 0);
	path.ptr[len] = '\0';
	rmdir(path.ptr);
	strbuf_fini(&path);
}

/* What runs is answered, what waits is not begun, and then the connection ends. */
static void test_close(void)
{
	struct err err = {""};
	struct peer peer, idle;

	is_int(control_open(data_dir, &err), 0);
	gate_set(false);
	strbuf_reset(&gate.order);
	peer_open(&idle);
	peer_open(&peer);
	peer_say(&peer, "{\"id\":1,\"command\":\"wait\",\"arguments\":[\"a\",\"h\"]}\n"
			"{\"id\":2,\"command\":\"note\",\"arguments\":[\"never\"]}\n");
	ok(turn_until_inside(1));
	control_close();
	is_end(&idle);
	gate_set(true);
	is_answer(&peer, 1, "ok");
	is_end(&peer);
	ok(turn_until_idle());
	is_text(strbuf_view(&gate.order), "");
	peer_close(&peer);
	peer_close(&idle);
}

int main(void)
{
	struct err err = {""};

	ok(mkdtemp(data_dir) != NULL);
	snprintf(socket_path, sizeof(socket_path), "%s/ctl.sock", data_dir);
	is_int(workers_init(1, &err), 0);
	is_int(command_register(commands, &err), 0);
	is_int(control_open(data_dir, &err), 0);
	run(test_answers);
	run(test_wrong_requests);
	run(test_describe);
	run(test_long_line);
	run(test_one_after_another);
	run(test_beside_each_other);
	run(test_at_most_64);
	run(test_many_wrong_lines);
	run(test_client_dies);
	run(test_half_closed);
	run(test_client_does_not_read);
	run(test_too_many_connections);
	run(test_socket);
	run(test_stale_socket);
	run(test_served_socket);
	run(test_bad_directory);
	run(test_long_path);
	run(test_close);
	ok(control_fini());
	command_unregister(commands);
	workers_fini();
	strbuf_fini(&gate.order);
	rmdir(data_dir);
	return tap_done();
}
