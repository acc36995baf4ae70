/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hats: XEP-0317. Which ones a room has, and who wears them, occupant or not. On the room's home worker. On
 * storage they are hats_defs and hats_users among the options of the room, as ejabberd writes them.
 */
#pragma once

#include "modules/mod_muc/room.h"

#define NS_HATS "urn:xmpp:hats:0"
#define NS_COMMANDS "http://jabber.org/protocol/commands"

#define HATS_MOST 100          /* of a room */
#define HATS_MOST_WORN 20      /* of one person */
#define HATS_MOST_WEARERS 1000 /* of a room */
#define HATS_TITLE_MAX 256     /* bytes */
#define HATS_URI_MAX 1023
#define HATS_HUE_MAX 32

struct hat {
	struct list node;
	struct room_word uri, title, hue; /* hue may be empty */
};

struct hat_wearer {
	struct list node;
	struct jid jid; /* bare; on the heap */
	struct hat *worn[HATS_MOST_WORN];
	unsigned count;
};

struct hats {
	struct list all;     /* in the order of creation */
	struct list wearers; /* in the order of the first hat */
	unsigned count, wearer_count;
};

/* NULL: the room has had none yet. */
struct hats *room_hats(const struct room *room);
struct hat *hat_find(const struct hats *hats, struct str uri);
struct hat_wearer *hat_wearer_find(const struct hats *hats, struct str bare);

/* These four say what they do not do (error_r is set): < 0. Otherwise what has changed is saved and told. */

/* Makes one, or changes the one with that URI. */
int room_hat_put(
    struct room *room, struct str uri, struct str title, struct str hue, struct stanza_error *error_r);
int room_hat_destroy(struct room *room, struct str uri, struct stanza_error *error_r);
int room_hat_assign(struct room *room, const struct jid *jid, struct str uri, struct stanza_error *error_r);
int room_hat_unassign(struct room *room, const struct jid *jid, struct str uri, struct stanza_error *error_r);

/* --- hats_saved.c --- */
void room_hats_load(struct room *room, struct strbuf *others);
void room_hats_save(const struct room *room, struct strbuf *others);
/* Without telling or saving, for those who have checked. NULL, false: there are too many. */
struct hat *hats_add(struct room *room, struct str uri, struct str title, struct str hue);
bool hats_wear(struct room *room, const struct jid *jid, struct hat *hat);

/* --- hats_commands.c: XEP-0050 to the room; hats_forms.c: the forms in them --- */
enum iq_verdict room_hats_on_command(struct room *room, struct iq *iq);
/* disco#items of NS_COMMANDS, disco#info of it and of its commands: false: there is no such node. */
bool room_hats_put_items(const struct room *room, const struct jid *from, struct xml_writer *reply);
bool room_hats_put_info(
    const struct room *room, const struct jid *from, struct str node, struct xml_writer *reply);

enum hats_command {
	HATS_LIST,
	HATS_LIST_ASSIGNED,
	HATS_CREATE,
	HATS_DESTROY,
	HATS_ASSIGN,
	HATS_UNASSIGN,
	HATS_COMMAND_COUNT
};
#define HATS_FORM "urn:xmpp:hats:commands"
/* The result of a command that lists; the form of one that changes. */
void hats_put_list(struct xml_writer *reply, const struct room *room, enum hats_command command);
void hats_put_form(struct xml_writer *reply, const struct room *room, enum hats_command command);
