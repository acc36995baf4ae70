/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_privacy/query.h"

#include <stdlib.h>

#include "modules/mod_privacy/blocks.h"
#include "modules/mod_privacy/item.h"
#include "stanzad/mem.h"
#include "stanzad/rand.h"

#define PUSH_ID_LEN 16

static int refuse(struct stanza_error *error, enum stanza_condition condition, const char *text)
{
	*error = (struct stanza_error){.condition = condition, .text = text};
	return -1;
}

/* --- get: XEP-0016 2.3 ---------------------------------------------------------------------------------- */

static void put_name(struct xml_writer *reply, const char *element, struct str name)
{
	xml_open(reply, element, NULL);
	xml_put_attr(reply, "name", name);
	xml_close(reply);
}

static void put_names(
    struct xml_writer *reply, const struct privacy_lists *lists, const struct session *session)
{
	const struct privacy_session *own = session ? privacy_session_of(session) : NULL;
	if (own && own->active)
		put_name(reply, "active", own->active->name);
	if (lists && lists->standard)
		put_name(reply, "default", lists->standard->name);
	for (uint32_t i = 0; lists && i < lists->count; i++)
		put_name(reply, "list", lists->lists[i]->name);
}

static void put_list(struct xml_writer *reply, const struct privacy_list *list)
{
	xml_open(reply, "list", NULL);
	xml_put_attr(reply, "name", list->name);
	for (uint32_t i = 0; i < list->count; i++)
		privacy_item_put(reply, &list->items[i]);
	xml_close(reply);
}

static enum iq_verdict on_get(struct iq *iq, const struct session *session)
{
	const struct privacy_lists *lists = privacy_lists_of(iq->user);
	const struct xml *asked = xml_first_element(iq->payload);
	const struct privacy_list *list = NULL;
	if (asked) {
		if (!xml_is(asked, "list", NS_PRIVACY) || xml_next_element(asked) ||
		    !xml_attr(asked, "name").ptr)
			return iq_refuse(iq, SE_bad_request, "one list is asked for, by its name");
		list = privacy_list_find(lists, xml_attr(asked, "name"));
		if (!list)
			return iq_refuse(iq, SE_item_not_found, NULL);
	}
	xml_open(iq->reply, "query", NS_PRIVACY);
	if (list)
		put_list(iq->reply, list);
	else
		put_names(iq->reply, lists, session);
	xml_close(iq->reply);
	return IQ_ANSWER;
}

/* --- set: XEP-0016 2.4, 2.5 ----------------------------------------------------------------------------- */

/* The list that <active/> or <default/> names; NULL: none. */
static int read_choice(
    struct user *user, const struct xml *elem, struct privacy_list **list_r, struct stanza_error *error)
{
	struct str name = xml_attr(elem, "name");
	if (xml_first_element(elem))
		return refuse(error, SE_bad_request, "it holds nothing");
	*list_r = name.ptr ? privacy_list_find(privacy_lists_of(user), name) : NULL;
	if (name.ptr && !*list_r)
		return refuse(error, SE_item_not_found, "there is no list of that name");
	return 0;
}

static int read_active(struct user *user, struct session *session, const struct xml *elem,
    struct privacy_query *query, struct stanza_error *error)
{
	if (!session)
		return refuse(error, SE_not_allowed, "only a connected resource has an active list");
	query->what = QUERY_ACTIVE;
	return read_choice(user, elem, &query->active, error);
}

static int read_default(struct user *user, struct session *session, const struct xml *elem,
    struct privacy_query *query, struct stanza_error *error)
{
	const struct privacy_lists *lists = privacy_lists_of(user);
	struct privacy_list *standard = lists ? lists->standard : NULL, *list;
	if (read_choice(user, elem, &list, error) < 0)
		return -1;
	if (standard && list != standard && privacy_list_is_used(user, standard, session))
		return refuse(error, SE_conflict, "another resource uses the default list");
	query->edit.before = list;
	query->edit.after = list ? privacy_list_ref(list) : NULL;
	query->edit.standard = list ? STANDARD_IS_AFTER : STANDARD_IS_NONE;
	return 0;
}

