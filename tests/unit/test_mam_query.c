/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of archives against rows that are there: which ids they have, what they say of the rest, by which
 * index. */
#include "modules/mod_mam/query.h"
#include "stanzad/datetime.h"
#include "store/db.h"
#include "test_store.h"

#define HOST "x.example"
#define ROWS 600 /* of ann's archive: their ids are 10, 20, ... */
#define LAST_ID (10 * ROWS)

static struct db *db;
static const char *const sql_variants[2] = {"server_host, ", ""};

/* Every third row is with bob, the others with one of a hundred; every fifth of bob's is of his resource
 * 'desk'. */
static void fill(bool multihost)
{
	char sql[2048];
	snprintf(sql, sizeof(sql),
	    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
	    "INSERT INTO archive (%s username, timestamp, peer, bare_peer, xml, txt, kind) "
	    "SELECT %s 'ann', i * 10, CASE WHEN i %% 15 = 0 THEN 'bob@y/desk' WHEN i %% 3 = 0 THEN "
	    "'bob@y/pda' ELSE 'c' || "
	    "(i %% 100) || '@y/r' END, CASE WHEN i %% 3 = 0 THEN 'bob@y' ELSE 'c' || (i %% 100) || '@y' END, "
	    "'<message from=''bob@y/pda'' to=''ann@" HOST "''><body>m' || i || '</body></message>', "
	    "'m' || i || ' common' || CASE WHEN i %% 50 = 0 THEN ' Ärger 東京都' ELSE '' END, "
	    "CASE WHEN i %% 4 = 0 THEN 'groupchat' WHEN i %% 4 = 1 THEN NULL ELSE 'chat' END FROM n; "
	    "INSERT INTO archive (%s username, timestamp, peer, bare_peer, xml, txt, kind) "
	    "SELECT %s 'eve', timestamp, peer, bare_peer, xml, txt, kind FROM archive WHERE username = 'ann'",
	    ROWS, sql_variants[!multihost], multihost ? "'" HOST "'," : "", sql_variants[!multihost],
	    multihost ? "'" HOST "'," : "");
	raw_sql(sql);
}

static void set_up(enum schema_variant variant)
{
	struct err err = {""};
	fresh_dir();
	if (test_open(variant, &err) < 0 || db_open(&driver_sqlite, test_file, DRIVER_WRITE, &db, &err) < 0) {
		printf("Bail out! %s\n", err.text);
		exit(1);
	}
	db_set_multihost(db, variant != VARIANT_SINGLE);
	fill(variant != VARIANT_SINGLE);
}

static void tear_down(void)
{
	db_close(&db);
	store_close();
	remove_dir();
}

/* --- asking --------------------------------------------------------------------------------------------- */

static struct arena arena;

static struct mam_query query_of(const char *inside)
{
	struct strbuf text = {0};
	struct err err = {""};
	struct stanza_error error = {0};
	struct jid owner;
	struct mam_query query = {0};
	strbuf_printf(&text, "<query xmlns='" NS_MAM "'>%s</query>", inside);
	struct str kept = arena_str(&arena, strbuf_view(&text));
	strbuf_fini(&text);
	struct xml_tree *tree = xml_parse(kept, STR("jabber:client"), &xml_limits_default, NULL, &err);
	jid_parse(STR("ann@" HOST), &arena, &owner, &err);
	if (!tree || mam_query_parse(tree->root, &owner, &arena, &query, &error) < 0) {
		printf("Bail out! %s: %s\n", inside, tree ? error.text : err.text);
		exit(1);
	}
	query.queryid = STR_NULL; /* a view of the tree */
	xml_tree_unref(&tree);
	return query;
}

#define FORM(inside)                                                                                         \
	"<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>" NS_MAM         \
	"</value></field>" inside "</x>"
#define FIELD(var, value) "<field var='" var "'><value>" value "</value></field>"
#define SET(inside) "<set xmlns='" NS_RSM "'>" inside "</set>"
#define BOB FORM(FIELD("with", "bob@y"))
#define WORDS(words) FORM(FIELD(MAM_FIELD_FULLTEXT, words))

struct asked {
	const struct mam_query *query;
	struct mam_page page;
};

static int find_run(void *arg, struct db *connection, struct err *err)
{
	struct asked *asked = arg;
	return mam_page_find(asked->query, connection, &arena, &asked->page, err);
}

