/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/extauth_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auth/extauth_frame.h"
#include "base/clock.h"

extern char **environ;

static void close_end(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* --- starting ------------------------------------------------------------------------------------------- */

/* Above the standard descriptors, whatever of those the server itself has closed. */
static int move_up(int *fd)
{
	int moved;

	if (*fd > STDERR_FILENO)
		return 0;
	moved = fcntl(*fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	close_end(fd);
	*fd = moved;
	return moved < 0 ? -1 : 0;
}

/* ends[0] is read from, ends[1] is written to; the one that stays here does not block. */
static int make_pipe(int *ends, int ours)
{
	int flags;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	if (move_up(&ends[0]) < 0 || move_up(&ends[1]) < 0)
		return -1;
	flags = fcntl(ends[ours], F_GETFL);
	return fcntl(ends[ours], F_SETFL, flags | O_NONBLOCK);
}

static int spawn(struct extauth_process *process, const struct program *program, const int *theirs)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int failed;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	for (int i = 0; i < 3; i++)
		posix_spawn_file_actions_adddup2(&actions, theirs[i], i);
	posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
	posix_spawnattr_setflags(
	    &attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setpgroup(&attr, 0);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	failed = posix_spawn(&process->pid, program->path, &actions, &attr, program->words, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	errno = failed;
	return failed ? -1 : 0;
}

int extauth_process_start(struct extauth_process *process_r, const struct program *program, struct err *err)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1}, errors[2] = {-1, -1};
	struct extauth_process process = {0};
	int result = -1;

	if (make_pipe(in, 1) == 0 && make_pipe(out, 0) == 0 && make_pipe(errors, 0) == 0)
		result = spawn(&process, program, (const int[]){in[0], out[1], errors[1]});
	if (result < 0)
		err_set(err, "%s cannot be started: %s", program->path, strerror(errno));
	close_end(&in[0]);
	close_end(&out[1]);
	close_end(&errors[1]);
	if (result < 0) {
		close_end(&in[1]);
		close_end(&out[0]);
		close_end(&errors[0]);
		return -1;
	}
	*process_r = (struct extauth_process){process.pid, in[1], out[0], errors[0]};
	return 0;
}

/* --- ending --------------------------------------------------------------------------------------------- */

void extauth_process_close_input(struct extauth_process *process)
{
	close_end(&process->in);
}

void extauth_process_signal(const struct extauth_process *process, int signum)
{
	if (process->pid > 0)
		kill(-process->pid, signum);
}

static void say_how(const siginfo_t *status, struct err *how)
{
	if (status->si_code == CLD_EXITED)
		err_set(how, "it ended with status %d", status->si_status);
	else
		err_set(how, "it was ended by signal %d", status->si_status);
}

/* Its number is kept until the group was killed: it cannot be somebody else's by then. */
bool extauth_process_reap(struct extauth_process *process, struct err *how_r)
{
	siginfo_t status = {0};

	if (process->pid > 0) {
		if (waitid(P_PID, (id_t)process->pid, &status, WEXITED | WNOHANG | WNOWAIT) == 0 &&
		    status.si_pid == 0)
			return false;
		extauth_process_signal(process, SIGKILL);
		waitpid(process->pid, NULL, 0);
		process->pid = 0;
		if (how_r)
			say_how(&status, how_r);
	}
	close_end(&process->in);
	close_end(&process->out);
	return true;
}

void extauth_process_fini(struct extauth_process *process)
{
	close_end(&process->err);
}

/* --- one question --------------------------------------------------------------------------------------- */

struct exchange {
	const struct extauth_process *process;
	uint64_t deadline;
	int abort;
	struct err *err;
};

/* EXTAUTH_YES: the descriptor is ready. */
static enum extauth_exchange wait_for(const struct exchange *exchange, int fd, short events)
{
	struct pollfd fds[2] = {{fd, events, 0}, {exchange->abort, POLLIN, 0}};
	uint64_t now = clock_mono_ms();

	while (now < exchange->deadline) {
		int ready = poll(fds, 2, (int)(exchange->deadline - now));

		if (ready > 0 && fds[1].revents) {
			err_set(exchange->err, "it is being stopped");
			return EXTAUTH_GIVEN_UP;
		}
		if (ready > 0)
			return EXTAUTH_YES;
		now = clock_mono_ms();
	}
	err_set(exchange->err, "it was silent for too long");
	return EXTAUTH_BROKEN;
}

static enum extauth_exchange ended(const struct exchange *exchange)
{
	err_set(exchange->err, "it closed its input or its output");
	return EXTAUTH_ENDED;
}

static enum extauth_exchange send(const struct exchange *exchange, struct str request)
{
	while (request.len) {
		ssize_t sent = write(exchange->process->in, request.ptr, request.len);

		if (sent >= 0) {
			request.ptr += sent;
			request.len -= (size_t)sent;
		} else if (errno == EAGAIN) {
			enum extauth_exchange ready = wait_for(exchange, exchange->process->in, POLLOUT);
			if (ready != EXTAUTH_YES)
				return ready;
		} else if (errno != EINTR) {
			return ended(exchange);
		}
	}
	return EXTAUTH_YES;
}

/* One byte more than an answer has, to see whether there is more. */
static enum extauth_exchange receive(const struct exchange *exchange, unsigned char *bytes, size_t *len)
{
	while (*len < EXTAUTH_ANSWER_LEN) {
		enum extauth_exchange ready = wait_for(exchange, exchange->process->out, POLLIN);
		ssize_t got;

		if (ready != EXTAUTH_YES)
			return ready;
		got = read(exchange->process->out, bytes + *len, EXTAUTH_ANSWER_LEN + 1 - *len);
		if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
			return ended(exchange);
		if (got > 0)
			*len += (size_t)got;
	}
	return EXTAUTH_YES;
}

enum extauth_exchange extauth_process_ask(const struct extauth_process *process, struct str request,
    uint64_t timeout_ms, int abort, struct err *err)
{
	struct exchange exchange = {process, clock_mono_ms() + timeout_ms, abort, err};
	unsigned char bytes[EXTAUTH_ANSWER_LEN + 1];
	size_t len = 0;
	enum extauth_exchange result = send(&exchange, request);
	int answer;

	if (result == EXTAUTH_YES)
		result = receive(&exchange, bytes, &len);
	if (result != EXTAUTH_YES) {
		if (len && result != EXTAUTH_GIVEN_UP)
			err_prefix(err, "after %zu of %d bytes of an answer", len, EXTAUTH_ANSWER_LEN);
		return result;
	}
	answer = extauth_answer(bytes, err);
	if (answer >= 0 && len > EXTAUTH_ANSWER_LEN) {
		err_set(err, "its answer has more than %d bytes", EXTAUTH_ANSWER_LEN);
		answer = -1;
	}
	return answer < 0 ? EXTAUTH_BROKEN : answer ? EXTAUTH_YES : EXTAUTH_NO;
}

bool extauth_process_spoke(const struct extauth_process *process)
{
	struct pollfd fd = {process->out, POLLIN, 0};

	return poll(&fd, 1, 0) != 0;
}