/* --- set: XEP-0016 2.6 to 2.8 --------------------------------------------------------------------------- */

static int64_t limit(const struct user *user, const char *option)
{
	return module_option(host_module(user_host(user), "mod_privacy"), option)->integer;
}

static int read_removal(struct user *user, struct session *session, const struct xml *elem,
    struct privacy_query *query, struct stanza_error *error)
{
	struct privacy_list *list = privacy_list_find(privacy_lists_of(user), xml_attr(elem, "name"));
	if (!list)
		return refuse(error, SE_item_not_found, "there is no list of that name");
	if (privacy_list_is_used(user, list, session))
		return refuse(error, SE_conflict, "another resource uses the list");
	query->edit.before = list;
	return 0;
}

static int read_items(struct user *user, const struct xml *elem, struct arena *arena,
    struct privacy_item *items, uint32_t count, struct stanza_error *error)
{
	const struct xml *child = xml_first_element(elem);
	for (uint32_t i = 0; i < count; i++, child = xml_next_element(child))
		if (privacy_item_read(user, child, arena, &items[i], error) < 0)
			return -1;
	qsort(items, count, sizeof(*items), privacy_item_by_order);
	for (uint32_t i = 1; i < count; i++)
		if (items[i].order == items[i - 1].order)
			return refuse(error, SE_bad_request, "two items have the same order");
	return 0;
}

static int check_room(
    struct user *user, const struct privacy_edit *edit, uint32_t items, struct stanza_error *error)
{
	const struct privacy_lists *lists = privacy_lists_of(user);
	if (items > limit(user, "max_items"))
		return refuse(error, SE_resource_constraint, "the list has too many items");
	if (!edit->before && lists && lists->count >= limit(user, "max_lists"))
		return refuse(error, SE_resource_constraint, "there are too many lists");
	if (edit->after && !privacy_edit_fits(lists, edit))
		return refuse(error, SE_resource_constraint, "the lists are too long");
	return 0;
}

static int read_list(struct user *user, struct session *session, const struct xml *elem,
    struct privacy_query *query, struct stanza_error *error)
{
	struct str name = xml_attr_s(elem, "name");
	struct arena arena = {0};
	uint32_t count = 0;
	if (!name.len || name.len > PRIVACY_NAME_MAX)
		return refuse(error, SE_bad_request, "a list has a name of at most 191 bytes");
	for (const struct xml *child = xml_first_element(elem); child; child = xml_next_element(child))
		count++;
	if (!count)
		return read_removal(user, session, elem, query, error);
	query->edit.before = privacy_list_find(privacy_lists_of(user), name);
	if (check_room(user, &query->edit, count, error) < 0)
		return -1;
	struct privacy_item *items = mem_alloc(count * sizeof(*items));
	int rc = read_items(user, elem, &arena, items, count, error);
	if (rc == 0)
		query->edit.after = privacy_list_new(name, items, count);
	free(items);
	arena_fini(&arena);
	if (rc == 0 && (rc = check_room(user, &query->edit, count, error)) < 0)
		privacy_list_unref(&query->edit.after);
	return rc;
}

int privacy_query_read(struct user *user, struct session *session, const struct xml *payload,
    struct privacy_query *query_r, struct stanza_error *error_r)
{
	const struct xml *elem = xml_first_element(payload);
	*query_r = (struct privacy_query){.what = QUERY_EDIT};
	if (!xml_is(payload, "query", NS_PRIVACY) || !elem || xml_next_element(elem))
		return refuse(error_r, SE_bad_request, "the query holds one element");
	if (xml_is(elem, "active", NS_PRIVACY))
		return read_active(user, session, elem, query_r, error_r);
	if (xml_is(elem, "default", NS_PRIVACY))
		return read_default(user, session, elem, query_r, error_r);
	if (xml_is(elem, "list", NS_PRIVACY))
		return read_list(user, session, elem, query_r, error_r);
	return refuse(error_r, SE_bad_request, "the query holds active, default or list");
}