static int find(const char *inside, struct mam_page *page_r)
{
	struct mam_query query = query_of(inside);
	struct asked asked = {.query = &query};
	struct err err = {""};
	int rc = db_transact(db, false, find_run, &asked, &err);
	if (rc < 0)
		printf("# %s\n", err.text);
	*page_r = asked.page;
	return rc;
}

/* want: "10 20 30 complete index=0 count=600"; ids of long pages as "10..500". */
static void page_is(const char *inside, const char *want)
{
	struct mam_page page = {0};
	struct strbuf got = {0};
	int rc = find(inside, &page);
	if (rc != MAM_PAGE_FOUND)
		strbuf_cstr(&got, rc == MAM_PAGE_NO_SUCH_ID ? "no such id "
				  : rc < 0                  ? "failed "
							    : "no words ");
	if (page.count > 4)
		strbuf_printf(
		    &got, "%lld..%lld ", (long long)page.ids[0], (long long)page.ids[page.count - 1]);
	for (size_t i = 0; i < page.count && page.count <= 4; i++)
		strbuf_printf(&got, "%lld ", (long long)page.ids[i]);
	for (size_t i = 1; i < page.count; i++)
		if (page.ids[i] <= page.ids[i - 1])
			strbuf_cstr(&got, "out of order ");
	if (page.complete)
		strbuf_cstr(&got, "complete ");
	if (page.unstable)
		strbuf_cstr(&got, "unstable ");
	if (page.count && page.index >= 0)
		strbuf_printf(&got, "index=%lld ", (long long)page.index);
	if (rc == MAM_PAGE_FOUND && page.matches >= 0)
		strbuf_printf(&got, "count=%lld ", (long long)page.matches);
	struct str trimmed = str_trim(strbuf_view(&got));
	tap_str(trimmed, str_of(want), __FILE__, __LINE__, inside);
	strbuf_fini(&got);
	arena_fini(&arena);
}

/* --- pages ---------------------------------------------------------------------------------------------- */

static void check_pages(void)
{
	page_is("", "10..500 index=0 count=600");
	page_is(SET("<max>3</max>"), "10 20 30 index=0 count=600");
	page_is(SET("<max>0</max>"), "count=600");
	page_is(SET("<max>100000</max>"), "10..2500 index=0 count=600");
	page_is(SET("<max>2</max><index>0</index>"), "10 20 index=0 count=600");
	page_is(SET("<max>2</max><after>30</after>"), "40 50 index=3 count=600");
	page_is(SET("<max>2</max><after>5980</after>"), "5990 6000 complete index=598 count=600");
	page_is(SET("<max>2</max><after>5990</after>"), "6000 complete index=599 count=600");
	page_is(SET("<max>2</max><after>6000</after>"), "complete count=600");
	page_is(SET("<max>2</max><before/>"), "5990 6000 count=600");
	page_is(SET("<max>2</max><before>40</before>"), "20 30 count=600");
	page_is(SET("<max>2</max><before>30</before>"), "10 20 complete count=600");
	page_is(SET("<max>2</max><before>10</before>"), "complete count=600");
	page_is(SET("<max>2</max><after>10</after><before>60</before>"), "40 50 count=600");
	page_is(SET("<max>9</max><after>60</after><before>10</before>"), "complete count=600");
}

static void check_unknown_ids(void)
{
	static const char *const ids[] = {
	    "15", "0", "010", "-10", "9223372036854775807", "99999999999999999999", "x", "28482-98726-73623"};
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		char text[1024];
		snprintf(text, sizeof(text), SET("<after>%s</after>"), ids[i]);
		page_is(text, "no such id");
		snprintf(text, sizeof(text), SET("<before>%s</before>"), ids[i]);
		page_is(text, "no such id");
		snprintf(text, sizeof(text), FORM(FIELD("after-id", "%s")), ids[i]);
		page_is(text, "no such id");
		snprintf(text, sizeof(text), FORM(FIELD("before-id", "%s")), ids[i]);
		page_is(text, "no such id");
		snprintf(text, sizeof(text),
		    FORM("<field var='ids'><value>10</value><value>%s</value></field>"), ids[i]);
		page_is(text, "no such id");
	}
	/* What is there, though it does not fit, is known. */
	page_is(BOB SET("<max>2</max><after>10</after>"), "30 60 index=0 count=200");
}

