/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/hats.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "base/codec.h"
#include "modules/mod_muc/feature.h"
#include "stanzad/form.h"
#include "stanzad/mem.h"

#define STATUS_CONFIGURED 104

/* --- what there is -------------------------------------------------------------------------------------- */

struct hats *room_hats(const struct room *room)
{
	return room_slot(room, ROOM_FEATURE_hats);
}

static struct hats *hats_begin(struct room *room)
{
	struct hats *hats = room_hats(room);
	if (!hats) {
		hats = mem_zalloc(sizeof(*hats));
		list_init(&hats->all);
		list_init(&hats->wearers);
		room_set_slot(room, ROOM_FEATURE_hats, hats);
	}
	return hats;
}

struct hat *hat_find(const struct hats *hats, struct str uri)
{
	for (struct list *at = hats ? hats->all.next : NULL; hats && at != &hats->all; at = at->next) {
		struct hat *hat = list_entry(at, struct hat, node);
		if (str_eq(room_word(&hat->uri), uri))
			return hat;
	}
	return NULL;
}

struct hat_wearer *hat_wearer_find(const struct hats *hats, struct str bare)
{
	for (struct list *at = hats ? hats->wearers.next : NULL; hats && at != &hats->wearers;
	     at = at->next) {
		struct hat_wearer *wearer = list_entry(at, struct hat_wearer, node);
		if (str_eq(jid_full(&wearer->jid), bare))
			return wearer;
	}
	return NULL;
}

struct hat *hats_add(struct room *room, struct str uri, struct str title, struct str hue)
{
	struct hats *hats = hats_begin(room);
	struct hat *hat = hat_find(hats, uri);
	if (!hat && hats->count >= HATS_MOST)
		return NULL;
	if (!hat) {
		hat = mem_zalloc(sizeof(*hat));
		list_init(&hat->node);
		list_add_before(&hats->all, &hat->node);
		hats->count++;
		room_word_set(&hat->uri, uri);
	}
	room_word_set(&hat->title, title);
	room_word_set(&hat->hue, hue);
	return hat;
}

static bool wears(const struct hat_wearer *wearer, const struct hat *hat)
{
	for (unsigned i = 0; wearer && i < wearer->count; i++)
		if (wearer->worn[i] == hat)
			return true;
	return false;
}

bool hats_wear(struct room *room, const struct jid *jid, struct hat *hat)
{
	struct hats *hats = room_hats(room);
	struct jid bare = jid_to_bare(jid);
	struct hat_wearer *wearer = hat_wearer_find(hats, jid_full(&bare));
	if (wears(wearer, hat))
		return true;
	if (wearer ? wearer->count >= HATS_MOST_WORN : hats->wearer_count >= HATS_MOST_WEARERS)
		return false;
	if (!wearer) {
		wearer = mem_zalloc(sizeof(*wearer));
		wearer->jid = jid_dup_heap(&bare);
		list_init(&wearer->node);
		list_add_before(&hats->wearers, &wearer->node);
		hats->wearer_count++;
	}
	wearer->worn[wearer->count++] = hat;
	return true;
}

static void wearer_free(struct hats *hats, struct hat_wearer *wearer)
{
	list_remove(&wearer->node);
	hats->wearer_count--;
	free((char *)wearer->jid.text);
	free(wearer);
}

/* The wearer is gone with the last one. */
static void take_off(struct hats *hats, struct hat_wearer *wearer, const struct hat *hat)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < wearer->count; i++)
		if (wearer->worn[i] != hat)
			wearer->worn[kept++] = wearer->worn[i];
	wearer->count = kept;
	if (!kept)
		wearer_free(hats, wearer);
}

static void hat_free(struct hats *hats, struct hat *hat)
{
	list_remove(&hat->node);
	hats->count--;
	room_word_set(&hat->uri, STR_NULL);
	room_word_set(&hat->title, STR_NULL);
	room_word_set(&hat->hue, STR_NULL);
	free(hat);
}

