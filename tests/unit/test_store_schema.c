/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "store/lock.h"
#include "store/marks.h"
#include "store/schema.h"
#include "test_store.h"

static void marks_are(const char *sql, bool multihost, const char *want, unsigned params, uint64_t dropped)
{
	struct strbuf out = {0};
	struct marks marks;

	is_int(marks_rewrite(sql, multihost, &out, &marks, NULL), 0);
	is_text(strbuf_view(&out), want);
	is_int(marks.params, params);
	is_int(marks.dropped, dropped);
	strbuf_fini(&out);
}

static void test_marks(void)
{
	struct strbuf out = {0};
	struct marks marks;
	struct err err;

	marks_are("SELECT a FROM t WHERE {host=} b = ?", true,
	    "SELECT a FROM t WHERE server_host = ? AND b = ?", 2, 0);
	marks_are("SELECT a FROM t WHERE {host=} b = ?", false, "SELECT a FROM t WHERE  b = ?", 2, 1);
	marks_are("INSERT INTO t (a, {host,} b) VALUES (?, {?,} '?{')", false,
	    "INSERT INTO t (a,  b) VALUES (?,  '?{')", 2, 2);
	marks_are("{host,} {excluded}.x = \"{?\"", true, "server_host, excluded.x = \"{?\"", 0, 0);
	ok(marks_rewrite("SELECT {nonsense}", true, &out, &marks, &err) < 0);
	ok(strstr(err.text, "{nonsense}") != NULL);
	strbuf_fini(&out);
}

static void test_tables(void)
{
	int tables = 0, multihost = 0;
	struct strbuf sql = {0};

	for (const struct schema_table *table = schema_tables; table->name; table++) {
		tables++;
		multihost += table->multihost;
		ok(!table->owner || schema_version(str_of(table->owner)) > 0);
	}
	/* ejabberd's 42, and the two that it makes while it runs. */
	is_int(tables, 44);
	is_int(multihost, 26);
	schema_table_sql(schema_table_find(STR("users")), DIALECT_MYSQL, true, &sql);
	ok(strstr(sql.ptr, "username varchar(191) NOT NULL") &&
	    strstr(sql.ptr, "(server_host, username, type)"));
	strbuf_reset(&sql);
	schema_table_sql(schema_table_find(STR("route")), DIALECT_MYSQL, false, &sql);
	ok(strstr(sql.ptr, "(domain(75), server_host(75), node(75), pid(75))") != NULL);
	strbuf_reset(&sql);
	schema_table_sql(schema_table_find(STR("spool")), DIALECT_PGSQL, false, &sql);
	ok(strstr(sql.ptr, "seq bigserial") && strstr(sql.ptr, "ON spool (username)"));
	strbuf_fini(&sql);
}

static void variant_is(enum schema_variant variant, int64_t hosts)
{
	struct err err = {""};

	fresh_dir();
	is_int(test_open(variant, &err), 0);
	is_cstr(err.text, "");
	store_close();
	is_int(
	    raw_int("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"),
	    44);
	is_int(raw_int("SELECT count(*) FROM sqlite_master AS t JOIN pragma_table_info(t.name) AS c "
		       "WHERE t.type = 'table' AND c.name = 'server_host'"),
	    hosts);
	is_int(raw_int("SELECT version FROM schema_version WHERE module = 'stanzad'"), 1);
	is_int(raw_int("SELECT version FROM schema_version WHERE module = 'mod_mam_sql'"), 2);
	is_int(raw_int("SELECT count(*) FROM schema_version"), 25);
	struct stat status;
	ok(stat(test_file, &status) == 0 && (status.st_mode & 0777) == 0600);
	is_int(test_open(variant, &err), 0);
	store_close();
}

static void test_variants(void)
{
	struct err err;

	/* One more than the marked tables: route has the column in both variants. */
	variant_is(VARIANT_SINGLE, 1);
	ok(test_open(VARIANT_MULTIHOST, &err) < 0);
	ok(strstr(err.text, "single-host schema") != NULL);
	is_int(test_open(VARIANT_ANY, &err), 0);
	store_close();
	struct store_settings settings = test_settings(VARIANT_SINGLE);
	settings.hosts = 2;
	ok(store_open_settings(&settings, &err) < 0);
	ok(strstr(err.text, "holds one virtual host") != NULL);
	remove_dir();

	variant_is(VARIANT_ANY, 27);
	ok(test_open(VARIANT_SINGLE, &err) < 0);
	ok(strstr(err.text, "multihost schema") != NULL);
	raw_sql("DROP TABLE motd; CREATE TABLE motd (username text, xml text)");
	ok(test_open(VARIANT_ANY, &err) < 0);
	ok(strstr(err.text, "both schemas") != NULL);
	remove_dir();
}

