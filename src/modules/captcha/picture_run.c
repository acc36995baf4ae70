/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "auth/extauth_process.h"
#include "modules/captcha/picture.h"
#include "stanzad/clock.h"
#include "stanzad/mem.h"

enum { OUT, ERRORS, EXIT, SOURCES };

struct running {
	struct extauth_process process;
	int exit; /* becomes readable when it has ended; -1 */
	uint64_t deadline_ms;
	struct strbuf *out;
};

/* 1: there was something; 0: nothing for now, or never again, then *fd is -1; < 0: it is too much. */
static int read_some(int *fd, struct strbuf *out, struct err *err)
{
	char bytes[4096];
	ssize_t got = read(*fd, bytes, sizeof(bytes));
	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
		*fd = -1;
	if (got <= 0)
		return 0;
	if (out && out->len + (size_t)got > CAPTCHA_PICTURE_MAX)
		return err_set(err, "its picture has more than %d bytes", CAPTCHA_PICTURE_MAX);
	if (out)
		strbuf_add(out, bytes, (size_t)got);
	return 1;
}

/* Until it has ended; what it says on its standard error is read and forgotten. */
static int listen_to(struct running *running, struct err *err)
{
	struct pollfd fds[SOURCES] = {{running->process.out, POLLIN, 0}, {running->process.err, POLLIN, 0},
	    {running->exit, POLLIN, 0}};
	for (;;) {
		uint64_t now = clock_mono_ms();
		int ready = now < running->deadline_ms ? poll(fds, SOURCES, (int)(running->deadline_ms - now)) : 0;
		if (ready == 0)
			return err_set(err, "it took too long");
		if (ready < 0)
			continue;
		if (fds[OUT].revents && read_some(&fds[OUT].fd, running->out, err) < 0)
			return -1;
		if (fds[ERRORS].revents)
			read_some(&fds[ERRORS].fd, NULL, err);
		if (fds[EXIT].revents)
			break;
	}
	for (int more = 1; more > 0 && fds[OUT].fd >= 0;)
		if ((more = read_some(&fds[OUT].fd, running->out, err)) < 0)
			return -1;
	return 0;
}

static int ended_well(const struct running *running, struct err *err)
{
	siginfo_t status = {0};
	if (waitid(P_PID, (id_t)running->process.pid, &status, WEXITED | WNOHANG | WNOWAIT) < 0)
		return err_set(err, "how it ended is not known");
	if (status.si_code != CLD_EXITED)
		return err_set(err, "it was ended by signal %d", status.si_status);
	return status.si_status ? err_set(err, "it ended with status %d", status.si_status) : 0;
}

static void finish(struct running *running)
{
	siginfo_t status = {0};
	extauth_process_signal(&running->process, SIGKILL);
	waitid(P_PID, (id_t)running->process.pid, &status, WEXITED | WNOWAIT);
	extauth_process_reap(&running->process, NULL);
	extauth_process_fini(&running->process);
	if (running->exit >= 0)
		close(running->exit);
}

static int run(const struct program *program, uint64_t timeout_ms, struct strbuf *out, struct err *err)
{
	struct running running = {.deadline_ms = clock_mono_ms() + timeout_ms, .out = out};
	int rc;
	if (extauth_process_start(&running.process, program, err) < 0)
		return -1;
	extauth_process_close_input(&running.process);
	running.exit = pidfd_open(running.process.pid, 0);
	rc = running.exit < 0 ? err_set(err, "it cannot be watched: %s", strerror(errno)) : listen_to(&running, err);
	if (rc == 0)
		rc = ended_well(&running, err);
	finish(&running);
	return rc;
}

int captcha_picture_run(
    struct str command, struct str text, uint64_t timeout_ms, struct strbuf *out, struct err *err)
{
	struct program program;
	int rc = program_parse(command, &program, err);
	if (rc == 0) {
		program.words = mem_realloc_array(program.words, program.count + 2, sizeof(*program.words));
		program.words[program.count++] = str_dup(text);
		program.words[program.count] = NULL;
		rc = run(&program, timeout_ms, out, err);
	}
	program_fini(&program);
	return rc < 0 ? err_prefix(err, "captcha_cmd") : 0;
}
