/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_roster/roster_store.h"
#include "test_store.h"

static struct jid user = {"romeo@example.org", 5, 11, 0};
static enum schema_variant variant;

static void begin(void)
{
	struct err err = {""};

	fresh_dir();
	if (test_open(variant, &err) < 0) {
		printf("# %s\n", err.text);
		abort();
	}
}

static void end(void)
{
	store_close();
	remove_dir();
}

/* --- calling it as a storage thread does ---------------------------------------------------------------- */

struct call {
	const struct roster_item *item;
	const char *version;
	struct arena arena;
	struct roster_rows *rows;
};

static int run_write(void *arg, struct db *db, struct err *err)
{
	struct call *call = arg;

	return roster_item_write(db, &user, call->item, call->version, err);
}

static int run_read(void *arg, struct db *db, struct err *err)
{
	struct call *call = arg;

	return roster_rows_read(db, &user, true, &call->arena, &call->rows, err);
}

static int run_delete(void *arg, struct db *db, struct err *err)
{
	return roster_delete(db, jid_domain(&user), jid_local(&user), err);
}

static void write_item(const struct roster_item *item, const char *version)
{
	struct call call = {.item = item, .version = version};
	struct err err = {""};

	if (store_call(STORE_WRITE, jid_bare(&user), run_write, &call, &err) < 0)
		printf("# %s\n", err.text);
}

static struct roster *read_roster(void)
{
	struct call call = {0};
	struct roster *roster = roster_new();
	struct err err = {""};

	if (store_call(STORE_READ, jid_bare(&user), run_read, &call, &err) < 0) {
		printf("# %s\n", err.text);
		abort();
	}
	roster_fill(roster, call.rows);
	arena_fini(&call.arena);
	return roster;
}

/* --- looking at the columns ----------------------------------------------------------------------------- */

static void column_is(const char *column, const char *jid, const char *wanted)
{
	sqlite3 *handle;
	sqlite3_stmt *statement;
	char sql[200];

	snprintf(sql, sizeof(sql), "SELECT %s FROM rosterusers WHERE username = 'romeo' AND jid = '%s'",
	    column, jid);
	sqlite3_open(test_file, &handle);
	sqlite3_prepare_v2(handle, sql, -1, &statement, NULL);
	if (sqlite3_step(statement) == SQLITE_ROW)
		is_cstr((const char *)sqlite3_column_text(statement, 0), wanted);
	else
		ok(!"there is no row");
	sqlite3_finalize(statement);
	sqlite3_close(handle);
}

/* A row as ejabberd writes it. */
static void put_row(const char *jid, const char *subscription, const char *ask, const char *askmessage)
{
	char sql[400];

	snprintf(sql, sizeof(sql),
	    "INSERT INTO rosterusers (%susername, jid, nick, subscription, ask, askmessage, server, "
	    "subscribe, type) "
	    "VALUES (%s'romeo', '%s', '', '%s', '%s', '%s', 'N', '', 'item')",
	    variant == VARIANT_MULTIHOST ? "server_host, " : "",
	    variant == VARIANT_MULTIHOST ? "'example.org', " : "", jid, subscription, ask, askmessage);
	raw_sql(sql);
}

/* --- tests ---------------------------------------------------------------------------------------------- */

static void there_and_back(void)
{
	struct str groups[] = {STR("One"), STR("Zwei & drei")};
	struct roster_item juliet = {.jid = STR("juliet@example.org"),
	    .name = STR("Juliet <3"),
	    .groups = groups,
	    .group_count = 2,
	    .subscription = ROSTER_FROM,
	    .ask = true,
	    .approved = true,
	    .listed = true};
	struct roster_item friar = {.jid = STR("example.com"),
	    .subscription = ROSTER_TO,
	    .pending_in = true,
	    .listed = true,
	    .request = STR("<status>please</status>")};

	begin();
	write_item(&juliet, NULL);
	write_item(&friar, NULL);
	struct roster *roster = read_roster();
	is_int(roster->count, 2);
	const struct roster_item *got = roster_get(roster, juliet.jid);
	ok(got && roster_item_same(got, &juliet));
	ok(got && got->listed && !got->pending_in);
	got = roster_get(roster, friar.jid);
	ok(got && roster_item_same(got, &friar));
	ok(got && got->pending_in);
	is_text(got->request, "<status>please</status>");
	roster_free(&roster);

	juliet.group_count = 1;
	juliet.name = STR_NULL;
	write_item(&juliet, NULL);
	roster = read_roster();
	ok(roster_item_same(roster_get(roster, juliet.jid), &juliet));
	roster_free(&roster);
	is_int(raw_int("SELECT count(*) FROM rostergroups"), 1);

	friar.subscription = ROSTER_REMOVE;
	write_item(&friar, NULL);
	is_int(raw_int("SELECT count(*) FROM rosterusers"), 1);
	struct err err = {""};
	is_int(store_call(STORE_WRITE, jid_bare(&user), run_delete, NULL, &err), 0);
	is_int(raw_int("SELECT count(*) FROM rosterusers"), 0);
	is_int(raw_int("SELECT count(*) FROM rostergroups"), 0);
	end();
}