static void on_unload(struct room *room)
{
	struct hats *hats = room_hats(room);
	while (hats && !list_empty(&hats->wearers))
		wearer_free(hats, list_entry(hats->wearers.next, struct hat_wearer, node));
	while (hats && !list_empty(&hats->all))
		hat_free(hats, list_entry(hats->all.next, struct hat, node));
	free(hats);
	room_set_slot(room, ROOM_FEATURE_hats, NULL);
}

/* --- 3.1: what occupants wear --------------------------------------------------------------------------- */

static void put_hat(struct xml_writer *writer, const struct hat *hat)
{
	xml_open(writer, "hat", NULL);
	xml_put_attr(writer, "title", room_word(&hat->title));
	xml_put_attr(writer, "uri", room_word(&hat->uri));
	if (hat->hue.len)
		xml_put_attr(writer, "hue", room_word(&hat->hue));
	xml_close(writer);
}

static void on_presence(const struct room *room, const struct occupant *occupant, struct strbuf *tail)
{
	const struct hat_wearer *wearer =
	    room->config.enable_hats ? hat_wearer_find(room_hats(room), jid_bare(&occupant->real)) : NULL;
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	if (!wearer)
		return;
	xml_open(&writer, "hats", NS_HATS);
	for (unsigned i = 0; i < wearer->count; i++)
		put_hat(&writer, wearer->worn[i]);
	xml_close(&writer);
	strbuf_str(tail, strbuf_view(&writer.buf));
	xml_writer_fini(&writer);
}

static void tell(struct room *room, struct str bare)
{
	for (struct occupant *at = room_first_occupant(room); at; at = occupant_next(at))
		if (str_eq(jid_bare(&at->real), bare))
			room_tell_change(room, at, NULL, STR_NULL);
}

/* hat NULL: those with any. */
static void tell_of(struct room *room, const struct hat *hat)
{
	for (struct occupant *at = room_first_occupant(room); at; at = occupant_next(at)) {
		const struct hat_wearer *wearer = hat_wearer_find(room_hats(room), jid_bare(&at->real));
		if (wearer && (!hat || wears(wearer, hat)))
			room_tell_change(room, at, NULL, STR_NULL);
	}
}

static void on_configured(struct room *room, const struct room_config *before)
{
	if (before->enable_hats != room->config.enable_hats)
		tell_of(room, NULL);
}

/* --- changes -------------------------------------------------------------------------------------------- */

static int refuse(struct stanza_error *error_r, enum stanza_condition condition, const char *text)
{
	*error_r = (struct stanza_error){.condition = condition, .text = text};
	return -1;
}

static void list_changed(struct room *room)
{
	room_broadcast_status(room, (const int[]){STATUS_CONFIGURED, 0});
	room_changed(room);
}

/* XEP-0392: an angle from 0 to 360. */
static bool is_hue(struct str text)
{
	char buf[HATS_HUE_MAX + 1], *end;
	if (text.len == 0)
		return true;
	if (text.len > HATS_HUE_MAX)
		return false;
	memcpy(buf, text.ptr, text.len);
	buf[text.len] = '\0';
	if (strspn(buf, "0123456789.") != text.len)
		return false;
	double hue = strtod(buf, &end);
	return *end == '\0' && hue >= 0 && hue <= 360;
}

int room_hat_put(
    struct room *room, struct str uri, struct str title, struct str hue, struct stanza_error *error_r)
{
	if (!uri.len || !title.len)
		return refuse(error_r, SE_bad_request, "a hat has a URI and a title");
	if (uri.len > HATS_URI_MAX || title.len > HATS_TITLE_MAX)
		return refuse(error_r, SE_not_acceptable, "the URI or the title is too long");
	if (!is_hue(hue))
		return refuse(error_r, SE_not_acceptable, "the hue is no angle from 0 to 360");
	const struct hat *hat = hats_add(room, uri, title, hue);
	if (!hat)
		return refuse(error_r, SE_resource_constraint, "the room has too many hats");
	list_changed(room);
	tell_of(room, hat);
	return 0;
}

