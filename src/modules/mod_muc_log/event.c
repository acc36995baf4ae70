/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc_log/event.h"

#include <stdlib.h>

#include "stanzad/mem.h"

const struct muclog_option muclog_options[] = {
    {"persistent", "The room stays when nobody is in it.", "The room ends when the last one leaves."},
    {"public", "The room is listed.", "The room is not listed."},
    {"members_only", "Only members may enter.", "Everybody may enter."},
    {"password_protected", "Entering takes a password.", "Entering takes no password."},
    {"anonymous", "Only moderators see who is behind a nick.", "Everybody sees who is behind a nick."},
    {"moderated", "Only those with voice may talk.", "All may talk."},
    {"members_by_default", "Those who enter have voice.", "Those who enter have no voice."},
    {"allow_change_subj", "Everybody may change the subject.", "Only moderators may change the subject."},
    {"allow_user_invites", "Everybody may invite others.", "Only moderators may invite others."},
    {"mam", "Messages are archived.", "Messages are not archived."},
    {"logging", "The discussion is logged.", "The discussion is not logged any more."},
    {0},
};

static struct str put(char **at, struct str text)
{
	struct str copy = {*at, text.len};
	if (text.len)
		memcpy(*at, text.ptr, text.len);
	*at += text.len;
	return copy;
}

size_t muclog_event_size(const struct muclog_event *event)
{
	return sizeof(*event) + event->nick.len + event->by.len + event->text.len;
}

struct muclog_event *muclog_event_new(const struct muclog_event *like)
{
	struct muclog_event *event = mem_alloc(muclog_event_size(like));
	char *at = (char *)(event + 1);
	*event = *like;
	event->next = NULL;
	event->nick = put(&at, like->nick);
	event->by = put(&at, like->by);
	event->text = put(&at, like->text);
	return event;
}

struct muclog_head *muclog_head_copy(const struct muclog_head *like)
{
	struct str room = jid_full(&like->room);
	struct muclog_head *head = mem_alloc(sizeof(*head) + room.len + like->title.len + like->description.len +
					     like->lang.len + like->subject.len + like->author.len);
	char *at = (char *)(head + 1);
	*head = *like;
	head->refs = 1;
	head->room.text = put(&at, room).ptr;
	head->title = put(&at, like->title);
	head->description = put(&at, like->description);
	head->lang = put(&at, like->lang);
	head->subject = put(&at, like->subject);
	head->author = put(&at, like->author);
	return head;
}

struct muclog_head *muclog_head_new(const struct room *room, struct str subject, struct str author)
{
	struct muclog_head head = {
	    .room = *room_jid(room),
	    .title = room_text(room, "title"),
	    .description = room_text(room, "description"),
	    .lang = room_text(room, "lang"),
	    .subject = subject,
	    .author = author,
	};
	for (unsigned i = 0; muclog_options[i].name; i++)
		head.options |= room_flag(room, muclog_options[i].name) ? 1u << i : 0;
	return muclog_head_copy(&head);
}

struct muclog_head *muclog_head_ref(struct muclog_head *head)
{
	__atomic_add_fetch(&head->refs, 1, __ATOMIC_RELAXED);
	return head;
}

void muclog_head_unref(struct muclog_head **head)
{
	if (*head && __atomic_sub_fetch(&(*head)->refs, 1, __ATOMIC_ACQ_REL) == 0)
		free(*head);
	*head = NULL;
}

static void put_change(struct strbuf *out, const char *what, struct str before, struct str now)
{
	if (!str_eq(before, now))
		strbuf_printf(out, now.len ? "%s is now: %.*s\n" : "%s is gone.\n", what, STR_FMT(now));
}

void muclog_put_changes(struct strbuf *out, const struct muclog_head *before, const struct muclog_head *now)
{
	put_change(out, "The title", before->title, now->title);
	put_change(out, "The description", before->description, now->description);
	put_change(out, "The language", before->lang, now->lang);
	for (unsigned i = 0; muclog_options[i].name; i++) {
		if ((before->options ^ now->options) & 1u << i)
			strbuf_printf(out, "%s\n",
			    now->options & 1u << i ? muclog_options[i].yes : muclog_options[i].no);
	}
	if (out->len && out->ptr[out->len - 1] == '\n')
		out->len--;
}