static void test_there_and_back(void)
{
	variant = VARIANT_MULTIHOST;
	there_and_back();
	variant = VARIANT_SINGLE;
	there_and_back();
}

static void test_columns(void)
{
	static const struct {
		struct roster_item item;
		const char *subscription, *ask;
	} rows[] = {
	    {{.subscription = ROSTER_NONE, .listed = true}, "N", "N"},
	    {{.subscription = ROSTER_NONE, .ask = true, .listed = true}, "N", "O"},
	    {{.subscription = ROSTER_NONE, .pending_in = true}, "N", "I"},
	    {{.subscription = ROSTER_NONE, .ask = true, .pending_in = true, .listed = true}, "N", "B"},
	    {{.subscription = ROSTER_TO, .pending_in = true, .listed = true}, "T", "I"},
	    {{.subscription = ROSTER_FROM, .ask = true, .listed = true}, "F", "O"},
	    {{.subscription = ROSTER_BOTH, .listed = true}, "B", "N"},
	};

	variant = VARIANT_MULTIHOST;
	begin();
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct roster_item item = rows[i].item;
		item.jid = STR("c@x");
		write_item(&item, NULL);
		column_is("subscription", "c@x", rows[i].subscription);
		column_is("ask", "c@x", rows[i].ask);
		column_is("server", "c@x", "N");
		column_is("type", "c@x", "item");
		struct roster *roster = read_roster();
		const struct roster_item *got = roster_get(roster, item.jid);
		ok(got && roster_item_same(got, &item) && got->pending_in == item.pending_in &&
		    got->listed == item.listed);
		roster_free(&roster);
	}
	end();
}

/* Only a row that says nothing else is a stranger's request and not in the roster. */
static void test_of_ejabberd(void)
{
	variant = VARIANT_SINGLE;
	begin();
	put_row("stranger@x", "N", "I", "let me in < now");
	put_row("asked@x", "N", "O", "");
	put_row("old@x", "N", "S", "");
	put_row("both@x", "B", "N", "");
	put_row("named@x", "N", "I", "");
	raw_sql("UPDATE rosterusers SET nick = 'Named' WHERE jid = 'named@x'");
	put_row("grouped@x", "N", "I", "");
	raw_sql("INSERT INTO rostergroups (username, jid, grp) VALUES ('romeo', 'grouped@x', 'G'), ('other', "
		"'asked@x', 'H')");
	put_row("a@@b", "B", "N", "");
	struct roster *roster = read_roster();
	is_int(roster->count, 6);
	is_int(roster->listed, 5);
	const struct roster_item *stranger = roster_get(roster, STR("stranger@x"));
	ok(stranger && stranger->pending_in && !stranger->listed);
	is_text(stranger->request, "<status>let me in &lt; now</status>");
	ok(roster_get(roster, STR("asked@x"))->ask);
	is_int(roster_get(roster, STR("asked@x"))->group_count, 0);
	ok(roster_get(roster, STR("old@x"))->ask);
	is_int(roster_get(roster, STR("both@x"))->subscription, ROSTER_BOTH);
	is_text(roster_get(roster, STR("grouped@x"))->groups[0], "G");
	roster_free(&roster);
	end();
}

static void request_is_kept(const char *request, const char *askmessage)
{
	struct roster_item item = {.jid = STR("c@x"), .pending_in = true, .request = str_of(request)};

	write_item(&item, NULL);
	column_is("askmessage", "c@x", askmessage);
	struct roster *roster = read_roster();
	is_text(roster_get(roster, item.jid)->request, request);
	roster_free(&roster);
}

/* Where there is only a status ejabberd can read it; everything else comes back, too. */
static void test_requests(void)
{
	variant = VARIANT_MULTIHOST;
	begin();
	request_is_kept("", "");
	request_is_kept("<status>please &amp; thank you</status>", "please & thank you");
	request_is_kept("<status>&lt;b/&gt;</status>", "<status>&lt;b/&gt;</status>");
	request_is_kept("<status xml:lang='it'>ciao</status>", "<status xml:lang='it'>ciao</status>");
	request_is_kept("<nick xmlns='http://jabber.org/protocol/nick'>R</nick>",
	    "<nick xmlns='http://jabber.org/protocol/nick'>R</nick>");
	end();
}

static void test_stored_version(void)
{
	struct roster_item item = {.jid = STR("c@x"), .listed = true};

	variant = VARIANT_MULTIHOST;
	begin();
	write_item(&item, "one");
	write_item(&item, "two");
	struct roster *roster = read_roster();
	is_cstr(roster->version, "two");
	roster_free(&roster);
	write_item(&item, NULL);
	roster = read_roster();
	is_cstr(roster->version, "");
	roster_free(&roster);
	end();
}

int main(void)
{
	run(test_there_and_back);
	run(test_columns);
	run(test_of_ejabberd);
	run(test_requests);
	run(test_stored_version);
	return tap_done();
}
