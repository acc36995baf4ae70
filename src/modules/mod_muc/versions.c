/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/versions.h"

#include <stdio.h>
#include <stdlib.h>

#include "modules/mod_muc/feature.h"
#include "stanzad/mem.h"
#include "stanzad/rand.h"

#define NS_VERSIONS "urn:xmpp:muc:affiliations:1"
#define CHANGES_KEPT 256
#define ITEMS_PER_MESSAGE 500
#define VERSION_TEXT 64

struct versions {
	uint64_t epoch;                   /* of this room in memory, random */
	uint64_t latest;                  /* number of changes */
	struct jid changes[CHANGES_KEPT]; /* whose, by number modulo this; on the heap */
};

static struct versions *versions_of(const struct room *room)
{
	return room_slot(room, ROOM_FEATURE_versions);
}

static struct versions *versions_begin(struct room *room)
{
	struct versions *versions = versions_of(room);
	if (!versions) {
		versions = mem_zalloc(sizeof(*versions));
		rand_bytes(&versions->epoch, sizeof(versions->epoch));
		room_set_slot(room, ROOM_FEATURE_versions, versions);
	}
	return versions;
}

static void on_unload(struct room *room)
{
	struct versions *versions = versions_of(room);
	for (size_t i = 0; versions && i < CHANGES_KEPT; i++)
		free((char *)versions->changes[i].text);
	free(versions);
	room_set_slot(room, ROOM_FEATURE_versions, NULL);
}

/* --- what a version is called --------------------------------------------------------------------------- */

/* part: of an answer in several messages, the last of which leads to the version itself: 0. */
static struct str version_text(const struct versions *versions, uint64_t number, size_t part, char *out)
{
	int len = snprintf(out, VERSION_TEXT, "%016llx-%llu", (unsigned long long)versions->epoch,
	    (unsigned long long)number);
	if (part)
		len += snprintf(out + len, VERSION_TEXT - (size_t)len, ".%zu", part);
	return (struct str){out, (size_t)len};
}

/* False: it is none that all changes since then are known of. */
static bool version_read(const struct versions *versions, struct str text, uint64_t *number_r)
{
	char known[VERSION_TEXT];
	struct str number;
	str_cut(text, '-', &number);
	if (!str_to_u64(number, number_r) || *number_r > versions->latest ||
	    versions->latest - *number_r > CHANGES_KEPT)
		return false;
	return str_eq(text, version_text(versions, *number_r, 0, known));
}

static void put_mav(struct xml_writer *writer, struct str since, struct str until)
{
	xml_open(writer, "mav", NS_VERSIONS);
	xml_put_attr(writer, "since", since);
	xml_put_attr(writer, "until", until);
	xml_close(writer);
}

static void add_mav(struct strbuf *out, struct str since, struct str until)
{
	struct xml_writer writer = {.default_ns = STR(NS_MUC_USER)};
	put_mav(&writer, since, until);
	strbuf_str(out, strbuf_view(&writer.buf));
	xml_writer_fini(&writer);
}

/* --- changes: 5.2.2 ------------------------------------------------------------------------------------- */

void room_versions_next(struct room *room, const struct jid *jid, struct strbuf *out)
{
	struct versions *versions = versions_of(room);
	char since[VERSION_TEXT], until[VERSION_TEXT];
	if (!versions)
		return;
	struct jid *place = &versions->changes[++versions->latest % CHANGES_KEPT];
	free((char *)place->text);
	*place = jid_dup_heap(jid);
	add_mav(out, version_text(versions, versions->latest - 1, 0, since),
	    version_text(versions, versions->latest, 0, until));
}

/* --- what there is to tell to one who enters: 5.2.1 ----------------------------------------------------- */

struct answer {
	const struct room *room;
	const struct room_client *client;
	struct room_standing who;
	const struct jid **jids;
	size_t count;
};

static bool may_see(const struct answer *answer, enum room_affiliation affiliation)
{
	const struct room_config *config = &answer->room->config;
	return room_right_to_see_affiliation(
	    answer->who, affiliation, config->anonymous == ROOM_WHOIS_MODERATORS, config->members_only);
}

/* What they may not see is nothing to them. */
static enum room_affiliation seen(const struct answer *answer, const struct jid *jid)
{
	const struct room_affiliate *affiliate = room_affiliate(answer->room, jid_full(jid));
	return affiliate && may_see(answer, affiliate->affiliation) ? affiliate->affiliation : ROOM_NONE;
}

static void collect_all(struct answer *answer)
{
	const struct room_affiliate *at;
	uint32_t position = 0;
	answer->jids = mem_alloc((answer->room->affiliates.count + 1) * sizeof(struct jid *));
	while ((at = map_next(&answer->room->affiliates, &position, NULL)))
		if (may_see(answer, at->affiliation))
			answer->jids[answer->count++] = &at->jid;
}

