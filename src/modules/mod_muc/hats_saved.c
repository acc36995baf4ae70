/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hats on storage:
 *
 *   {hats_defs,[{<<"uri">>,{<<"title">>,<<"hue">>}}]},{hats_users,[{{<<"user">>,<<"host">>,<<>>},[<<"uri">>]}]}
 *
 * Before there was hats_defs, the hats of a user were [{<<"uri">>,<<"title">>}], which is read, too.
 */
#include "base/term.h"
#include "modules/mod_muc/hats.h"

static const struct term *take(struct strbuf *others, const char *key, struct arena *arena)
{
	struct str value;
	const struct term *term;
	if (!room_others_take(others, key, arena, &value) ||
	    term_read(value, &term_limits_default, arena, &term, NULL) < 0)
		return NULL;
	return term;
}

static const struct term *items(const struct term *list)
{
	return list && term_is_list(list) ? list->items : NULL;
}

static bool fits(struct str uri, struct str title, struct str hue)
{
	return uri.len && uri.len <= HATS_URI_MAX && title.len <= HATS_TITLE_MAX && hue.len <= HATS_HUE_MAX;
}

static void read_hat(struct room *room, const struct term *tuple)
{
	const struct term *value = term_item(tuple, 1);
	struct str uri, title, hue;
	if (!term_is_tuple(tuple, 2) || !term_is_tuple(value, 2) || !term_bytes(tuple->items, &uri) ||
	    !term_bytes(value->items, &title))
		return;
	if (!term_bytes(value->items->next, &hue))
		hue = STR("");
	if (fits(uri, title, hue))
		hats_add(room, uri, title, hue);
}

/* NULL: it is none, or one too many. */
static struct hat *read_worn(struct room *room, const struct term *term)
{
	struct str uri, title;
	bool pair = term_is_tuple(term, 2);
	if (!term_bytes(pair ? term->items : term, &uri))
		return NULL;
	struct hat *hat = hat_find(room_hats(room), uri);
	if (hat || !pair || !term_bytes(term->items->next, &title) || !fits(uri, title, STR_NULL))
		return hat;
	return hats_add(room, uri, title, STR(""));
}

static void read_wearer(struct room *room, const struct term *tuple, struct arena *arena)
{
	const struct term *who = term_item(tuple, 0);
	struct str local, domain;
	struct jid jid;
	if (!term_is_tuple(tuple, 2) || (!term_is_tuple(who, 3) && !term_is_tuple(who, 2)) ||
	    !term_bytes(term_item(who, 0), &local) || !term_bytes(term_item(who, 1), &domain) ||
	    jid_make(local, domain, STR_NULL, arena, &jid, NULL) < 0)
		return;
	for (const struct term *item = items(tuple->items->next); item; item = item->next) {
		struct hat *hat = read_worn(room, item);
		if (hat)
			hats_wear(room, &jid, hat);
	}
}

void room_hats_load(struct room *room, struct strbuf *others)
{
	struct arena arena = {0};
	for (const struct term *item = items(take(others, "hats_defs", &arena)); item; item = item->next)
		read_hat(room, item);
	for (const struct term *item = items(take(others, "hats_users", &arena)); item; item = item->next)
		read_wearer(room, item, &arena);
	arena_fini(&arena);
}

static void put_hats(struct strbuf *out, const struct hats *hats)
{
	const char *between = "[{";
	for (struct list *at = hats->all.next; at != &hats->all; at = at->next, between = ",{") {
		const struct hat *hat = list_entry(at, struct hat, node);
		strbuf_cstr(out, between);
		term_put_binary(out, room_word(&hat->uri));
		strbuf_cstr(out, ",{");
		term_put_binary(out, room_word(&hat->title));
		strbuf_char(out, ',');
		term_put_binary(out, room_word(&hat->hue));
		strbuf_cstr(out, "}}");
	}
	strbuf_char(out, ']');
}

static void put_wearers(struct strbuf *out, const struct hats *hats)
{
	const char *between = "{{";
	strbuf_char(out, '[');
	for (struct list *at = hats->wearers.next; at != &hats->wearers; at = at->next, between = ",{{") {
		const struct hat_wearer *wearer = list_entry(at, struct hat_wearer, node);
		strbuf_cstr(out, between);
		term_put_binary(out, jid_local(&wearer->jid));
		strbuf_char(out, ',');
		term_put_binary(out, jid_domain(&wearer->jid));
		strbuf_cstr(out, ",<<>>},");
		for (unsigned i = 0; i < wearer->count; i++) {
			strbuf_char(out, i ? ',' : '[');
			term_put_binary(out, room_word(&wearer->worn[i]->uri));
		}
		strbuf_cstr(out, "]}");
	}
	strbuf_char(out, ']');
}

void room_hats_save(const struct room *room, struct strbuf *others)
{
	const struct hats *hats = room_hats(room);
	struct strbuf text = {0};
	if (!hats || list_empty(&hats->all))
		return;
	put_hats(&text, hats);
	room_others_put(others, "hats_defs", strbuf_view(&text));
	strbuf_reset(&text);
	put_wearers(&text, hats);
	room_others_put(others, "hats_users", strbuf_view(&text));
	strbuf_fini(&text);
}
