/* SPDX-License-Identifier: Apache-2.0 */
#include "sm.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

#define NS_SM "urn:xmpp:sm:3"

void sm_fini(struct sm *sm)
{
	free(sm->due);
	*sm = (struct sm){0};
}

static void due_grow(struct sm *sm)
{
	uint32_t size = sm->due_size ? sm->due_size * 2 : 16;
	uint64_t *due = calloc(size, sizeof(*due));

	if (!due)
		abort();
	for (uint32_t n = sm->acked; n != sm->out; n++)
		due[n % size] = sm->due[n % sm->due_size];
	free(sm->due);
	sm->due = due;
	sm->due_size = size;
}

void sm_sent(struct client *client, uint64_t due_ns)
{
	struct sm *sm = &client->sm;

	if (!sm->on)
		return;
	if (sm->out - sm->acked == sm->due_size)
		due_grow(sm);
	sm->due[sm->out++ % sm->due_size] = due_ns;
}

void sm_enable(struct client *client)
{
	client_sendf(client, "<enable xmlns='" NS_SM "' resume='true'/>");
}

void sm_resume(struct client *client)
{
	client_sendf(
	    client, "<resume xmlns='" NS_SM "' h='%" PRIu32 "' previd='%s'/>", client->sm.in, client->sm.id);
}

bool sm_enabled(struct client *client, const struct frame *frame)
{
	struct sm *sm = &client->sm;

	if (!frame_is(frame, "enabled"))
		return false;
	sm_fini(sm);
	sm->on = true;
	frame_attribute(frame, "id", sm->id, sizeof(sm->id));
	return true;
}

static bool read_h(const struct frame *frame, uint32_t *h_r)
{
	char text[16];

	if (!frame_attribute(frame, "h", text, sizeof(text)))
		return false;
	*h_r = (uint32_t)strtoul(text, NULL, 10);
	return true;
}

/* False if the server claims more than was sent. */
static bool acks_take(struct client *client, const struct frame *frame)
{
	struct sm *sm = &client->sm;
	uint32_t h;

	if (!read_h(frame, &h) || h - sm->acked > sm->out - sm->acked)
		return false;
	while (sm->acked != h) {
		uint64_t due = sm->due[sm->acked++ % sm->due_size];
		if (due)
			client->load->on_acked(client, due);
	}
	return true;
}

bool sm_resumed(struct client *client, const struct frame *frame)
{
	if (!frame_is(frame, "resumed") || !acks_take(client, frame))
		return false;
	client->sm.resumed = true;
	client->sm.asked = client->sm.acked;
	return true;
}

void sm_ask(struct client *client)
{
	client_sendf(client, "<r xmlns='" NS_SM "'/>");
	client->sm.asked = client->sm.out;
}

bool sm_should_ask(const struct sm *sm)
{
	return sm->on && sm->out != sm->asked && sm->asked == sm->acked;
}

bool sm_take(struct client *client, const struct frame *frame)
{
	struct sm *sm = &client->sm;

	if (!sm->on)
		return false;
	if (frame_is(frame, "r")) {
		client_sendf(client, "<a xmlns='" NS_SM "' h='%" PRIu32 "'/>", sm->in);
		return true;
	}
	if (frame_is(frame, "a")) {
		if (!acks_take(client, frame))
			client_fail(client, "impossible %.*s", (int)frame->size, frame->bytes);
		return true;
	}
	if (frame_is(frame, "message") || frame_is(frame, "iq") || frame_is(frame, "presence"))
		sm->in++;
	return false;
}
