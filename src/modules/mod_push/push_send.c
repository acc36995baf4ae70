/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_push/push.h"
#include "stanzad/clock.h"
#include "stanzad/form.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"
#include "stanzad/receipt.h"
#include "stanzad/request.h"
#include "stanzad/timer.h"

#define NS_PUBSUB "http://jabber.org/protocol/pubsub"
#define ANSWER_MS 30000
/* Answers that one service may owe to a worker; the other registrations wait in line. */
#define PENDING_MAX 100
/* A registration may send one notification every PACE_MS in the long run, and so many at once. */
#define PACE_MS 1000
#define BURST 5

/* --- the line of those who wait for one service, on one worker ------------------------------------------ */

struct push_line {
	struct map *lines;  /* where it is: the last answers are given when the worker has ended */
	struct str service; /* in text */
	unsigned pending;   /* answers that are awaited */
	unsigned busy;      /* calls that use it */
	struct list waiting;
	char text[];
};

static __thread struct map *lines; /* NULL: there is none */

static struct push_line *line_of(struct str service)
{
	struct push_line *line = lines ? map_get(lines, service) : NULL;
	if (line)
		return line;
	if (!lines)
		lines = mem_zalloc(sizeof(*lines));
	line = mem_zalloc(sizeof(*line) + service.len);
	memcpy(line->text, service.ptr, service.len);
	line->lines = lines;
	line->service = (struct str){line->text, service.len};
	list_init(&line->waiting);
	map_put(lines, line->service, line);
	return line;
}

static void line_settle(struct push_line *line)
{
	struct map *all = line->lines;
	if (line->pending || line->busy || !list_empty(&line->waiting))
		return;
	map_remove(all, line->service);
	free(line);
	if (all->count)
		return;
	if (lines == all)
		lines = NULL;
	map_fini(all);
	free(all);
}

static void leave_line(struct push_registration *registration)
{
	if (list_empty(&registration->line))
		return;
	list_remove(&registration->line);
	line_settle(registration->service_line);
}

void push_silence(struct push_registration *registration)
{
	registration->wanted = false;
	leave_line(registration);
	module_timer_free(&registration->timer);
	free(registration->sender);
	free(registration->body);
	registration->sender = registration->body = NULL;
}

/* --- what is said: XEP-0357 7 --------------------------------------------------------------------------- */

static void put_number(struct xml_writer *writer, const char *var, uint64_t number)
{
	struct strbuf text = {0};
	strbuf_u64(&text, number);
	form_put1(writer, var, "text-single", strbuf_view(&text));
	strbuf_fini(&text);
}

static void put_summary(struct xml_writer *writer, const struct push_registration *registration)
{
	const struct map *pending = &registration->push->pending;
	if (!registration->messages && !pending->count)
		return;
	form_open(writer, FORM_SUBMIT, "urn:xmpp:push:summary");
	if (registration->messages)
		put_number(writer, "message-count", registration->messages);
	if (pending->count)
		put_number(writer, "pending-subscription-count", pending->count);
	if (registration->sender)
		form_put1(writer, "last-message-sender", "jid-single", str_of(registration->sender));
	if (registration->body)
		form_put1(writer, "last-message-body", "text-single", str_of(registration->body));
	xml_close(writer);
}

static void put_notification(struct xml_writer *writer, const struct push_registration *registration)
{
	xml_open(writer, "pubsub", NS_PUBSUB);
	xml_open(writer, "publish", NULL);
	if (registration->node[0])
		xml_put_attr(writer, "node", str_of(registration->node));
	xml_open(writer, "item", NULL);
	xml_open(writer, "notification", NS_PUSH);
	put_summary(writer, registration);
	xml_close(writer);
	xml_close(writer);
	xml_close(writer);
	if (registration->options) {
		xml_open(writer, "publish-options", NULL);
		xml_put_raw(writer, str_of(registration->options));
		xml_close(writer);
	}
	xml_close(writer);
}

/* --- what is answered: XEP-0357 7.1 --------------------------------------------------------------------- */

struct question {
	struct user *user; /* held */
	struct push_line *line;
	uint64_t registration;
};

static void line_serve(struct push_line *line);

static struct push_registration *asked_for(const struct question *question)
{
	struct push *push = user_slot(question->user, &mod_push);
	struct push_registration *registration = push ? push->registrations : NULL;
	while (registration && registration->id != question->registration)
		registration = registration->next;
	return registration;
}

/* The service knows of no such node, or wants nothing more for it: asking again would not help. What can be
 * the network's or the moment's fault leaves it as it is. */
static bool is_final(const struct stanza *answer)
{
	static const char *const passing[] = {"remote-server-not-found", "remote-server-timeout",
	    "service-unavailable", "internal-server-error", "resource-constraint", "undefined-condition",
	    "policy-violation", NULL};
	const struct xml *error = xml_child(answer->root, "error", NULL);
	const struct xml *condition = error ? xml_first_element(error) : NULL;
	if (!condition || str_is(xml_attr(error, "type"), "wait"))
		return false;
	for (const char *const *name = passing; *name; name++)
		if (str_is(condition->name, *name))
			return false;
	return true;
}

