/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_roster/roster_push.h"

#include "modules/mod_roster/roster_save.h"
#include "stanzad/rand.h"

#define PUSH_ID_LEN 16

void roster_put_item(struct xml_writer *writer, const struct roster_item *item)
{
	xml_open(writer, "item", NULL);
	xml_put_attr(writer, "jid", item->jid);
	if (item->name.len)
		xml_put_attr(writer, "name", item->name);
	xml_put_attr(writer, "subscription", str_of(roster_subscription_text(item->subscription)));
	if (item->ask)
		xml_put_attr(writer, "ask", STR("subscribe"));
	if (item->approved)
		xml_put_attr(writer, "approved", STR("true"));
	for (uint32_t i = 0; i < item->group_count; i++)
		xml_put_element(writer, "group", NULL, item->groups[i]);
	xml_close(writer);
}

static struct stanza *push_make(struct user *user, const struct roster_item *item)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	char id[PUSH_ID_LEN + 1], version[ROSTER_VERSION_LEN + 1];
	rand_id(id, PUSH_ID_LEN);
	xml_open(&writer, "iq", NULL);
	xml_put_attr(&writer, "type", STR("set"));
	xml_put_attr(&writer, "id", str_of(id));
	xml_open(&writer, "query", "jabber:iq:roster");
	if (roster_version(user, version))
		xml_put_attr(&writer, "ver", str_of(version));
	roster_put_item(&writer, item);
	xml_close(&writer);
	xml_close(&writer);
	struct stanza *push = stanza_from_writer(&writer);
	xml_writer_fini(&writer);
	return push;
}

void roster_push(struct user *user, const struct roster_item *item)
{
	struct stanza *push = NULL;
	struct session *next;
	for (struct session *session = user_first_session(user); session; session = next) {
		next = session_next(session);
		if (!session_interested(session))
			continue;
		if (!push)
			push = push_make(user, item);
		session_deliver(session, user_jid(user), session_jid(session), push);
	}
	stanza_unref(&push);
}