/* --- pushes: XEP-0016 2.2 rule 10 ----------------------------------------------------------------------- */

static struct stanza *push_make(struct str name)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	char id[PUSH_ID_LEN + 1];
	rand_id(id, PUSH_ID_LEN);
	xml_open(&writer, "iq", NULL);
	xml_put_attr(&writer, "type", STR("set"));
	xml_put_attr(&writer, "id", str_of(id));
	xml_open(&writer, "query", NS_PRIVACY);
	put_name(&writer, "list", name);
	xml_close(&writer);
	xml_close(&writer);
	struct stanza *push = stanza_from_writer(&writer);
	xml_writer_fini(&writer);
	return push;
}

void privacy_push(struct user *user, struct str name, bool all)
{
	struct stanza *push = push_make(name);
	struct session *next;
	for (struct session *session = user_first_session(user); session; session = next) {
		const struct privacy_session *own = privacy_session_of(session);
		next = session_next(session);
		if (all || (own && own->asked))
			session_deliver(session, user_jid(user), session_jid(session), push);
	}
	stanza_unref(&push);
}

/* --- doing it ------------------------------------------------------------------------------------------- */

struct doing {
	char *pushed; /* heap: the list whose definition has changed; NULL: none has */
	struct privacy_blocks_diff *blocks;
	privacy_saved *saved;
	void *arg;
};

static void on_saved(void *arg, struct user *user, int result)
{
	struct doing *doing = arg;
	if (user && result >= 0) {
		if (doing->pushed)
			privacy_push(user, str_of(doing->pushed), true);
		privacy_blocks_diff_tell(user, doing->blocks);
	}
	doing->saved(doing->arg, user, result);
	privacy_blocks_diff_free(&doing->blocks);
	free(doing->pushed);
	free(doing);
}

void privacy_query_do(struct user *user, struct privacy_query *query, privacy_saved *saved, void *arg)
{
	struct privacy_edit *edit = &query->edit;
	struct doing *doing = mem_zalloc(sizeof(*doing));
	const struct privacy_lists *lists = privacy_lists_make(user);
	struct privacy_list *before = lists->standard;
	doing->saved = saved;
	doing->arg = arg;
	if (edit->before != edit->after)
		doing->pushed = str_dup(edit->after ? edit->after->name : edit->before->name);
	if (before)
		privacy_list_ref(before);
	struct privacy_list *after = privacy_standard_behind(lists, edit);
	doing->blocks = privacy_blocks_diff(before, after);
	privacy_edit_apply(user, edit, on_saved, doing);
	privacy_list_unref(&before);
}

static void on_answer(void *arg, struct user *user, int result)
{
	struct iq *iq = arg;
	iq_finish(&iq, result < 0 ? iq_refuse(iq, SE_internal_server_error, NULL) : IQ_ANSWER);
}

enum iq_verdict privacy_on_iq(struct iq *iq)
{
	struct session *session = user_session(iq->user, jid_resource(iq->from));
	struct privacy_query query;
	if (session && !privacy_session_make(session)->asked) {
		privacy_session_of(session)->asked = true;
		session_state_changed(session);
	}
	if (iq->type == IQ_GET)
		return on_get(iq, session);
	if (privacy_query_read(iq->user, session, iq->payload, &query, &iq->error) < 0)
		return IQ_REFUSE;
	if (query.what == QUERY_ACTIVE) {
		privacy_activate(session, query.active);
		return IQ_ANSWER;
	}
	privacy_query_do(iq->user, &query, on_answer, iq_later(iq));
	return IQ_LATER;
}
