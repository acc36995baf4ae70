/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_muc/room.h"
#include "stanzad/clock.h"
#include "stanzad/datetime.h"
#include "stanzad/mem.h"

#define NS_SID "urn:xmpp:sid:0"
#define SECOND_US 1000000

struct said {
	struct jid as; /* on the heap */
	struct stanza *stanza;
	int64_t at_us;
};

/* A ring. */
struct room_history {
	size_t most, first, count;
	struct said said[];
};

static struct said *said_at(struct room_history *history, size_t index)
{
	return &history->said[(history->first + index) % history->most];
}

static void said_fini(struct said *said)
{
	stanza_unref(&said->stanza);
	free((char *)said->as.text);
}

static void drop_first(struct room_history *history)
{
	said_fini(said_at(history, 0));
	history->first = (history->first + 1) % history->most;
	history->count--;
}

void room_history_add(struct room *room, const struct jid *as, struct stanza *sent, int64_t at_us)
{
	int64_t most = module_option(room->instance, "history_size")->integer;
	struct room_history *history = room->history;
	if (most <= 0)
		return;
	if (!history) {
		history = mem_zalloc(sizeof(*history) + (size_t)most * sizeof(struct said));
		history->most = (size_t)most;
		room->history = history;
	}
	if (history->count == history->most)
		drop_first(history);
	*said_at(history, history->count++) = (struct said){jid_dup_heap(as), stanza_ref(sent), at_us};
}

/* --- what is asked for: 7.2.14 -------------------------------------------------------------------------- */

struct wish {
	uint64_t characters, stanzas;
	int64_t since_us;
};

static uint64_t number(const struct xml *wish, const char *name)
{
	struct str text = xml_attr(wish, name);
	uint64_t value;
	return text.ptr && str_to_u64(text, &value) ? value : UINT64_MAX;
}

static void read_wish(const struct xml *x, struct wish *wish_r)
{
	const struct xml *history = x ? xml_child(x, "history", NULL) : NULL;
	*wish_r = (struct wish){UINT64_MAX, UINT64_MAX, INT64_MIN};
	if (!history)
		return;
	uint64_t seconds = number(history, "seconds");
	int64_t since, now = clock_real_us();
	wish_r->characters = number(history, "maxchars");
	wish_r->stanzas = number(history, "maxstanzas");
	if (seconds < (uint64_t)now / SECOND_US)
		wish_r->since_us = now - (int64_t)seconds * SECOND_US;
	if (datetime_parse(xml_attr_s(history, "since"), &since) == 0 && since > wish_r->since_us)
		wish_r->since_us = since;
}

/* How many of the latest fit. maxchars counts the whole stanza (7.2.14). */
static size_t how_many(struct room_history *history, const struct wish *wish)
{
	struct strbuf text = {0};
	uint64_t characters = 0;
	size_t count = 0;
	while (count < history->count && count < wish->stanzas) {
		const struct said *said = said_at(history, history->count - 1 - count);
		if (said->at_us < wish->since_us)
			break;
		if (wish->characters != UINT64_MAX) {
			strbuf_reset(&text);
			stanza_write(&text, said->stanza, &said->as, NULL);
			characters += text.len;
			if (characters > wish->characters)
				break;
		}
		count++;
	}
	strbuf_fini(&text);
	return count;
}

void room_history_tell(struct room *room, const struct room_client *to, const struct xml *x)
{
	struct room_history *history = room->history;
	struct wish wish;
	if (!history)
		return;
	read_wish(x, &wish);
	for (size_t i = history->count - how_many(history, &wish); i < history->count; i++) {
		const struct said *said = said_at(history, i);
		struct stanza *stamped = stanza_with_delay(said->stanza, jid_full(&room->jid), said->at_us);
		route(&said->as, &to->jid, stamped);
		stanza_unref(&stamped);
	}
}

void room_history_free(struct room *room)
{
	while (room->history && room->history->count)
		drop_first(room->history);
	free(room->history);
	room->history = NULL;
}

/* --- what is taken back --------------------------------------------------------------------------------- */

/* What the room added is behind what came, or among it when it was read from the archive. */
static bool has_tail(const struct stanza *stanza, struct str text)
{
	return stanza->tail.len && memmem(stanza->tail.ptr, stanza->tail.len, text.ptr, text.len);
}

static bool has_id(const struct room *room, const struct said *said, struct str id)
{
	struct strbuf text = {0};
	strbuf_str(&text, STR("<stanza-id xmlns='" NS_SID "' by='"));
	xml_escape(&text, jid_full(&room->jid));
	strbuf_str(&text, STR("' id='"));
	xml_escape(&text, id);
	strbuf_char(&text, '\'');
	bool has = has_tail(said->stanza, strbuf_view(&text));
	strbuf_fini(&text);
	const struct xml *child = xml_child(said->stanza->root, "stanza-id", NS_SID);
	for (; child && !has; child = xml_next(child, "stanza-id", NS_SID))
		has = str_eq(xml_attr_s(child, "by"), jid_full(&room->jid)) && str_eq(xml_attr_s(child, "id"), id);
	return has;
}

static bool is_of(const struct said *said, const char *occupant_id)
{
	struct strbuf text = {0};
	strbuf_printf(&text, "<occupant-id xmlns='" NS_OCCUPANT_ID "' id='%s'", occupant_id);
	const struct xml *child = xml_child(said->stanza->root, "occupant-id", NS_OCCUPANT_ID);
	bool is = has_tail(said->stanza, strbuf_view(&text)) || (child && str_is(xml_attr_s(child, "id"), occupant_id));
	strbuf_fini(&text);
	return is;
}

/* occupant_id NULL: whoever said it. */
void room_history_forget_of(struct room *room, struct str stanza_id, const char *occupant_id)
{
	struct room_history *history = room->history;
	size_t kept = 0;
	for (size_t i = 0; history && i < history->count; i++) {
		struct said said = *said_at(history, i);
		if (has_id(room, &said, stanza_id) && (!occupant_id || is_of(&said, occupant_id)))
			said_fini(&said);
		else
			*said_at(history, kept++) = said;
	}
	if (history)
		history->count = kept;
}

void room_history_forget(struct room *room, struct str stanza_id)
{
	room_history_forget_of(room, stanza_id, NULL);
}

void room_history_each(const struct room *room,
    void (*each)(void *arg, const struct jid *as, struct stanza *stanza, int64_t at_us), void *arg)
{
	struct room_history *history = room->history;
	for (size_t i = 0; history && i < history->count; i++) {
		const struct said *said = said_at(history, i);
		each(arg, &said->as, said->stanza, said->at_us);
	}
}