static void check_filters(void)
{
	page_is(BOB SET("<max>2</max>"), "30 60 index=0 count=200");
	page_is(BOB SET("<max>2</max><before/>"), "5970 6000 count=200");
	page_is(FORM(FIELD("with", "BOB@y/desk")) SET("<max>2</max>"), "150 300 index=0 count=40");
	page_is(FORM(FIELD("with", "c1@y")) SET("<max>2</max>"), "10 1010 index=0 count=4");
	page_is(FORM(FIELD("with", "ann@" HOST)), "complete count=0");
	page_is(FORM(FIELD("with", "nobody@y")) SET("<before/>"), "complete count=0");
	page_is(FORM(FIELD("after-id", "20") FIELD("before-id", "50")), "30 40 complete index=0 count=2");
	page_is(FORM(FIELD("after-id", "50") FIELD("before-id", "20")), "complete count=0");
	page_is(FORM(FIELD("include-groupchat", "false")) SET("<max>3</max>"), "10 20 30 index=0 count=450");
	page_is(FORM(FIELD("include-groupchat", "true")) SET("<max>3</max>"), "10 20 30 index=0 count=600");
	page_is(FORM(FIELD("include-groupchat", "0") FIELD("with", "bob@y")) SET("<max>4</max>"),
	    "30 60 90 150 index=0 count=150");
	page_is(FORM("<field var='ids'><value>50</value><value>20</value><value>50</value></field>"),
	    "20 50 complete index=0 count=2");
	page_is(FORM("<field var='ids'><value>50</value><value>20</value></field>")
		    SET("<max>1</max><before/>"),
	    "50 count=2");
	page_is(FORM("<field var='ids'><value>60</value><value>20</value></field>" FIELD("with", "bob@y")),
	    "60 complete index=0 count=1");
}

/* 4.1.2: both ends belong to it. */
static void check_times(void)
{
#define AT(us) "1970-01-01T00:00:00." us "Z"
	page_is(FORM(FIELD("start", AT("000020")) FIELD("end", AT("000040"))),
	    "20 30 40 complete index=0 count=3");
	page_is(FORM(FIELD("start", AT("000021")) FIELD("end", AT("000039"))), "30 complete index=0 count=1");
	page_is(FORM(FIELD("end", "1970-01-01T02:00:00+02:00")), "complete count=0");
	page_is(FORM(FIELD("start", "2010-07-10T23:08:25Z")), "complete count=0");
	page_is(FORM(FIELD("start", AT("005990"))) SET("<max>1</max>"), "5990 index=0 count=2");
	page_is(FORM(FIELD("start", AT("000020"))) SET("<max>2</max><after>10</after>"),
	    "20 30 index=0 count=599");
}

/* More than what is counted: the set says nothing of it. */
static void check_counts(void)
{
	char sql[512];
	snprintf(sql, sizeof(sql),
	    "WITH RECURSIVE n(i) AS (SELECT 601 UNION ALL SELECT i + 1 FROM n WHERE i < 1001) "
	    "INSERT INTO archive (%susername, timestamp, peer, bare_peer, xml) "
	    "SELECT %s'ann', i * 10, 'd@y', 'd@y', '' FROM n",
	    db_multihost(db) ? "server_host, " : "", db_multihost(db) ? "'" HOST "', " : "");
	raw_sql(sql);
	page_is(SET("<max>1</max>"), "10 index=0");
	page_is(SET("<max>1</max><after>10</after>"), "20");
	page_is(SET("<max>1</max><before/>"), "10010");
	page_is(SET("<max>0</max>"), "count=1001");
	page_is(FORM(FIELD("after-id", "10")) SET("<max>1</max><after>20</after>"), "30 index=1 count=1000");
}

/* ejabberd may have given two messages of one moment the same id: no page ends between them. */
static void check_twins(void)
{
	raw_sql("UPDATE archive SET timestamp = 20 WHERE username = 'ann' AND timestamp = 30");
	page_is(SET("<max>2</max>"), "10 20 index=0 count=600");
	page_is(SET("<max>2</max><after>20</after>"), "40 50 index=3 count=600");
	raw_sql("UPDATE archive SET timestamp = 30 WHERE username = 'ann' AND xml LIKE '%>m3<%'");
}

static int ends_run(void *arg, struct db *connection, struct err *err)
{
	return mam_ends_find(STR(HOST), STR("ann"), connection, arg, err);
}