/* The tables of 23.01 that have changed since, and one that has not. */
#define TABLES_2301(host, host_key)                                                                          \
	"CREATE TABLE users (username text NOT NULL, " host                                                  \
	"password text NOT NULL, serverkey text NOT NULL DEFAULT '',"                                        \
	" salt text NOT NULL DEFAULT '', iterationcount integer NOT NULL DEFAULT 0,"                         \
	" created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (" host_key "username));"     \
	"CREATE TABLE rosterusers (username text NOT NULL, " host "jid text NOT NULL, nick text NOT NULL,"   \
	" subscription character(1) NOT NULL, ask character(1) NOT NULL, askmessage text NOT NULL,"          \
	" server character(1) NOT NULL, subscribe text NOT NULL, type text,"                                 \
	" created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP);"                                         \
	"CREATE TABLE archive (username text NOT NULL, " host                                                \
	"timestamp bigint NOT NULL, peer text NOT NULL,"                                                     \
	" bare_peer text NOT NULL, xml text NOT NULL, txt text, id integer PRIMARY KEY AUTOINCREMENT, kind " \
	"text,"                                                                                              \
	" nick text, created_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP);"                              \
	"CREATE TABLE last (username text NOT NULL, " host "seconds text NOT NULL, state text NOT NULL);"

static const char single_2301[] = TABLES_2301(
    "", "") "INSERT INTO users (username, password) VALUES ('ann', 'sha256:abc'), ('bob', 'plain');"
	    "INSERT INTO rosterusers (username, jid, nick, subscription, ask, askmessage, server, subscribe)"
	    " VALUES ('ann', 'bob@x', '', 'B', 'N', '', 'N', '');"
	    "INSERT INTO archive (username, timestamp, peer, bare_peer, xml) VALUES ('ann', 5, 'p', 'p', "
	    "'<message/>');";

static const char multihost_2301[] = TABLES_2301(
    "server_host text NOT NULL, ", "server_host, ") "INSERT INTO users (username, server_host, password) "
						    "VALUES ('ann', 'x', 'one'), ('ann', 'y', 'two');";

static void test_from_2301(void)
{
	struct err err = {""};
	struct strbuf out = {0};
	struct store_settings settings;

	fresh_dir();
	raw_sql(single_2301);
	settings = test_settings(VARIANT_SINGLE);
	is_int(store_explain_settings(&settings, &out, &err), 0);
	ok(strstr(out.ptr, "change table users: ") && strstr(out.ptr, "change table archive: "));
	ok(strstr(out.ptr, "make table spool\n") && !strstr(out.ptr, "make table users"));
	is_int(raw_int("SELECT count(*) FROM sqlite_master WHERE name = 'spool'"), 0);
	settings.may_upgrade = false;
	ok(store_open_settings(&settings, &err) < 0);
	ok(strstr(err.text, "update_sql_schema is false") != NULL);

	is_int(test_open(VARIANT_SINGLE, &err), 0);
	store_close();
	is_int(
	    raw_int("SELECT count(*) FROM users WHERE type = 0 AND password IN ('sha256:abc', 'plain')"), 2);
	is_int(raw_int("SELECT count(*) FROM pragma_table_info('users') WHERE pk > 0"), 2);
	is_int(raw_int("SELECT count(*) FROM rosterusers WHERE approved = 0"), 1);
	is_int(raw_int("SELECT count(*) FROM archive WHERE origin_id = ''"), 1);
	is_int(raw_int("SELECT count(*) FROM sqlite_master WHERE name = 'users_before'"), 0);
	is_int(raw_int("SELECT version FROM schema_version WHERE module = 'ejabberd_auth_sql'"), 2);
	settings = test_settings(VARIANT_ANY);
	strbuf_reset(&out);
	is_int(store_explain_settings(&settings, &out, &err), 0);
	is_int(out.len, 0);
	store_settings_fini(&settings);
	strbuf_fini(&out);
	remove_dir();
}

static int64_t archive_indexes(const char *like)
{
	char sql[200];

	snprintf(sql, sizeof(sql),
	    "SELECT count(*) FROM sqlite_master WHERE type = 'index' AND tbl_name = 'archive' AND name LIKE '%s'",
	    like);
	return raw_int(sql);
}

/* An index that ejabberd does not have is made beside its tables, but only where these may be altered. */
static void test_indexes(void)
{
	struct err err = {""};
	struct store_settings settings;

	fresh_dir();
	is_int(test_open(VARIANT_ANY, &err), 0);
	store_close();
	is_int(archive_indexes("i_archive_username_%peer_timestamp"), 1);
	raw_sql("DROP INDEX i_archive_username_bare_peer_timestamp; "
		"CREATE INDEX i_archive_sh_username_bare_peer ON archive (server_host, username, bare_peer)");
	settings = test_settings(VARIANT_ANY);
	settings.may_upgrade = false;
	is_int(store_open_settings(&settings, &err), 0);
	store_close();
	is_int(archive_indexes("%peer_timestamp"), 0);
	is_int(test_open(VARIANT_ANY, &err), 0);
	store_close();
	is_int(archive_indexes("%peer_timestamp"), 1);
	is_int(archive_indexes("%peer"), 0);
	remove_dir();
}

