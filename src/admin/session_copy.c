/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "admin/sessions.h"
#include "route/user_private.h"
#include "stanzad/command.h"

struct collector {
	pthread_mutex_t lock; /* of everything below that changes */
	struct str host;
	struct session_copies *copies; /* NULL: only count */
	struct session_copy **end;
	unsigned count;
};

/* --- on workers --------------------------------------------------------------------------------------- */

static struct str child_text(const struct stanza *presence, const char *name, struct arena *arena)
{
	struct strbuf buf = {0};
	struct str text = arena_str(arena, xml_child_text(presence->root, name, &buf));

	strbuf_fini(&buf);
	return text;
}

static void copy_presence(const struct session *session, struct session_copy *copy, struct arena *arena)
{
	const struct stanza *presence = session_presence(session);

	if (!presence) {
		copy->show = STR("unavailable");
		return;
	}
	copy->priority = session_priority(session);
	copy->show = str_trim(child_text(presence, "show", arena));
	copy->status = child_text(presence, "status", arena);
	if (!copy->show.len)
		copy->show = STR("available");
}

static void copy_session(struct collector *collector, const struct session *session)
{
	struct arena *arena = &collector->copies->arena;
	struct session_copy *copy = arena_zalloc(arena, sizeof(*copy));
	const struct jid *jid = session_jid(session);
	struct session_about about = {0};

	session_about(session, &about);
	copy->jid = arena_str(arena, jid_full(jid));
	copy->bare = (struct str){copy->jid.ptr, jid_bare(jid).len};
	copy->resource = (struct str){copy->jid.ptr + copy->bare.len + 1, jid->resource_len};
	copy->ip = arena_str(arena, about.address);
	copy->port = about.port;
	copy->connection = about.connection ? about.connection : "";
	copy->since_us = about.since_us;
	copy_presence(session, copy, arena);
	*collector->end = copy;
	collector->end = &copy->next;
	collector->count++;
}

static void copy_user(void *arg, struct user *user)
{
	struct collector *collector = arg;

	if (collector->host.len && !str_eq(jid_domain(user_jid(user)), collector->host))
		return;
	if (!collector->copies) {
		collector->count += user_session_count(user);
		return;
	}
	for (struct session *session = user_first_session(user); session; session = session_next(session))
		copy_session(collector, session);
}

static void on_worker(void *arg)
{
	struct collector *collector = arg;

	pthread_mutex_lock(&collector->lock);
	users_each(copy_user, collector);
	pthread_mutex_unlock(&collector->lock);
}

struct user_collector {
	struct collector collector;
	struct str bare;
};

static void on_home(void *arg)
{
	struct user_collector *of_user = arg;
	struct user *user = user_find(of_user->bare);

	if (user)
		copy_user(&of_user->collector, user);
}

/* --- on threads of commands --------------------------------------------------------------------------- */

void sessions_copy(struct str host, struct session_copies *copies_r)
{
	struct collector collector = {PTHREAD_MUTEX_INITIALIZER, host, copies_r, &copies_r->first, 0};

	*copies_r = (struct session_copies){0};
	command_on_workers(on_worker, &collector);
	copies_r->count = collector.count;
}

void sessions_copy_user(struct str bare, struct session_copies *copies_r)
{
	struct user_collector of_user = {
	    {PTHREAD_MUTEX_INITIALIZER, STR_NULL, copies_r, &copies_r->first, 0},
	    bare,
	};

	*copies_r = (struct session_copies){0};
	command_on_home(bare, on_home, &of_user);
	copies_r->count = of_user.collector.count;
}

void session_copies_fini(struct session_copies *copies)
{
	arena_fini(&copies->arena);
}

unsigned sessions_count(struct str host)
{
	struct collector collector = {PTHREAD_MUTEX_INITIALIZER, host, NULL, NULL, 0};

	command_on_workers(on_worker, &collector);
	return collector.count;
}
