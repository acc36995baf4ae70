/* SPDX-License-Identifier: Apache-2.0 */
/* Mail between workers, deferred work, and calls on every worker. */
#include "loop/worker.h"

#include <pthread.h>
#include <unistd.h>

#include "base/list.h"
#include "base/mem.h"
#include "loop/io.h"
#include "tap.h"

enum { WORKERS = 4, LETTERS = 20000 };

static void begin(unsigned count)
{
	struct err err;

	if (workers_init(count, &err) < 0)
		abort();
}

/* --- order ---------------------------------------------------------------------------------------------- */

struct letter {
	struct mail mail;
	unsigned sender, number;
};

static unsigned received[WORKERS]
			[WORKERS + 1]; /* by receiver and sender; the last sender is a thread of its own */
static unsigned out_of_order, wrong_thread, letters_left;

static void on_letter(struct mail *mail)
{
	struct letter *letter = list_entry(mail, struct letter, mail);
	unsigned here = worker_index(worker_self());

	if (letter->number != received[here][letter->sender]++)
		__atomic_add_fetch(&out_of_order, 1, __ATOMIC_RELAXED);
	free(letter);
	if (__atomic_sub_fetch(&letters_left, 1, __ATOMIC_ACQ_REL) == 0)
		workers_stop();
}

static void send_letters(unsigned sender)
{
	for (unsigned number = 0; number < LETTERS; number++) {
		for (unsigned receiver = 0; receiver < WORKERS; receiver++) {
			struct letter *letter = mem_zalloc(sizeof(*letter));
			*letter = (struct letter){{.receive = on_letter}, sender, number};
			worker_post(worker_at(receiver), &letter->mail);
		}
	}
}

static void send_from_worker(void *arg)
{
	(void)arg;
	send_letters(worker_index(worker_self()));
}

static void *send_from_thread(void *arg)
{
	if (worker_self())
		__atomic_add_fetch(&wrong_thread, 1, __ATOMIC_RELAXED);
	send_letters(WORKERS);
	return arg;
}

static void nothing(void *arg)
{
	(void)arg;
}

static void test_order_of_mail(void)
{
	pthread_t thread;

	begin(WORKERS);
	letters_left = WORKERS * (WORKERS + 1) * LETTERS;
	workers_each(send_from_worker, nothing, NULL);
	pthread_create(&thread, NULL, send_from_thread, NULL);
	workers_run();
	pthread_join(thread, NULL);
	is_int(letters_left, 0);
	is_int(out_of_order, 0);
	is_int(wrong_thread, 0);
	workers_fini();
}

/* --- a reply for every letter: each side sleeps in between ---------------------------------------------- */

struct ball {
	struct mail mail;
	unsigned hits;
};

static void on_ball(struct mail *mail)
{
	struct ball *ball = list_entry(mail, struct ball, mail);

	if (++ball->hits == LETTERS)
		workers_stop();
	else
		worker_post(worker_at(1 - worker_index(worker_self())), mail);
}

static void test_nobody_sleeps_over_mail(void)
{
	struct ball ball = {{.receive = on_ball}, 0};

	begin(2);
	worker_post(worker_at(1), &ball.mail);
	workers_run();
	is_int(ball.hits, LETTERS);
	workers_fini();
}

/* --- mail must not keep a worker from its sockets ------------------------------------------------------- */

static struct io *watched;
static bool readable;

static void on_readable(void *arg, unsigned events)
{
	(void)arg;
	readable = events & IO_READ;
	io_free(&watched);
}

static void on_endless(struct mail *mail)
{
	struct ball *ball = list_entry(mail, struct ball, mail);

	if (!readable && ++ball->hits < 100000)
		worker_post(worker_self(), mail);
}

static void test_mail_without_end(void)
{
	struct ball ball = {{.receive = on_endless}, 0};
	int ends[2];

	begin(1);
	if (pipe(ends) < 0 || write(ends[1], "x", 1) != 1)
		abort();
	watched = io_new(ends[0], on_readable, NULL);
	io_want(watched, IO_READ);
	worker_post(worker_self(), &ball.mail);
	for (unsigned turn = 0; turn < 3; turn++)
		worker_turn();
	ok(readable);
	ok(ball.hits < 1000);
	io_free(&watched);
	workers_fini();
	close(ends[0]);
	close(ends[1]);
}

/* --- deferred ------------------------------------------------------------------------------------------- */

struct task {
	struct deferred deferred;
	unsigned runs;
	struct task *also;
};

static void on_task(struct deferred *deferred)
{
	struct task *task = list_entry(deferred, struct task, deferred);

	task->runs++;
	if (task->also)
		worker_defer(&task->also->deferred);
	task->also = NULL;
}

static void test_deferred(void)
{
	struct task second = {.deferred.run = on_task};
	struct task first = {.deferred.run = on_task, .also = &second};

	begin(1);
	worker_defer(&first.deferred);
	worker_defer(&first.deferred);
	is_int(first.runs, 0);
	worker_turn();
	is_int(first.runs, 1);
	is_int(second.runs, 1);
	worker_turn();
	is_int(first.runs, 1);
	worker_defer(&first.deferred);
	worker_turn();
	is_int(first.runs, 2);
	workers_fini();
}

/* --- on every worker ------------------------------------------------------------------------------------ */

static unsigned visits[WORKERS], finished_on = WORKERS;

static void visit(void *arg)
{
	(void)arg;
	visits[worker_index(worker_self())]++;
}

static void on_visited(void *arg)
{
	(void)arg;
	finished_on = worker_index(worker_self());
	workers_stop();
}

static void test_each(void)
{
	begin(WORKERS);
	workers_each(visit, on_visited, NULL);
	is_int(visits[0], 0);
	workers_run();
	is_int(finished_on, 0);
	for (unsigned i = 0; i < WORKERS; i++)
		is_int(visits[i], 1);
	workers_visit(visit, NULL);
	for (unsigned i = 0; i < WORKERS; i++)
		is_int(visits[i], 2);
	workers_fini();
}

static void on_late(struct mail *mail)
{
	struct ball *ball = list_entry(mail, struct ball, mail);

	ball->hits += worker_index(worker_self()) + 1;
}

static void test_mail_after_the_end(void)
{
	struct ball ball = {{.receive = on_late}, 0};

	begin(2);
	worker_post(worker_at(1), &ball.mail);
	workers_fini();
	is_int(ball.hits, 2);
	ok(worker_self() == NULL);
}

static void test_homes(void)
{
	begin(3);
	ok(worker_home(7) == worker_at(1));
	is_int(worker_count(), 3);
	workers_fini();
}

int main(void)
{
	run(test_order_of_mail);
	run(test_nobody_sleeps_over_mail);
	run(test_mail_without_end);
	run(test_deferred);
	run(test_each);
	run(test_mail_after_the_end);
	run(test_homes);
	return tap_done();
}