static void test_from_2301_multihost(void)
{
	struct err err = {""};

	fresh_dir();
	raw_sql(multihost_2301);
	is_int(test_open(VARIANT_ANY, &err), 0);
	ok(str_is(str_of(err.text), ""));
	store_close();
	is_int(
	    raw_int("SELECT count(*) FROM users WHERE type = 0 AND (server_host, password) IN (('x', 'one'),"
		    " ('y', 'two'))"),
	    2);
	is_int(raw_int("SELECT count(*) FROM pragma_table_info('users') WHERE pk > 0"), 3);
	remove_dir();
}

/* Whatever statement of the upgrade fails, nothing is lost and the next start completes it. */
static void test_upgrade_interrupted(void)
{
	unsigned n = 0;
	int rc;

	do {
		struct err err = {""};
		fresh_dir();
		raw_sql(single_2301);
		store_fail_at(++n);
		rc = test_open(VARIANT_ANY, &err);
		store_fail_at(0);
		if (rc == 0)
			store_close();
		else
			ok(strstr(err.text, "injected failure") != NULL);
		is_int(raw_int("SELECT count(*) FROM users"), 2);
		ok(test_open(VARIANT_ANY, &err) == 0);
		store_close();
		is_int(raw_int("SELECT count(*) FROM users WHERE type = 0"), 2);
		remove_dir();
	} while (rc < 0 && n < 1000);
	ok(n > 20 && n < 1000);
}

static void test_newer_refused(void)
{
	struct err err = {""};

	fresh_dir();
	is_int(test_open(VARIANT_ANY, &err), 0);
	store_close();
	raw_sql("UPDATE schema_version SET version = 77 WHERE module = 'stanzad'");
	ok(test_open(VARIANT_ANY, &err) < 0);
	ok(strstr(err.text, "version 77 of stanzad") && strstr(err.text, "up to version 1"));
	raw_sql("UPDATE schema_version SET version = 1 WHERE module = 'stanzad';"
		"INSERT INTO schema_version (module, version) VALUES ('mod_of_someone_else', 9)");
	is_int(test_open(VARIANT_ANY, &err), 0);
	store_close();
	remove_dir();
}

static void overwrite(off_t from, off_t len)
{
	int fd = open(test_file, O_WRONLY);

	for (off_t at = from; at < from + len; at++)
		if (pwrite(fd, "\x5a", 1, at) != 1)
			abort();
	close(fd);
}

static void test_damaged(void)
{
	struct err err = {""};
	struct stat status;

	fresh_dir();
	is_int(test_open(VARIANT_ANY, &err), 0);
	store_close();
	overwrite(0, 16);
	ok(test_open(VARIANT_ANY, &err) < 0);
	ok(strstr(err.text, "is not a database") && strstr(err.text, "restore a backup"));
	remove_dir();

	fresh_dir();
	is_int(test_open(VARIANT_ANY, &err), 0);
	store_close();
	/* Every page but those with the definitions. */
	stat(test_file, &status);
	overwrite(status.st_size / 2, status.st_size / 2);
	ok(test_open(VARIANT_ANY, &err) < 0);
	ok(strstr(err.text, "is damaged") && strstr(err.text, "restore a backup") &&
	    strstr(err.text, test_file));
	remove_dir();

	fresh_dir();
	is_int(test_open(VARIANT_ANY, &err), 0);
	store_close();
	if (truncate(test_file, status.st_size / 4096 / 2 * 4096) < 0)
		abort();
	ok(test_open(VARIANT_ANY, &err) < 0);
	ok(strstr(err.text, "is damaged") != NULL);
	remove_dir();
}

static void test_lock(void)
{
	struct err err = {""};
	char want[160];
	int status, fd = -1;

	fresh_dir();
	is_int(test_open(VARIANT_ANY, &err), 0);
	ok(lock_take(test_dir, &fd, &err) < 0);
	snprintf(want, sizeof(want), "data directory %s is in use by pid %ld", test_dir, (long)getpid());
	is_cstr(err.text, want);
	store_close();
	is_int(lock_take(test_dir, &fd, &err), 0);
	lock_drop(&fd);

	/* The lock does not outlive its process. */
	pid_t child = fork();
	if (child == 0)
		_exit(lock_take(test_dir, &fd, &err) < 0);
	waitpid(child, &status, 0);
	is_int(status, 0);
	is_int(lock_take(test_dir, &fd, &err), 0);
	lock_drop(&fd);
	remove_dir();
	ok(lock_take("/nowhere/at/all", &fd, &err) < 0);
	ok(strstr(err.text, "/nowhere/at/all") != NULL);
}

int main(void)
{
	run(test_marks);
	run(test_tables);
	run(test_variants);
	run(test_from_2301);
	run(test_indexes);
	run(test_from_2301_multihost);
	run(test_upgrade_interrupted);
	run(test_newer_refused);
	run(test_damaged);
	run(test_lock);
	return tap_done();
}