static int nobody_run(void *arg, struct db *connection, struct err *err)
{
	return mam_ends_find(STR(HOST), STR("nobody"), connection, arg, err);
}

static void check_ends(void)
{
	struct mam_ends ends = {0};
	struct err err = {""};
	is_int(db_transact(db, false, ends_run, &ends, &err), 0);
	ok(ends.any);
	is_int(ends.first, 10);
	is_int(ends.last, LAST_ID);
	is_int(db_transact(db, false, nobody_run, &ends, &err), 0);
	ok(!ends.any);
}

/* --- words ---------------------------------------------------------------------------------------------- */

static int catch_up_run(void *arg, struct db *connection, struct err *err)
{
	return mam_text_catch_up(connection, err);
}

static int catch_up(void)
{
	struct err err = {""};
	int rc = db_transact(db, true, catch_up_run, NULL, &err);
	if (rc < 0)
		printf("# %s\n", err.text);
	return rc;
}

static int forget_run(void *arg, struct db *connection, struct err *err)
{
	return mam_text_forget(connection, STR(HOST), STR("ann"), 50, err); /* its id is 500 */
}

static void check_words(void)
{
	struct err err = {""};
	page_is(WORDS("common"), "no words");
	is_int(catch_up(), MAM_TEXT_MORE);
	page_is(WORDS("m600"), "complete unstable count=0");
	is_int(catch_up(), MAM_TEXT_MORE);
	is_int(catch_up(), MAM_TEXT_DONE);
	is_int(catch_up(), MAM_TEXT_DONE);
	page_is(WORDS("common") SET("<max>2</max>"), "10 20 index=0");
	page_is(WORDS("common") SET("<max>2</max><after>20</after>"), "30 40");
	page_is(WORDS("common") SET("<max>2</max><before/>"), "5990 6000");
	page_is(WORDS("common") SET("<max>0</max>"), "count=600");
	page_is(WORDS("m7 COMMON"), "70 complete index=0 count=1");
	page_is(WORDS("common m7"), "70 complete index=0 count=1");
	page_is(WORDS("&quot;common m7&quot;"), "complete count=0");
	page_is(WORDS("&quot;m7 common&quot;"), "70 complete index=0 count=1");
	page_is(WORDS("arger") SET("<max>1</max>"), "500 index=0");
	page_is(WORDS("京都") SET("<max>1</max>"), "500 index=0");
	page_is(WORDS("京東"), "complete count=0");
	page_is(WORDS("m59*"), "590..5990 complete index=0 count=11");
	page_is(WORDS("m7 nothing"), "complete count=0");
	page_is(WORDS("m7 &quot; * ( ) AND - ^ : {tags}"), "complete count=0");
	page_is(WORDS("m7 &quot; * ( ) - — ^ : 。"), "70 complete index=0 count=1");
	page_is(WORDS("! ? —"), "complete count=0");
	page_is(FORM(FIELD(MAM_FIELD_FULLTEXT, "common") FIELD("with", "bob@y")) SET("<max>2</max>"),
	    "30 60 index=0");
	page_is(FORM(FIELD("withtext", "common") FIELD("with", "bob@y/desk")) SET("<max>2</max>"),
	    "150 300 index=0");
	page_is(FORM(FIELD(MAM_FIELD_FULLTEXT, "common") FIELD("include-groupchat", "false"))
		    SET("<max>4</max>"),
	    "10 20 30 50 index=0");
	page_is(FORM("<field var='ids'><value>70</value><value>80</value></field>" FIELD(
		    MAM_FIELD_FULLTEXT, "m7")),
	    "70 complete index=0 count=1");
	is_int(db_transact(db, true, forget_run, NULL, &err), 0);
	page_is(WORDS("arger") SET("<max>1</max>"), "1000 index=0");
	/* What another program deleted is not found, and what it wrote is. */
	raw_sql("DELETE FROM archive WHERE username = 'ann' AND timestamp = 1000");
	page_is(WORDS("arger") SET("<max>1</max>"), "1500 index=0");
}

/* --- deleting ------------------------------------------------------------------------------------------- */

struct purging {
	struct mam_purge purge;
	unsigned most;
	int64_t count;
};

static int purge_run(void *arg, struct db *connection, struct err *err)
{
	struct purging *purging = arg;
	return mam_purge_step(&purging->purge, purging->most, connection, err);
}

static int count_run(void *arg, struct db *connection, struct err *err)
{
	struct purging *purging = arg;
	return mam_purge_count(&purging->purge, connection, &purging->count, err);
}

