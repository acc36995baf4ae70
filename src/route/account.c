/* SPDX-License-Identifier: Apache-2.0 */
#include "route/account.h"

#include <stdlib.h>
#include <time.h>

#include "base/list.h"
#include "base/mem.h"
#include "loop/timer.h"
#include "route/host_private.h"
#include "route/user_private.h"
#include "stanzad/log.h"

#define ENDING_STEP_MS 5
#define ENDING_STEPS 400 /* sessions that are not gone by then are left to end */
#define OWN_SESSION_MS 1000

/* One account, and the host's tables while modules are called for it on this thread. */
struct account {
	struct jid jid; /* bare */
	struct arena arena;
	struct str spare; /* resource whose session stays for now; empty: none */
	struct str password; /* removed only if it is this; NULL: whatever it is */
	struct host_tables *tables;
	struct user *user; /* held */
	bool busy;         /* sessions are still ending */
	struct err *err;
};

static int account_init(struct account *account, struct str host, struct str user, struct err *err)
{
	*account = (struct account){.err = err};
	return jid_make(user, host, STR_NULL, &account->arena, &account->jid, err);
}

/* --- on the home worker ------------------------------------------------------------------------------- */

static void take_tables(struct account *account)
{
	struct host *host = host_find(jid_domain(&account->jid));

	if (!host)
		return;
	account->tables = host_tables_ref(host);
	host_tables_hold(account->tables, 1);
}

static void leave_tables(struct account *account)
{
	if (!account->tables)
		return;
	host_tables_hold(account->tables, -1);
	host_tables_unref(account->tables);
	account->tables = NULL;
}

static void on_take_tables(void *arg)
{
	take_tables(arg);
}

static void on_registered(void *arg)
{
	struct account *account = arg;
	struct user *user = user_find(jid_bare(&account->jid));

	if (user)
		user->exists = true;
}

static void on_removal_begins(void *arg, struct user *user)
{
	struct account *account = arg;

	if (!user)
		return;
	account->user = user;
	user_hold(user);
	take_tables(account);
}

static void close_session(struct session *session)
{
	session_close(session, "not-authorized", "this account was removed");
}

static void on_end_sessions(void *arg)
{
	struct account *account = arg;
	struct session *next;

	account->busy = false;
	for (struct session *session = user_first_session(account->user); session; session = next) {
		next = session_next(session);
		if (account->spare.len && str_eq(jid_resource(session_jid(session)), account->spare))
			continue;
		account->busy = true;
		close_session(session);
	}
}

static void on_are_sessions_gone(void *arg)
{
	struct account *account = arg;

	account->busy = user_session_count(account->user) > (account->spare.len ? 1 : 0);
}

struct own_session {
	struct timer timer;
	struct list link;
	struct jid jid; /* full; heap */
};

static struct list own_sessions[256]; /* one a worker */

static void own_session_free(struct own_session *own)
{
	timer_stop(&own->timer);
	list_remove(&own->link);
	free((char *)own->jid.text);
	free(own);
}

void accounts_fini(void *unused)
{
	struct list *list = &own_sessions[worker_index(worker_self())];

	while (list->next && !list_empty(list))
		own_session_free(list_entry(list->next, struct own_session, link));
}

static void on_own_session_over(struct timer *timer)
{
	struct own_session *own = list_entry(timer, struct own_session, timer);
	struct user *user = user_find(jid_bare(&own->jid));
	struct session *session = user ? user_session(user, jid_resource(&own->jid)) : NULL;

	if (session)
		close_session(session);
	own_session_free(own);
}

static void end_own_session(const struct account *account)
{
	struct session *session = user_session(account->user, account->spare);

	if (!session)
		return;
	struct own_session *own = mem_zalloc(sizeof(*own));
	struct list *list = &own_sessions[worker_index(worker_self())];
	if (!list->next)
		list_init(list);
	list_add_before(list, &own->link);
	own->jid = jid_dup_heap(session_jid(session));
	timer_start(&own->timer, OWN_SESSION_MS, on_own_session_over);
}

static void on_removed(void *arg)
{
	struct account *account = arg;
	struct user *user = account->user;

	user->exists = false;
	hook_run_user_gone(user->host, &(struct hook_user){user});
	if (account->spare.len)
		end_own_session(account);
	user_release(user);
}

static void on_removal_failed(void *arg)
{
	user_release(((struct account *)arg)->user);
}

/* --- on the calling thread ---------------------------------------------------------------------------- */

/* < 0: a module does not want an account of that name. */
static int run_check(struct account *account)
{
	struct hook_register_check event = {jid_domain(&account->jid), jid_local(&account->jid), account->err};
	const struct hook_table *table = &account->tables->hooks[HOOK_register_check];

	err_set(account->err, "an account of this name is not made here");
	for (unsigned i = 0; i < table->count; i++)
		if (hook_call_register_check(&table->slots[i], &event) != HOOK_PASS)
			return -1;
	return 0;
}

static void run_registered(struct account *account)
{
	struct hook_user_registered event = {jid_domain(&account->jid), jid_local(&account->jid)};
	const struct hook_table *table = &account->tables->hooks[HOOK_user_registered];

	for (unsigned i = 0; i < table->count; i++)
		hook_call_user_registered(&table->slots[i], &event);
}

