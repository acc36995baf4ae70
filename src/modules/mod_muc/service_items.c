/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/map.h"
#include "modules/mod_muc/page.h"
#include "modules/mod_muc/room.h"
#include "modules/mod_muc/service.h"
#include "stanzad/mem.h"
#include "stanzad/work.h"

enum kind { KIND_ALL, KIND_NONEMPTY, KIND_EMPTY };

/* A request on its way to the rooms that its sender may see though they are hidden. */
struct listing {
	struct iq *iq;
	struct jid from; /* full, lives with the request */
	struct str domain;
	struct rsm rsm;
	enum kind kind;
	bool everything; /* by an administrator of the service */
	struct arena arena;
	struct map visible; /* hidden rooms, by bare JID */
	/* While it is walked through the directory. */
	bool hidden_there; /* hidden rooms in memory that were left out */
	size_t total, behind_after, before;
	struct page page;
	size_t place;
	struct page_ends {
		struct str first, last;
	} ends;
	struct xml_writer *reply;
};

static void listing_fini(struct listing *listing)
{
	map_fini(&listing->visible);
	arena_fini(&listing->arena);
}

static struct str local_of(struct str jid)
{
	struct str domain;
	return str_cut(jid, '@', &domain);
}

/* --- what is listed ------------------------------------------------------------------------------------- */

static bool sees(const struct listing *listing, const struct directory_entry *entry)
{
	return entry->public || listing->everything || map_get(&listing->visible, entry->jid);
}

static bool is_of_kind(const struct listing *listing, const struct directory_entry *entry)
{
	return listing->kind == KIND_ALL || (listing->kind == KIND_NONEMPTY) == (entry->occupants > 0);
}

static bool count(void *arg, const struct directory_entry *entry)
{
	struct listing *listing = arg;
	bool seen = sees(listing, entry);
	listing->hidden_there |= !seen && entry->loaded;
	if (!seen || !is_of_kind(listing, entry))
		return true;
	struct str local = local_of(entry->jid);
	listing->total++;
	if (listing->rsm.after.len && str_cmp(local, local_of(listing->rsm.after)) <= 0)
		listing->behind_after++;
	if (!listing->rsm.before.len || str_cmp(local, local_of(listing->rsm.before)) < 0)
		listing->before++;
	return true;
}

static void count_all(struct listing *listing, struct directory *directory)
{
	listing->total = listing->behind_after = listing->before = 0;
	listing->hidden_there = false;
	directory_each(directory, listing->domain, STR_NULL, count, listing);
}

static void put_item(struct listing *listing, const struct directory_entry *entry)
{
	struct strbuf name = {0};
	bool inside = listing->everything || map_get(&listing->visible, entry->jid);
	strbuf_str(&name, entry->title.len ? entry->title : local_of(entry->jid));
	if (entry->public_list || inside)
		strbuf_printf(&name, " (%s%u)", entry->public ? "" : "private, ", entry->occupants);
	disco_put_item(listing->reply, entry->jid, STR_NULL, strbuf_view(&name));
	strbuf_fini(&name);
}

static bool put(void *arg, const struct directory_entry *entry)
{
	struct listing *listing = arg;
	if (!sees(listing, entry) || !is_of_kind(listing, entry))
		return true;
	if (listing->place >= listing->page.end)
		return false;
	if (listing->place++ < listing->page.begin)
		return true;
	put_item(listing, entry);
	listing->ends.last = arena_str(&listing->arena, entry->jid);
	if (!listing->ends.first.ptr)
		listing->ends.first = listing->ends.last;
	return true;
}

static void put_page(struct listing *listing)
{
	bool whole = listing->page.begin == 0 && listing->page.end == listing->total;
	struct rsm_page page = {
	    .first = listing->ends.first,
	    .last = listing->ends.last,
	    .index = (int64_t)listing->page.begin,
	    .count = (int64_t)listing->total,
	};
	if (listing->rsm.wanted || !whole)
		rsm_write(listing->reply, &page);
}

/* --- answering ------------------------------------------------------------------------------------------ */