static int64_t purge(struct mam_purge purge, unsigned most)
{
	struct purging purging = {.purge = purge, .most = most};
	struct err err = {""};
	int64_t before = raw_int("SELECT count(*) FROM archive");
	int count;
	is_int(db_transact(db, false, count_run, &purging, &err), 0);
	do {
		count = db_transact(db, true, purge_run, &purging, &err);
		ok(count >= 0 && count <= (int)most);
	} while (count == (int)most);
	int64_t gone = before - raw_int("SELECT count(*) FROM archive");
	is_int(purging.count, gone);
	return gone;
}

static void check_purge(void)
{
	is_int(purge((struct mam_purge){.host = STR(HOST), .before = 101}, 7), 20);
	is_int(purge((struct mam_purge){.host = STR(HOST), .username = STR("ann"), .before = 201}, 7), 10);
	is_int(raw_int("SELECT min(timestamp) FROM archive WHERE username = 'ann'"), 210);
	is_int(raw_int("SELECT min(timestamp) FROM archive WHERE username = 'eve'"), 110);
	is_int(purge((struct mam_purge){.host = STR(HOST), .kind = MAM_KIND_GROUPCHAT, .before = 301}, 1), 7);
	is_int(purge((struct mam_purge){.host = STR(HOST), .kind = MAM_KIND_CHAT, .before = 301}, 1000), 23);
	is_int(raw_int("SELECT min(timestamp) FROM archive"), 310);
	int64_t bobs = raw_int("SELECT count(*) FROM archive WHERE username = 'ann' AND bare_peer = 'bob@y'");
	is_int(purge(
		   (struct mam_purge){
		       .host = STR(HOST), .username = STR("ann"), .peer = STR("bob@y"), .before = INT64_MAX},
		   50),
	    bobs);
	page_is(BOB, "complete count=0");
	/* Their words went with them. */
	page_is(FORM(FIELD(MAM_FIELD_FULLTEXT, "common") FIELD("with", "bob@y")), "complete count=0");
	is_int(raw_int("SELECT count(*) FROM archive_text WHERE archive_text MATCH 'm300'"), 1); /* eve's */
	if (db_multihost(db))
		is_int(purge((struct mam_purge){.host = STR("other"), .before = INT64_MAX}, 50), 0);
}

/* --- by which index ------------------------------------------------------------------------------------- */

static void plan_of(const char *sql, struct strbuf *out)
{
	sqlite3 *handle;
	sqlite3_stmt *statement;
	struct strbuf text = {0};
	strbuf_printf(&text, "EXPLAIN QUERY PLAN %s", sql);
	sqlite3_open(test_file, &handle);
	if (sqlite3_prepare_v2(handle, text.ptr, -1, &statement, NULL) != SQLITE_OK)
		printf("# %s: %s\n", sql, sqlite3_errmsg(handle));
	while (statement && sqlite3_step(statement) == SQLITE_ROW)
		strbuf_printf(out, "%s; ", (const char *)sqlite3_column_text(statement, 3));
	sqlite3_finalize(statement);
	sqlite3_close(handle);
	strbuf_fini(&text);
}

static struct strbuf traced;

static int on_trace(unsigned type, void *arg, void *statement, void *unused)
{
	strbuf_cstr(&traced, sqlite3_sql(statement));
	strbuf_char(&traced, '\n');
	return 0;
}

/* The driver's connections are its own, so the statements are seen by a trace of all that are made. */
static int trace_new(sqlite3 *handle, char **message, const struct sqlite3_api_routines *api)
{
	return sqlite3_trace_v2(handle, SQLITE_TRACE_STMT, on_trace, NULL);
}

/* Each statement that the page needs, put into its plan: found by an index, in the order of the index. */
static void plan_is_by_index(const char *inside, const char *index)
{
	struct mam_page page;
	bool seen = false;
	strbuf_reset(&traced);
	is_int(find(inside, &page), MAM_PAGE_FOUND);
	arena_fini(&arena);
	struct str rest = strbuf_view(&traced);
	for (struct str sql; rest.len > 0;) {
		struct strbuf plan = {0};
		sql = str_cut(rest, '\n', &rest);
		char *one = str_dup(sql);
		if (str_starts(sql, "SELECT") && strstr(one, "archive")) {
			plan_of(one, &plan);
			const char *text = plan.len ? plan.ptr : "";
			bool good = !strstr(text, "TEMP B-TREE") && !strstr(text, "SCAN archive;") &&
				    !strstr(text, "SCAN archive USING");
			tap_check(good, __FILE__, __LINE__, text);
			seen |= strstr(text, index) != NULL;
		}
		free(one);
		strbuf_fini(&plan);
	}
	tap_check(seen, __FILE__, __LINE__, index);
}

