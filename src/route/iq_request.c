/* SPDX-License-Identifier: Apache-2.0 */
#include "route/iq_request.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/rand.h"
#include "loop/timer.h"
#include "route/router.h"
#include "stanzad/request.h"

#define ID_RANDOM 20

struct request {
	struct timer timer;
	struct jid from, to; /* heap */
	struct module_instance *instance;
	module_answered *answered;
	void *arg;
	char id[ID_RANDOM + 16]; /* worker index, '.', random: the answer may arrive on another worker */
};

static struct map requests[256]; /* one a worker */

static void finish(struct request *request, struct stanza *answer)
{
	map_remove(&requests[worker_index(worker_self())], str_of(request->id));
	timer_stop(&request->timer);
	request->answered(request->instance, request->arg, answer);
	free((char *)request->from.text);
	free((char *)request->to.text);
	free(request);
}

static void on_timeout(struct timer *timer)
{
	finish(list_entry(timer, struct request, timer), NULL);
}

void module_ask_as(struct module_instance *instance, const struct jid *from, const struct jid *to,
    enum stanza_type type, struct xml_writer *payload, unsigned timeout_ms, module_answered *answered, void *arg)
{
	struct request *request = mem_zalloc(sizeof(*request));
	char random[ID_RANDOM + 1];
	rand_id(random, ID_RANDOM);
	snprintf(request->id, sizeof(request->id), "%u.%s", worker_index(worker_self()), random);
	request->from = jid_dup_heap(from);
	request->to = jid_dup_heap(to);
	request->instance = instance;
	request->answered = answered;
	request->arg = arg;
	map_put(&requests[worker_index(worker_self())], str_of(request->id), request);
	timer_start(&request->timer, timeout_ms, on_timeout);
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	xml_open(&writer, "iq", NULL);
	xml_put_attr(&writer, "type", str_of(stanza_type_text(type)));
	xml_put_attr(&writer, "id", str_of(request->id));
	xml_put_raw(&writer, strbuf_view(&payload->buf));
	xml_close(&writer);
	struct stanza *stanza = stanza_from_writer(&writer);
	xml_writer_fini(&writer);
	if (stanza) /* else the payload was none, and the log says so: there will be no answer */
		route(from, to, stanza);
	stanza_unref(&stanza);
}

void module_ask(struct module_instance *instance, const struct jid *to, enum stanza_type type,
    struct xml_writer *payload, unsigned timeout_ms, module_answered *answered, void *arg)
{
	module_ask_as(
	    instance, host_jid(module_host(instance)), to, type, payload, timeout_ms, answered, arg);
}

static void answered_here(const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct request *request = map_get(&requests[worker_index(worker_self())], stanza->id);
	if (request && jid_eq(&request->to, from) && jid_eq(&request->from, to))
		finish(request, stanza);
}

static void on_answer(struct mail *mail)
{
	struct envelope *envelope = (struct envelope *)mail;
	struct envelope_before before;
	envelope_enter(envelope, &before);
	answered_here(&envelope->from, &envelope->to, envelope->stanza);
	envelope_free(envelope);
	envelope_leave(&before);
}

void iq_request_answered(const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct str rest;
	uint64_t index;
	TRACE(STAGE_HANDLED, "as the answer to a request of the server, if it asked one");
	if (trace_on() || !stanza->id.ptr || !str_to_u64(str_cut(stanza->id, '.', &rest), &index) ||
	    index >= worker_count())
		return;
	if (worker_at((unsigned)index) == worker_self()) {
		answered_here(from, to, stanza);
		return;
	}
	struct envelope *envelope = envelope_new(from, to, stanza);
	envelope->mail.receive = on_answer;
	worker_post(worker_at((unsigned)index), &envelope->mail);
}

void iq_requests_end_here(const struct module_instance *instance)
{
	struct map *here = &requests[worker_index(worker_self())];
	struct request *request;
	uint32_t position = 0;
	while ((request = map_next(here, &position, NULL)))
		if (!instance || request->instance == instance) {
			finish(request, NULL);
			position = 0; /* the module may have asked anew */
		}
}

void iq_requests_fini(void *unused)
{
	struct map *here = &requests[worker_index(worker_self())];
	iq_requests_end_here(NULL);
	map_fini(here);
	(void)unused;
}