static struct directory *directory_of(const struct iq *iq)
{
	return muc_of(iq->instance)->directory;
}

static void answer(struct listing *listing, struct iq *iq)
{
	int64_t most = module_option(iq->instance, "max_rooms_discoitems")->integer;
	struct str node = xml_attr_s(iq->payload, "node");
	count_all(listing, directory_of(iq));
	if (!node.len && !listing->rsm.wanted && (uint64_t)most < listing->total) {
		listing->kind = KIND_NONEMPTY;
		count_all(listing, directory_of(iq));
	}
	listing->page = page_of(&listing->rsm, listing->total, listing->behind_after, listing->before,
	    page_max(&listing->rsm, most));
	listing->reply = iq->reply;
	xml_open(iq->reply, "query", NS_DISCO_ITEMS);
	if (node.len)
		xml_put_attr(iq->reply, "node", node);
	directory_each(directory_of(iq), listing->domain, STR_NULL, put, listing);
	put_page(listing);
	xml_close(iq->reply);
}

/* --- hidden rooms --------------------------------------------------------------------------------------- */

static void look_into(void *arg, struct room *room)
{
	struct listing *listing = arg;
	if (room->config.public || !str_eq(jid_domain(&room->jid), listing->domain))
		return;
	if (room_client(room, &listing->from) ||
	    room_privilege(room, &listing->from) >= ROOM_MEMBER) {
		struct str jid = arena_str(&listing->arena, jid_bare(&room->jid));
		map_put(&listing->visible, jid, listing);
	}
}

static void on_worker(struct module_instance *instance, void *arg)
{
	rooms_each(muc_of(instance), look_into, arg);
}

static void on_looked(struct module_instance *instance, void *arg)
{
	struct listing *listing = arg;
	answer(listing, listing->iq);
	iq_finish(&listing->iq, IQ_ANSWER);
	listing_fini(listing);
	free(listing);
}

static enum iq_verdict answer_later(struct listing *begun, struct iq *iq)
{
	struct listing *listing = mem_dup(begun, sizeof(*begun));
	listing->iq = iq_later(iq);
	listing->from = *listing->iq->from;
	listing->domain = jid_domain(listing->iq->to);
	rsm_parse(listing->iq->payload, &listing->rsm, NULL);
	module_post_workers(iq->instance, on_worker, on_looked, listing);
	return IQ_LATER;
}

/* --- the request ---------------------------------------------------------------------------------------- */

static int read_kind(struct str node, enum kind *kind_r)
{
	if (!node.len)
		*kind_r = KIND_ALL;
	else if (str_is(node, "nonemptyrooms"))
		*kind_r = KIND_NONEMPTY;
	else if (str_is(node, "emptyrooms"))
		*kind_r = KIND_EMPTY;
	else
		return -1;
	return 0;
}

/* The order of the JIDs is known, so a room that is gone still has its place in it: XEP-0059 2.4. */
static bool is_place(struct str id, struct str domain)
{
	struct str rest;
	str_cut(id, '@', &rest);
	return !id.len || str_eq(rest, domain);
}

enum iq_verdict service_items_on_iq(struct iq *iq)
{
	struct listing listing = {.from = *iq->from, .domain = jid_domain(iq->to)};
	if (iq->type == IQ_SET)
		return iq_refuse(iq, SE_not_allowed, NULL);
	if (rsm_parse(iq->payload, &listing.rsm, NULL) < 0)
		return iq_refuse(iq, SE_bad_request, "malformed result set");
	if (read_kind(xml_attr_s(iq->payload, "node"), &listing.kind) < 0)
		return iq_refuse(iq, SE_item_not_found, "there is no such node");
	if (!is_place(listing.rsm.after, listing.domain) || !is_place(listing.rsm.before, listing.domain))
		return iq_refuse(iq, SE_item_not_found, "no item of this list has that id");
	listing.everything = muc_allows(iq->instance, "access_admin", iq->from);
	count_all(&listing, directory_of(iq));
	if (listing.hidden_there)
		return answer_later(&listing, iq);
	answer(&listing, iq);
	listing_fini(&listing);
	return IQ_ANSWER;
}