static void judge_answer(
    struct module_instance *instance, struct push_registration *registration, const struct stanza *answer)
{
	if (!answer)
		metric_add(instance, PUSH_METRIC_UNANSWERED, 1);
	if (!answer || answer->type != STANZA_ERROR)
		return;
	metric_add(instance, PUSH_METRIC_FAILED, 1);
	if (is_final(answer))
		push_remove(registration, "the push service refuses it");
}

static void on_answer(struct module_instance *instance, void *arg, struct stanza *answer)
{
	struct question *question = arg;
	struct push_registration *registration = asked_for(question);
	struct push_line *line = question->line;
	line->pending--;
	line->busy++;
	if (registration) {
		registration->asked = false;
		judge_answer(instance, registration, answer);
	}
	line_serve(line);
	push_flush(question->user);
	line->busy--;
	line_settle(line);
	user_release(question->user);
	free(question);
}

/* --- sending -------------------------------------------------------------------------------------------- */

static void (*watcher)(struct session *session);

void push_set_watcher(void (*fn)(struct session *session))
{
	__atomic_store_n(&watcher, fn, __ATOMIC_RELEASE);
}

static void tell_watcher(const struct push_registration *registration)
{
	void (*fn)(struct session *session) = __atomic_load_n(&watcher, __ATOMIC_ACQUIRE);
	if (fn && registration->session && session_hibernates(registration->session))
		fn(registration->session);
}

/* What is asked from somebody on this server may be answered within the call: then the registration may be gone. */
static void send_now(
    struct module_instance *instance, struct push_registration *registration, struct push_line *line)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	struct user *user = registration->push->user;
	struct question *question = mem_zalloc(sizeof(*question));
	struct jid service = jid_dup_heap(&registration->service);
	struct receipt *before;
	uint64_t now = clock_mono_ms();
	tell_watcher(registration);
	put_notification(&writer, registration);
	*question = (struct question){user, line, registration->id};
	user_hold(user);
	push_silence(registration);
	registration->asked = true;
	registration->due_ms = (registration->due_ms > now ? registration->due_ms : now) + PACE_MS;
	line->pending++;
	metric_add(instance, PUSH_METRIC_SENT, 1);
	receipt_enter(NULL, &before);
	module_ask_as(instance, user_jid(user), &service, IQ_SET, &writer, ANSWER_MS, on_answer, question);
	receipt_leave(before);
	free((char *)service.text);
	xml_writer_fini(&writer);
}

static void line_serve(struct push_line *line)
{
	while (line->pending < PENDING_MAX && !list_empty(&line->waiting)) {
		struct push_registration *first =
		    list_entry(line->waiting.next, struct push_registration, line);
		struct module_instance *instance = host_module(user_host(first->push->user), "mod_push");
		list_remove(&first->line);
		if (instance)
			send_now(instance, first, line);
	}
}

static void on_time(struct module_instance *instance, void *arg)
{
	struct push_registration *registration = arg;
	push_flush(registration->push->user);
}

static bool is_paced(struct module_instance *instance, struct push_registration *registration)
{
	uint64_t now = clock_mono_ms(), due = registration->due_ms;
	if (due <= now + (BURST - 1) * PACE_MS)
		return false;
	if (!registration->timer)
		registration->timer = module_timer_new(instance, on_time, registration);
	module_timer_start(registration->timer, due - now - (BURST - 1) * PACE_MS);
	return true;
}

/* Its own turn to send has come. */
static bool is_ready(struct module_instance *instance, struct push_registration *registration)
{
	bool idle = registration->wanted && !registration->asked && list_empty(&registration->line) &&
		    !(registration->timer && module_timer_is_running(registration->timer));
	return idle && !is_paced(instance, registration);
}

void push_tell(struct push_registration *registration, struct push_news *news)
{
	registration->wanted = true;
	if (news->worth != PUSH_MESSAGE)
		return;
	registration->messages++;
	free(registration->sender);
	free(registration->body);
	registration->sender = news->sender ? str_dup(str_of(news->sender)) : NULL;
	registration->body = news->body ? str_dup(str_of(news->body)) : NULL;
}

static struct push_registration *first_ready(struct module_instance *instance, struct user *user)
{
	struct push *push = user_slot(user, &mod_push);
	struct push_registration *at = push ? push->registrations : NULL;
	while (at && !is_ready(instance, at))
		at = at->next;
	return at;
}

void push_flush(struct user *user)
{
	struct module_instance *instance = host_module(user_host(user), "mod_push");
	struct push_registration *ready;
	user_hold(user);
	while (instance && (ready = first_ready(instance, user))) {
		struct push_line *line = line_of(jid_full(&ready->service));
		ready->service_line = line;
		list_add_before(&line->waiting, &ready->line);
		line->busy++;
		line_serve(line);
		line->busy--;
		line_settle(line);
	}
	user_release(user);
}
