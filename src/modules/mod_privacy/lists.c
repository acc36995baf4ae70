/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_privacy/lists.h"

#include <stdlib.h>

#include "modules/mod_privacy/effects.h"
#include "modules/mod_privacy/save.h"
#include "stanzad/mem.h"

/* --- where they are ------------------------------------------------------------------------------------- */

struct privacy_lists *privacy_lists_of(const struct user *user)
{
	return user_slot(user, &mod_privacy);
}

struct privacy_lists *privacy_lists_make(struct user *user)
{
	struct privacy_lists *lists = privacy_lists_of(user);
	if (!lists) {
		lists = mem_zalloc(sizeof(*lists));
		user_set_slot(user, &mod_privacy, lists);
	}
	return lists;
}

struct privacy_session *privacy_session_of(const struct session *session)
{
	return session_slot(session, &mod_privacy);
}

struct privacy_session *privacy_session_make(struct session *session)
{
	struct privacy_session *own = privacy_session_of(session);
	if (!own) {
		own = mem_zalloc(sizeof(*own));
		session_set_slot(session, &mod_privacy, own);
	}
	return own;
}

void privacy_session_free(struct session *session)
{
	struct privacy_session *own = privacy_session_of(session);
	session_set_slot(session, &mod_privacy, NULL);
	if (own)
		privacy_list_unref(&own->active);
	free(own);
}

void privacy_lists_clear(struct user *user)
{
	struct privacy_lists *lists = privacy_lists_of(user);
	for (struct session *session = user_first_session(user); session; session = session_next(session)) {
		struct privacy_session *own = privacy_session_of(session);
		if (own)
			privacy_list_unref(&own->active);
	}
	for (uint32_t i = 0; i < lists->count; i++)
		privacy_list_unref(&lists->lists[i]);
	free(lists->lists);
	lists->lists = NULL;
	lists->count = 0;
	lists->standard = NULL;
	lists->changes++;
}

void privacy_lists_free(struct user *user)
{
	struct privacy_lists *lists = privacy_lists_of(user);
	if (!lists)
		return;
	privacy_lists_clear(user);
	user_set_slot(user, &mod_privacy, NULL);
	free(lists);
}

struct privacy_list *privacy_list_find(const struct privacy_lists *lists, struct str name)
{
	for (uint32_t i = 0; lists && i < lists->count; i++)
		if (str_eq(lists->lists[i]->name, name))
			return lists->lists[i];
	return NULL;
}

struct privacy_list *privacy_list_for(const struct privacy_lists *lists, const struct session *session)
{
	const struct privacy_session *own = session ? privacy_session_of(session) : NULL;
	if (own && own->active)
		return own->active;
	return lists ? lists->standard : NULL;
}

/* --- rules of changes ----------------------------------------------------------------------------------- */

bool privacy_list_is_used(struct user *user, const struct privacy_list *list, const struct session *sender)
{
	const struct privacy_lists *lists = privacy_lists_of(user);
	for (struct session *session = user_first_session(user); session; session = session_next(session))
		if (session != sender && privacy_list_for(lists, session) == list)
			return true;
	return false;
}

bool privacy_edit_fits(const struct privacy_lists *lists, const struct privacy_edit *edit)
{
	size_t size = edit->after ? privacy_list_size(edit->after) : 0;
	for (uint32_t i = 0; lists && i < lists->count; i++)
		if (lists->lists[i] != edit->before)
			size += privacy_list_size(lists->lists[i]);
	return size <= PRIVACY_BYTES_MAX;
}

/* --- changing ------------------------------------------------------------------------------------------- */

struct privacy_list *privacy_standard_behind(
    const struct privacy_lists *lists, const struct privacy_edit *edit)
{
	if (edit->standard == STANDARD_IS_NONE)
		return NULL;
	if (edit->standard == STANDARD_IS_AFTER || (lists->standard && lists->standard == edit->before))
		return edit->after;
	return lists->standard;
}

