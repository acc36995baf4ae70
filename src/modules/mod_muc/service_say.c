/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_muc/room.h"
#include "modules/mod_muc/service.h"
#include "stanzad/mem.h"
#include "stanzad/work.h"

struct saying {
	struct stanza *stanza;
	struct jid from, to; /* heap */
};

/* Its text in all languages; NULL: there is none. */
static struct stanza *text_of(const struct stanza *message)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	const struct xml *body = xml_child(message->root, "body", NULL);
	if (!body)
		return NULL;
	xml_open(&writer, "message", NULL);
	xml_put_attr(&writer, "type", STR("groupchat"));
	xml_put_attr(&writer, "xml:lang", message->lang);
	for (; body; body = xml_next(body, "body", NULL))
		xml_put(&writer, body);
	xml_close(&writer);
	struct stanza *stanza = stanza_from_writer(&writer);
	xml_writer_fini(&writer);
	return stanza;
}

static void say(void *arg, struct room *room)
{
	struct saying *saying = arg;
	if (str_eq(jid_domain(&room->jid), jid_domain(&saying->to)))
		room_say(room, &room->jid, &saying->from, saying->stanza);
}

static void on_worker(struct module_instance *instance, void *arg)
{
	rooms_each(muc_of(instance), say, arg);
}

static void on_said(struct module_instance *instance, void *arg)
{
	struct saying *saying = arg;
	stanza_unref(&saying->stanza);
	free((char *)saying->from.text);
	free((char *)saying->to.text);
	free(saying);
}

void service_say(
    struct module_instance *instance, const struct jid *from, const struct jid *to, struct stanza *message)
{
	struct stanza *stanza = text_of(message);
	if (!stanza)
		return;
	struct saying *saying = mem_zalloc(sizeof(*saying));
	*saying = (struct saying){stanza, jid_dup_heap(from), jid_dup_heap(to)};
	module_post_workers(instance, on_worker, on_said, saying);
}
