/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_muc/room.h"
#include "stanzad/clock.h"

/* 8.1: a subject, and neither body nor thread. */
bool room_is_subject(const struct stanza *message)
{
	return xml_child(message->root, "subject", NULL) && !xml_child(message->root, "body", NULL) &&
	       !xml_child(message->root, "thread", NULL);
}

bool room_may_set_subject(const struct room *room, const struct occupant *occupant)
{
	return occupant->role == ROOM_MODERATOR ||
	       (room->config.allow_change_subj && (occupant->role == ROOM_PARTICIPANT || !room->config.moderated));
}

void room_subject_set(struct room *room, const struct occupant *occupant, struct stanza *sent)
{
	struct room_subject *subject = &room->subject;
	struct strbuf buf = {0};
	stanza_unref(&subject->stanza);
	subject->stanza = stanza_ref(sent);
	room_word_set(&subject->text, xml_child_text(sent->root, "subject", &buf));
	room_word_set(&subject->author, occupant ? jid_resource(&occupant->jid) : STR_NULL);
	subject->at_us = clock_real_us();
	strbuf_fini(&buf);
	room_changed(room);
}

/* One that is known by its text alone, from storage; an empty one when there is none (7.2.15). */
static struct stanza *make(struct str text)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	xml_open(&writer, "message", NULL);
	xml_put_attr(&writer, "type", STR("groupchat"));
	xml_put_element(&writer, "subject", NULL, text);
	xml_close(&writer);
	struct stanza *stanza = stanza_from_writer(&writer);
	xml_writer_fini(&writer);
	return stanza;
}

void room_subject_tell(struct room *room, const struct room_client *to)
{
	struct room_subject *subject = &room->subject;
	struct arena arena = {0};
	struct str author = room_word(&subject->author);
	struct jid as = author.len ? jid_with_resource(&room->jid, author, &arena) : room->jid;
	if (!subject->stanza)
		subject->stanza = make(room_word(&subject->text));
	struct stanza *stamped = subject->at_us && subject->stanza
	                             ? stanza_with_delay(subject->stanza, jid_full(&room->jid), subject->at_us)
	                             : stanza_ref(subject->stanza);
	route(&as, &to->jid, stamped);
	stanza_unref(&stamped);
	arena_fini(&arena);
}

void room_subject_fini(struct room *room)
{
	stanza_unref(&room->subject.stanza);
	free(room->subject.text.ptr);
	free(room->subject.author.ptr);
}