static void collect_since(struct answer *answer, const struct versions *versions, uint64_t since)
{
	struct map told = {0};
	answer->jids = mem_alloc(CHANGES_KEPT * sizeof(struct jid *));
	for (uint64_t number = since + 1; number <= versions->latest; number++) {
		const struct jid *jid = &versions->changes[number % CHANGES_KEPT];
		if (!map_put(&told, jid_full(jid), (void *)jid))
			answer->jids[answer->count++] = jid;
	}
	map_fini(&told);
}

static void put_item(struct xml_writer *writer, const struct answer *answer, const struct jid *jid)
{
	xml_open(writer, "item", NULL);
	xml_put_attr(writer, "jid", jid_full(jid));
	xml_put_attr(writer, "affiliation", str_of(room_affiliation_text(seen(answer, jid))));
	xml_close(writer);
}

static void send_part(
    const struct answer *answer, struct str since, struct str until, size_t first, size_t behind)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	xml_open(&writer, "message", NULL);
	xml_open(&writer, "x", NS_MUC_USER);
	put_mav(&writer, since, until);
	for (; first < behind; first++)
		put_item(&writer, answer, answer->jids[first]);
	xml_close(&writer);
	xml_close(&writer);
	struct stanza *stanza = stanza_from_writer(&writer);
	if (stanza)
		route(&answer->room->jid, &answer->client->jid, stanza);
	stanza_unref(&stanza);
	xml_writer_fini(&writer);
}

static void send_all(const struct answer *answer, const struct versions *versions, struct str since)
{
	char texts[2][VERSION_TEXT];
	size_t first = 0, part = 1;
	do {
		bool last = answer->count - first <= ITEMS_PER_MESSAGE;
		size_t behind = last ? answer->count : first + ITEMS_PER_MESSAGE;
		struct str until = version_text(versions, versions->latest, last ? 0 : part, texts[part % 2]);
		send_part(answer, since, until, first, behind);
		since = until;
		first = behind;
		part++;
	} while (first < answer->count);
}

static const struct xml *asked(const struct stanza *presence)
{
	const struct xml *x = xml_child(presence->root, "x", NS_MUC);
	return x ? xml_child(x, "mav", NS_VERSIONS) : NULL;
}

static void refuse(const struct answer *answer, const struct stanza *presence)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	xml_open(&writer, "message", NULL);
	xml_put_attr(&writer, "id", presence->id);
	xml_put_attr(&writer, "type", STR("error"));
	xml_open(&writer, "error", NULL);
	xml_put_attr(&writer, "by", jid_full(&answer->room->jid));
	xml_put_attr(&writer, "type", STR("auth"));
	xml_put_element(&writer, "forbidden", "urn:ietf:params:xml:ns:xmpp-stanzas", STR_NULL);
	xml_close(&writer);
	xml_close(&writer);
	struct stanza *stanza = stanza_from_writer(&writer);
	if (stanza)
		route(&answer->room->jid, &answer->client->jid, stanza);
	stanza_unref(&stanza);
	xml_writer_fini(&writer);
}

static void on_welcome(struct room *room, struct room_client *client, const struct stanza *presence)
{
	struct answer answer = {.room = room, .client = client, .who = room_standing_of(room, &client->jid)};
	const struct xml *mav = asked(presence);
	uint64_t number;
	if (!mav)
		return;
	if (!may_see(&answer, ROOM_MEMBER)) {
		refuse(&answer, presence);
		return;
	}
	const struct versions *versions = versions_begin(room);
	struct str since = xml_attr(mav, "since");
	bool known = version_read(versions, since, &number);
	if (known && number == versions->latest)
		return;
	if (known)
		collect_since(&answer, versions, number);
	else
		collect_all(&answer);
	send_all(&answer, versions, known ? since : STR_NULL);
	free(answer.jids);
}

/* Whoever was refused is not told which version there is. */
static void on_own_presence(const struct room *room, const struct room_client *client,
    const struct stanza *presence, struct strbuf *out)
{
	struct answer answer = {.room = room, .client = client, .who = room_standing_of(room, &client->jid)};
	const struct versions *versions = versions_of(room);
	char until[VERSION_TEXT];
	if (versions && asked(presence) && may_see(&answer, ROOM_MEMBER))
		add_mav(out, STR_NULL, version_text(versions, versions->latest, 0, until));
}

static const char *const features[] = {NS_VERSIONS, NULL};

const struct room_feature room_feature_versions = {
    .name = "versions",
    .features = features,
    .welcome = on_welcome,
    .own_presence = on_own_presence,
    .unload = on_unload,
};