static void run_password_changed(struct account *account)
{
	struct hook_user_registered event = {jid_domain(&account->jid), jid_local(&account->jid)};
	const struct hook_table *table = &account->tables->hooks[HOOK_password_changed];

	for (unsigned i = 0; i < table->count; i++)
		hook_call_password_changed(&table->slots[i], &event);
}

static enum auth_outcome register_checked(struct account *account, struct str password)
{
	struct str bare = jid_bare(&account->jid);
	enum auth_outcome outcome = AUTH_NOT_ALLOWED;

	command_on_home(bare, on_take_tables, account);
	if (!account->tables)
		err_set(account->err, "%.*s is not a host of this server", STR_FMT(jid_domain(&account->jid)));
	else if (run_check(account) == 0)
		outcome = auth_register(
		    jid_domain(&account->jid), jid_local(&account->jid), password, account->err);
	if (outcome == AUTH_OK) {
		command_on_home(bare, on_registered, account);
		run_registered(account);
		LOG_INFO("account.registered", LOG_STR("user", bare));
	}
	leave_tables(account);
	return outcome;
}

enum auth_outcome account_register(struct str host, struct str user, struct str password, struct err *err)
{
	struct account account;
	enum auth_outcome outcome = AUTH_NOT_ALLOWED;

	if (account_init(&account, host, user, err) == 0)
		outcome = register_checked(&account, password);
	arena_fini(&account.arena);
	return outcome;
}

enum auth_outcome account_set_password(struct str host, struct str user, struct str password, struct err *err)
{
	struct account account;
	enum auth_outcome outcome = AUTH_NO_USER;

	if (account_init(&account, host, user, err) == 0)
		outcome = auth_set_password(host, user, password, err);
	if (outcome == AUTH_OK) {
		command_on_home(jid_bare(&account.jid), on_take_tables, &account);
		if (account.tables)
			run_password_changed(&account);
		leave_tables(&account);
	}
	arena_fini(&account.arena);
	return outcome;
}

/* In the transaction of the removal. */
static int run_removed(void *arg, struct db *db, struct err *err)
{
	struct account *account = arg;
	const struct hook_table *table = &account->tables->hooks[HOOK_user_removed];

	for (unsigned i = 0; i < table->count; i++) {
		struct hook_user_removed event = {
		    .db = db,
		    .host = jid_domain(&account->jid),
		    .user = jid_local(&account->jid),
		    .err = err,
		};
		hook_call_user_removed(&table->slots[i], &event);
		if (event.result < 0)
			return -1;
	}
	return 0;
}

/* What a session writes when it ends must be written before it is removed. */
static void end_sessions(struct account *account)
{
	struct str bare = jid_bare(&account->jid);

	command_on_home(bare, on_end_sessions, account);
	for (int step = 0; account->busy && step < ENDING_STEPS; step++) {
		nanosleep(&(struct timespec){.tv_nsec = ENDING_STEP_MS * 1000000L}, NULL);
		command_on_home(bare, on_are_sessions_gone, account);
	}
}

/* Who may refuse is asked while nothing is lost yet. */
static enum auth_outcome ask_first(struct account *account, bool removes)
{
	struct str host = jid_domain(&account->jid), user = jid_local(&account->jid);

	if (!account->password.ptr)
		return removes ? auth_remove(host, user, account->err) : AUTH_OK;
	return removes ? auth_remove_with_password(host, user, account->password, account->err)
		       : auth_check_password(host, user, account->password, account->err);
}

static enum auth_outcome remove_loaded(struct account *account)
{
	struct str bare = jid_bare(&account->jid), host = jid_domain(&account->jid);
	bool asks_first = auth_waits(host);
	enum auth_outcome outcome = ask_first(account, asks_first);

	if (outcome == AUTH_OK) {
		end_sessions(account);
		if (store_call(STORE_WRITE, bare, run_removed, account, account->err) < 0)
			outcome = AUTH_UNAVAILABLE;
		else if (!asks_first)
			outcome = auth_remove(host, jid_local(&account->jid), account->err);
	}
	command_on_home(bare, outcome == AUTH_OK ? on_removed : on_removal_failed, account);
	if (outcome == AUTH_OK)
		LOG_INFO("account.removed", LOG_STR("user", bare));
	return outcome;
}

static enum auth_outcome remove_account(
    struct str host, struct str user, struct str spare, struct str password, struct err *err)
{
	struct account account;
	enum auth_outcome outcome = AUTH_NO_USER;

	if (account_init(&account, host, user, err) == 0)
		outcome = auth_user_exists(host, user, err);
	if (outcome == AUTH_OK) {
		account.spare = spare;
		account.password = password;
		command_on_user(jid_bare(&account.jid), on_removal_begins, &account);
		if (account.user) {
			outcome = remove_loaded(&account);
		} else {
			err_set(err, "the user's data cannot be read now; the log says why");
			outcome = AUTH_UNAVAILABLE;
		}
		leave_tables(&account);
	}
	arena_fini(&account.arena);
	return outcome;
}

enum auth_outcome account_remove(struct str host, struct str user, struct err *err)
{
	return remove_account(host, user, STR_NULL, STR_NULL, err);
}

enum auth_outcome account_remove_own(const struct jid *full, struct str password, struct err *err)
{
	return remove_account(jid_domain(full), jid_local(full), jid_resource(full), password, err);
}
