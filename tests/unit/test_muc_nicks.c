/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/muc.h"
#include "route/host_private.h"
#include "test_store.h"

#define SERVICE "muc.example.org"
#define ROOM "den@" SERVICE
#define CAVE "cave@" SERVICE
#define ROMEO "romeo@example.org"
#define JULIET "juliet@example.org"

static enum schema_variant variant = VARIANT_SINGLE;
static struct host host = {.jid = {"example.org", 0, 11, 0}};
static struct module_instance instance = {.host = &host};
static struct muc muc = {.instance = &instance};

static void begin(void)
{
	struct err err = {""};

	fresh_dir();
	if (test_open(variant, &err) < 0) {
		printf("# %s\n", err.text);
		abort();
	}
	muc.nicks = muc_nicks_new();
}

static void end(void)
{
	muc_nicks_free(&muc.nicks);
	store_close();
	remove_dir();
}

/* What a module does with them, as calls that wait. */
static int run_ensure(void *arg, struct db *db, struct err *err)
{
	return muc_nicks_ensure(&muc, db, err);
}

static void ensure(void)
{
	struct err err = {""};
	is_int(store_call(STORE_READ, STR_NULL, run_ensure, NULL, &err), 0);
}

struct call {
	struct str where, bare, nick;
};

static int run_write(void *arg, struct db *db, struct err *err)
{
	const struct call *call = arg;
	return muc_nicks_write(&muc, db, call->where, call->bare, call->nick, err);
}

static int set(const char *where, const char *bare, const char *nick)
{
	struct call call = {str_of(where), str_of(bare), str_of(nick)};
	struct err err = {""};
	int rc = store_call(STORE_WRITE, STR_NULL, run_write, &call, &err);
	if (rc < 0)
		printf("# %s\n", err.text);
	if (rc == 0)
		muc_nicks_note(&muc, call.where, call.bare, call.nick);
	return rc;
}

static void is_owner(const char *where, const char *nick, const char *bare)
{
	struct arena arena = {0};
	struct str owner = muc_nicks_owner(&muc, str_of(where), str_of(nick), &arena);
	if (bare)
		is_text(owner, bare);
	else
		ok(!owner.ptr);
	arena_fini(&arena);
}

static void is_nick(const char *where, const char *bare, const char *nick)
{
	struct arena arena = {0};
	struct str found = muc_nicks_of(&muc, str_of(where), str_of(bare), &arena);
	if (nick)
		is_text(found, nick);
	else
		ok(!found.ptr);
	arena_fini(&arena);
}

static void test_registered(void)
{
	begin();
	ensure();
	is_owner(ROOM, "Romeo", NULL);
	is_int(set(ROOM, ROMEO, "Romeo"), 0);
	is_owner(ROOM, "Romeo", ROMEO);
	is_nick(ROOM, ROMEO, "Romeo");
	is_owner(ROOM, "romeo", NULL);
	is_owner(CAVE, "Romeo", NULL);
	is_owner(SERVICE, "Romeo", NULL);
	is_nick(SERVICE, ROMEO, NULL);
	is_int(set(ROOM, ROMEO, "Montague"), 0);
	is_owner(ROOM, "Romeo", NULL);
	is_owner(ROOM, "Montague", ROMEO);
	is_int(set(ROOM, ROMEO, ""), 0);
	is_owner(ROOM, "Montague", NULL);
	is_nick(ROOM, ROMEO, NULL);
	is_int(set(ROOM, ROMEO, ""), 0);
	is_int((int)raw_int("SELECT COUNT(*) FROM muc_registered"), 0);
	end();
}

static void test_conflicts(void)
{
	begin();
	ensure();
	is_int(set(ROOM, ROMEO, "Romeo"), 0);
	is_int(set(ROOM, JULIET, "Romeo"), 1);
	is_nick(ROOM, JULIET, NULL);
	is_int(set(SERVICE, JULIET, "Romeo"), 1);
	is_int(set(CAVE, JULIET, "Romeo"), 0);
	is_int(set("den@other.example.org", JULIET, "Romeo"), 0);
	is_int(set("other.example.org", JULIET, "Romeo"), 0);
	is_int(set(SERVICE, ROMEO, "Montague"), 0);
	is_int(set(ROOM, JULIET, "Montague"), 1);
	is_int(set(SERVICE, JULIET, "Montague"), 1);
	is_int(set(ROOM, ROMEO, "Montague"), 0);
	is_int(set(SERVICE, JULIET, "Romeo"), 0);
	end();
}

static void test_loaded(void)
{
	begin();
	raw_sql(variant == VARIANT_MULTIHOST
		    ? "INSERT INTO muc_registered (server_host, jid, host, nick) VALUES "
		      "('example.org', '" ROMEO "', '" ROOM "', 'Romeo'), ('example.net', '" JULIET "', '" ROOM
		      "', 'Juliet')"
		    : "INSERT INTO muc_registered (jid, host, nick) VALUES ('" ROMEO "', '" ROOM
		      "', 'Romeo'), ('" JULIET "', '" ROOM "', '')");
	is_owner(ROOM, "Romeo", NULL);
	ensure();
	ensure();
	is_owner(ROOM, "Romeo", ROMEO);
	is_nick(ROOM, JULIET, NULL);
	is_int(set(ROOM, ROMEO, ""), 0);
	is_owner(ROOM, "Romeo", NULL);
	end();
}

static int run_remove(void *arg, struct db *db, struct err *err)
{
	return muc_nicks_remove(&muc, db, STR(ROOM), err);
}

static void test_removed(void)
{
	struct err err = {""};
	begin();
	ensure();
	ok(!muc_nicks_any(&muc, STR(ROOM)));
	is_int(set(ROOM, ROMEO, "Romeo"), 0);
	is_int(set(ROOM, JULIET, "Juliet"), 0);
	is_int(set(CAVE, JULIET, "Juliet"), 0);
	ok(muc_nicks_any(&muc, STR(ROOM)));
	is_int(store_call(STORE_WRITE, STR_NULL, run_remove, NULL, &err), 0);
	muc_nicks_forget(&muc, STR(ROOM));
	ok(!muc_nicks_any(&muc, STR(ROOM)));
	is_owner(ROOM, "Juliet", NULL);
	is_owner(CAVE, "Juliet", JULIET);
	is_int((int)raw_int("SELECT COUNT(*) FROM muc_registered"), 1);
	end();
}

static void test_both_schemas(void)
{
	variant = VARIANT_MULTIHOST;
	test_registered();
	test_conflicts();
	test_loaded();
	test_removed();
}

int main(void)
{
	run(test_registered);
	run(test_conflicts);
	run(test_loaded);
	run(test_removed);
	run(test_both_schemas);
	return tap_done();
}