static void test_plans(void)
{
	sqlite3_auto_extension((void (*)(void))trace_new);
	set_up(VARIANT_MULTIHOST);
	is_int(catch_up(), MAM_TEXT_MORE);
	static const char *const pages[] = {SET("<max>5</max>"), SET("<max>5</max><before/>"),
	    SET("<max>5</max><after>100</after>"), SET("<max>5</max><before>100</before>"),
	    SET("<max>0</max>")};
	static const struct {
		const char *form, *index;
	} forms[] = {
	    {"", "i_archive_username_timestamp "},
	    {FORM(FIELD("start", "1970-01-01T00:00:00Z") FIELD("end", "2030-01-01T00:00:00Z")),
		"i_archive_username_timestamp "},
	    {FORM(FIELD("after-id", "10") FIELD("before-id", "500")), "i_archive_username_timestamp "},
	    {BOB, "i_archive_username_bare_peer_timestamp "},
	    {FORM(FIELD("with", "bob@y/desk")), "i_archive_username_bare_peer_timestamp "},
	    {FORM(FIELD("ids", "10")), "i_archive_username_timestamp "},
	    {FORM(FIELD("include-groupchat", "false")), "i_archive_username_timestamp "},
	    {FORM(FIELD("include-groupchat", "false") FIELD("with", "bob@y")),
		"i_archive_username_bare_peer_timestamp "},
	    {WORDS("common"), "VIRTUAL TABLE INDEX"},
	};
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		for (size_t j = 0; j < sizeof(pages) / sizeof(pages[0]); j++) {
			char text[1024];
			snprintf(text, sizeof(text), "%s%s", forms[i].form, pages[j]);
			plan_is_by_index(text, forms[i].index);
		}
	sqlite3_cancel_auto_extension((void (*)(void))trace_new);
	strbuf_fini(&traced);
	tear_down();
}

/* --- both variants of the schema ------------------------------------------------------------------------ */

static void check_all(enum schema_variant variant)
{
	set_up(variant);
	check_pages();
	check_unknown_ids();
	check_filters();
	check_times();
	check_twins();
	check_ends();
	check_words();
	tear_down();
	set_up(variant);
	check_counts();
	tear_down();
	set_up(variant);
	while (catch_up() == MAM_TEXT_MORE)
		;
	check_purge();
	tear_down();
}

static void test_multihost(void)
{
	check_all(VARIANT_MULTIHOST);
}

static void test_single(void)
{
	check_all(VARIANT_SINGLE);
}

/* --- what is refused ------------------------------------------------------------------------------------ */

static void refused(const char *attrs, const char *inside, enum stanza_condition want)
{
	struct strbuf text = {0};
	struct err err = {""};
	struct stanza_error error = {.condition = SE_COUNT};
	struct jid owner;
	struct mam_query query;
	strbuf_printf(&text, "<query xmlns='" NS_MAM "' %s>%s</query>", attrs, inside);
	struct xml_tree *tree =
	    xml_parse(strbuf_view(&text), STR("jabber:client"), &xml_limits_default, NULL, &err);
	jid_parse(STR("ann@" HOST), &arena, &owner, &err);
	int rc = tree ? mam_query_parse(tree->root, &owner, &arena, &query, &error) : 0;
	tap_check(rc < 0 && error.condition == want, __FILE__, __LINE__, inside);
	xml_tree_unref(&tree);
	strbuf_fini(&text);
	arena_fini(&arena);
}