static struct privacy_list *active_behind(const struct session *session, const struct privacy_edit *edit)
{
	const struct privacy_session *own = privacy_session_of(session);
	struct privacy_list *active = own ? own->active : NULL;
	return active && active == edit->before ? edit->after : active;
}

static void collect_all(struct user *user, const struct privacy_edit *edit, struct privacy_effects *effects)
{
	const struct privacy_lists *lists = privacy_lists_of(user);
	for (struct session *session = user_first_session(user); session; session = session_next(session)) {
		struct privacy_list *behind = active_behind(session, edit);
		privacy_effects_collect(effects, session, privacy_list_for(lists, session),
		    behind ? behind : privacy_standard_behind(lists, edit));
	}
}

static void put_active(struct session *session, struct privacy_list *list)
{
	struct privacy_session *own = list ? privacy_session_make(session) : privacy_session_of(session);
	if (!own || own->active == list)
		return;
	struct privacy_list *old = own->active;
	own->active = list ? privacy_list_ref(list) : NULL;
	privacy_list_unref(&old);
	session_state_changed(session);
}

static void take_out(struct privacy_lists *lists, const struct privacy_list *list)
{
	uint32_t at = 0;
	while (at < lists->count && lists->lists[at] != list)
		at++;
	if (at == lists->count)
		return;
	lists->count--;
	memmove(lists->lists + at, lists->lists + at + 1, (lists->count - at) * sizeof(lists->lists[0]));
}

/* The list itself: after is in before's place, with a reference of its own. */
static void replace(struct privacy_lists *lists, const struct privacy_edit *edit)
{
	if (edit->before == edit->after)
		return;
	if (!edit->before) {
		lists->lists = mem_realloc_array(lists->lists, lists->count + 1, sizeof(lists->lists[0]));
		lists->lists[lists->count++] = privacy_list_ref(edit->after);
	} else if (!edit->after) {
		take_out(lists, edit->before);
		privacy_list_unref(&(struct privacy_list *){edit->before});
	} else {
		for (uint32_t i = 0; i < lists->count; i++)
			if (lists->lists[i] == edit->before)
				lists->lists[i] = privacy_list_ref(edit->after);
		privacy_list_unref(&(struct privacy_list *){edit->before});
	}
}

static void put_in_force(struct user *user, const struct privacy_edit *edit)
{
	struct privacy_lists *lists = privacy_lists_make(user);
	struct privacy_list *standard = privacy_standard_behind(lists, edit);
	for (struct session *session = user_first_session(user); session; session = session_next(session))
		put_active(session, active_behind(session, edit));
	replace(lists, edit);
	lists->standard = standard;
	lists->changes++;
}

void privacy_edit_apply(struct user *user, struct privacy_edit *edit, privacy_saved *saved, void *arg)
{
	struct privacy_effects effects = {.only = edit->only, .only_count = edit->only_count};
	privacy_lists_make(user);
	user_hold(user);
	/* What others have to hear of must not keep the lists alive that it replaces. */
	if (edit->before)
		privacy_list_ref(edit->before);
	collect_all(user, edit, &effects);
	privacy_effects_before(user, &effects);
	put_in_force(user, edit);
	privacy_effects_behind(user, &effects);
	privacy_effects_fini(&effects);
	privacy_save(user, edit, saved, arg);
	privacy_list_unref(&edit->before);
	privacy_list_unref(&edit->after);
	user_release(user);
}

void privacy_activate(struct session *session, struct privacy_list *list)
{
	struct user *user = session_user(session);
	const struct privacy_lists *lists = privacy_lists_of(user);
	struct privacy_effects effects = {0};
	struct str resource = jid_resource(session_jid(session));
	privacy_effects_collect(&effects, session, privacy_list_for(lists, session),
	    list    ? list
	    : lists ? lists->standard
		    : NULL);
	user_hold(user);
	privacy_effects_before(user, &effects);
	if (user_session(user, resource) == session)
		put_active(session, list);
	privacy_effects_behind(user, &effects);
	privacy_effects_fini(&effects);
	user_release(user);
}