int room_hat_destroy(struct room *room, struct str uri, struct stanza_error *error_r)
{
	struct hats *hats = room_hats(room);
	struct hat *hat = hat_find(hats, uri);
	if (!hat)
		return refuse(error_r, SE_item_not_found, "there is no such hat");
	for (struct occupant *at = room_first_occupant(room); at; at = occupant_next(at)) {
		struct hat_wearer *wearer = hat_wearer_find(hats, jid_bare(&at->real));
		if (!wears(wearer, hat))
			continue;
		take_off(hats, wearer, hat);
		tell(room, jid_bare(&at->real));
	}
	for (struct list *at = hats->wearers.next, *next; at != &hats->wearers; at = next) {
		next = at->next;
		take_off(hats, list_entry(at, struct hat_wearer, node), hat);
	}
	hat_free(hats, hat);
	list_changed(room);
	return 0;
}

int room_hat_assign(struct room *room, const struct jid *jid, struct str uri, struct stanza_error *error_r)
{
	struct hat *hat = hat_find(room_hats(room), uri);
	if (!hat)
		return refuse(error_r, SE_item_not_found, "there is no such hat");
	if (wears(hat_wearer_find(room_hats(room), jid_bare(jid)), hat))
		return 0;
	if (!hats_wear(room, jid, hat))
		return refuse(error_r, SE_resource_constraint, "too many hats are worn");
	room_changed(room);
	tell(room, jid_bare(jid));
	return 0;
}

int room_hat_unassign(struct room *room, const struct jid *jid, struct str uri, struct stanza_error *error_r)
{
	struct hats *hats = room_hats(room);
	struct hat *hat = hat_find(hats, uri);
	struct hat_wearer *wearer = hat_wearer_find(hats, jid_bare(jid));
	if (!hat || !wears(wearer, hat))
		return refuse(error_r, SE_item_not_found, "they do not wear that hat");
	take_off(hats, wearer, hat);
	room_changed(room);
	tell(room, jid_bare(jid));
	return 0;
}

/* --- 2: discovery --------------------------------------------------------------------------------------- */

static void on_disco(struct room *room, struct xml_writer *reply)
{
	if (!room->config.enable_hats)
		return;
	disco_put_feature(reply, NS_HATS);
	disco_put_feature(reply, NS_COMMANDS);
}

static void add_word(struct strbuf *text, const struct room_word *word)
{
	strbuf_str(text, room_word(word));
	strbuf_char(text, '\n');
}

static void on_info(struct room *room, struct xml_writer *form)
{
	const struct hats *hats = room_hats(room);
	struct strbuf text = {0}, hash = {0};
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	if (!room->config.enable_hats || !hats || list_empty(&hats->all))
		return;
	for (struct list *at = hats->all.next; at != &hats->all; at = at->next) {
		const struct hat *hat = list_entry(at, struct hat, node);
		add_word(&text, &hat->uri);
		add_word(&text, &hat->title);
		add_word(&text, &hat->hue);
	}
	if (EVP_Digest(text.ptr, text.len, bytes, &len, EVP_sha1(), NULL) == 1) {
		hex_encode(&hash, bytes, len);
		form_put1(form, "hats#hash", "text-single", strbuf_view(&hash));
	}
	strbuf_fini(&hash);
	strbuf_fini(&text);
}

static const struct room_iq iqs[] = {
    {.ns = NS_COMMANDS, .name = "command", .handler = room_hats_on_command},
    {0},
};

const struct room_feature room_feature_hats = {
    .name = "hats",
    .iqs = iqs,
    .presence = on_presence,
    .configured = on_configured,
    .disco = on_disco,
    .info = on_info,
    .load = room_hats_load,
    .save = room_hats_save,
    .unload = on_unload,
};