static void test_refused(void)
{
	static const char *const bad[] = {
	    SET("<max>-1</max>"),
	    SET("<max>x</max>"),
	    SET("") SET(""),
	    FORM("") FORM(""),
	    "<x xmlns='jabber:x:data' type='submit'/>",
	    "<x xmlns='jabber:x:data' type='submit'><field "
	    "var='FORM_TYPE'><value>urn:xmpp:mam:1</value></field></x>",
	    "<x xmlns='jabber:x:data' type='form'><field var='FORM_TYPE' type='hidden'><value>" NS_MAM
	    "</value></field></x>",
	    "<x xmlns='jabber:x:data'/>",
	    FORM("<field><value>x</value></field>"),
	    FORM(FIELD("with", "a b@c@")),
	    FORM(FIELD("with", "a@y") FIELD("with", "b@y")),
	    FORM(FIELD("start", "yesterday")),
	    FORM(FIELD("end", "2010-13-01T00:00:00Z")),
	    FORM(FIELD("include-groupchat", "maybe")),
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused("", bad[i], SE_bad_request);
	refused("", FORM(FIELD("colour", "red")), SE_feature_not_implemented);
	refused("", FORM(FIELD("{http://example.com/}free-text-search", "x")), SE_feature_not_implemented);
	refused("", SET("<index>371</index>"), SE_feature_not_implemented);
	refused("node='x'", "", SE_feature_not_implemented);
	struct strbuf text = {0};
	strbuf_cstr(&text, "queryid='");
	for (unsigned i = 0; i <= MAM_QUERYID_MAX; i++)
		strbuf_char(&text, 'q');
	strbuf_char(&text, '\'');
	refused(text.ptr, "", SE_bad_request);
	strbuf_reset(&text);
	strbuf_cstr(&text,
	    "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>" NS_MAM
	    "</value></field><field var='ids'>");
	for (unsigned i = 0; i <= MAM_IDS_MOST; i++)
		strbuf_cstr(&text, "<value>1</value>");
	strbuf_cstr(&text, "</field></x>");
	refused("", text.ptr, SE_bad_request);
	strbuf_fini(&text);
}

/* A field without a value was not filled in. */
static void test_empty_fields(void)
{
	struct mam_query query =
	    query_of(FORM("<field var='with'/><field var='start'><value/></field>"
			  "<field var='ids'><value/></field><field var='include-groupchat'/>"
			  "<field var='" MAM_FIELD_FULLTEXT "'><value> </value></field>") SET("<after/>"));
	ok(!query.with.ptr && !query.by_ids && !query.no_groupchat && !query.words.len);
	is_int(query.start, 0);
	is_int(query.after, 0);
	is_int(query.max, MAM_PAGE_USUAL);
	arena_fini(&arena);
}

/* --- results -------------------------------------------------------------------------------------------- */

static void result_is(const char *xml, const char *want)
{
	struct mam_query query = {.queryid = STR("f'<27")};
	struct mam_archived row = {.id = INT64_C(1278803305123456), .xml = str_of(xml)};
	struct strbuf text = {0};
	struct stanza *stanza = mam_result(&query, &row);
	ok(stanza != NULL);
	stanza_write(&text, stanza, NULL, NULL);
	char *whole = arena_printf(&arena,
	    "<message><result xmlns='" NS_MAM "' queryid='f&apos;&lt;27' id='1278803305123456'><forwarded "
	    "xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2010-07-10T23:08:25.123456Z'/>%s"
	    "</forwarded></result></message>",
	    want);
	tap_str(strbuf_view(&text), str_of(whole), __FILE__, __LINE__, xml);
	stanza_unref(&stanza);
	strbuf_fini(&text);
	arena_fini(&arena);
}

static void test_results(void)
{
	result_is("<message to='a@b'><body>x &amp; y</body></message>",
	    "<message xmlns='jabber:client' to='a@b'><body>x &amp; y</body></message>");
	result_is("<message xmlns='jabber:client' to='a@b'><x xmlns='urn:x'/></message>",
	    "<message xmlns='jabber:client' to='a@b'><x xmlns='urn:x'/></message>");
	/* 3.2: what cannot be shown is left out. */
	result_is("", "");
	result_is("<message></forwarded>", "");
	result_is("<presence/>", "");
	result_is("</forwarded></result></message><message>", "");
	struct strbuf deep = {0};
	strbuf_cstr(&deep, "<message>");
	for (unsigned i = 0; i < 253; i++)
		strbuf_cstr(&deep, "<a>");
	for (unsigned i = 0; i < 253; i++)
		strbuf_cstr(&deep, "</a>");
	strbuf_cstr(&deep, "</message>");
	result_is(deep.ptr, "");
	strbuf_fini(&deep);
}

int main(void)
{
	run(test_refused);
	run(test_empty_fields);
	run(test_results);
	run(test_multihost);
	run(test_single);
	run(test_plans);
	return tap_done();
}
