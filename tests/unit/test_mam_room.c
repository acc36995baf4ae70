/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of rooms' archives, ours and ejabberd's: what is shown of them to whom, what is told to those who enter, and
 * what is left of a message that was taken back. */
#include "modules/mod_mam/query.h"
#include "modules/mod_mam/room.h"
#include "modules/mod_mam/room_archive.h"
#include "store/db.h"
#include "test_store.h"

#define HOST "x.example"
#define ROOM "hall@rooms.x.example"
#define MUC_USER(inside) "<x xmlns='" NS_MUC_USER "'>" inside "</x>"
#define ID INT64_C(1278803305123456)

static struct db *db;
static struct arena arena;

static void set_up(enum schema_variant variant)
{
	struct err err = {""};
	fresh_dir();
	if (test_open(variant, &err) < 0 || db_open(&driver_sqlite, test_file, DRIVER_WRITE, &db, &err) < 0) {
		printf("Bail out! %s\n", err.text);
		exit(1);
	}
	db_set_multihost(db, variant != VARIANT_SINGLE);
}

static void tear_down(void)
{
	arena_fini(&arena);
	db_close(&db);
	store_close();
	remove_dir();
}

/* --- results -------------------------------------------------------------------------------------------- */

static void result_is(const struct mam_query *who, const struct mam_archived *row, const char *want)
{
	struct mam_query query = *who;
	struct strbuf text = {0};
	query.room = STR(ROOM);
	struct stanza *stanza = mam_result(&query, row);
	stanza_write(&text, stanza, NULL, NULL);
	char *whole = arena_printf(&arena,
	    "<message><result xmlns='" NS_MAM "' id='1278803305123456'><forwarded xmlns='urn:xmpp:forward:0'>"
	    "<delay xmlns='urn:xmpp:delay' stamp='2010-07-10T23:08:25.123456Z'/>%s</forwarded></result></message>",
	    want);
	tap_str(strbuf_view(&text), str_of(whole), __FILE__, __LINE__, want);
	stanza_unref(&stanza);
	strbuf_fini(&text);
	arena_fini(&arena);
}

static const struct mam_query anybody = {0}, moderator = {.show_jids = true}, ann = {.viewer = STR("ann@y")},
				bob = {.viewer = STR("bob@y")};

#define SHOWN(from, inside) \
	"<message xmlns='jabber:client' type='groupchat' id='m1' from='" ROOM from "'>" inside "</message>"

static void test_own_row(void)
{
	struct mam_archived row = {
	    .id = ID,
	    .xml = STR("<message from='" ROOM "/witch' type='groupchat' id='m1'><body>x &lt; y</body>"
		       "<occupant-id xmlns='" NS_OCCUPANT_ID "' id='o1'/>" MUC_USER(
			   "<item affiliation='owner' role='moderator'/>") "</message>"),
	    .peer = STR("ann@y/o'brien"),
	    .bare_peer = STR("ann@y"),
	    .kind = STR("groupchat"),
	    .nick = STR("witch"),
	};
#define INSIDE "<body>x &lt; y</body><occupant-id xmlns='" NS_OCCUPANT_ID "' id='o1'/>"
	result_is(&anybody, &row, SHOWN("/witch", INSIDE));
	result_is(&bob, &row, SHOWN("/witch", INSIDE));
	const char *known = SHOWN("/witch",
	    INSIDE MUC_USER("<item affiliation='owner' role='moderator' jid='ann@y/o&apos;brien'/>"));
	result_is(&moderator, &row, known);
	result_is(&ann, &row, known);
}

/* ejabberd keeps the real JID in the message, and what clients claimed. */
static void test_other_row(void)
{
	struct mam_archived row = {
	    .id = ID,
	    .xml = STR("<message from='ann@y/pda' to='" ROOM "' type='groupchat' id='m1' xml:lang='en'>"
		       "<body>hi</body><stanza-id xmlns='" NS_SID "' by='" ROOM "' id='7'/>"
		       "<stanza-id xmlns='" NS_SID "' by='y' id='8'/></message>"),
	    .peer = STR("ann@y/pda"),
	    .bare_peer = STR("ann@y"),
	    .kind = STR("groupchat"),
	    .nick = STR("a'b&c"),
	};
#define OTHER(jid)                                                                                           \
	"<message xmlns='jabber:client' type='groupchat' id='m1' xml:lang='en' from='" ROOM "/a&apos;b&amp;c'>" \
	"<body>hi</body><stanza-id xmlns='" NS_SID "' by='y' id='8'/>" jid "</message>"
	result_is(&anybody, &row, OTHER(""));
	result_is(&moderator, &row, OTHER(MUC_USER("<item jid='ann@y/pda'/>")));
}

static void test_room_row(void)
{
	struct mam_archived row = {
	    .id = ID,
	    .xml = STR("<message type='groupchat' id='m1'><subject/></message>"),
	    .peer = STR(ROOM),
	    .bare_peer = STR(ROOM),
	    .kind = STR("groupchat"),
	};
	result_is(&moderator, &row, SHOWN("", "<subject/>"));
	row.xml = STR("<message>");
	result_is(&moderator, &row, "");
}

/* --- the table ------------------------------------------------------------------------------------------ */

static int insert(const struct mam_new *new)
{
	struct err err = {""};
	int rc = mam_insert(db, new, &err);
	if (rc < 0)
		printf("# %s\n", err.text);
	return rc;
}

static int fill_run(void *arg, struct db *connection, struct err *err)
{
	struct jid peer;
	jid_parse(STR("ann@y/pda"), &arena, &peer, err);
	for (int64_t id = 10; id <= 100; id += 10) {
		bool said = id != 90;
		struct str text = str_of(arena_printf(&arena, "m%lld", (long long)id));
		struct str xml = str_of(arena_printf(&arena,
		    "<message from='ann@y/pda' type='groupchat' id='i%lld'>%s%s%s<occupant-id xmlns='" NS_OCCUPANT_ID
		    "' id='o'/>" MUC_USER("<item affiliation='none' role='participant'/>") "</message>",
		    (long long)id, said ? "<body>" : "<subject>", text.ptr, said ? "</body>" : "</subject>"));
		struct mam_new new = {STR(HOST), STR(ROOM), id, &peer, xml, said ? text : STR(""), STR("groupchat"),
		    STR("witch"), STR("")};
		if (insert(&new) < 0)
			return -1;
		new.username = STR("other@rooms.x.example");
		if (insert(&new) < 0)
			return -1;
	}
	return 0;
}

struct told {
	unsigned most;
	struct strbuf ids, last;
};

static void tell(void *arg, int64_t id, struct str xml)
{
	struct told *told = arg;
	strbuf_printf(&told->ids, "%lld ", (long long)id);
	strbuf_reset(&told->last);
	strbuf_str(&told->last, xml);
}

static int history_run(void *arg, struct db *connection, struct err *err)
{
	struct told *told = arg;
	return mam_room_history(connection, STR(HOST), STR(ROOM), told->most, &arena, tell, told, err);
}

static void history_is(unsigned most, const char *ids, const char *last)
{
	struct told told = {.most = most};
	struct err err = {""};
	is_int(db_transact(db, false, history_run, &told, &err), 0);
	tap_str(str_trim(strbuf_view(&told.ids)), str_of(ids), __FILE__, __LINE__, ids);
	if (last)
		tap_str(strbuf_view(&told.last), str_of(last), __FILE__, __LINE__, "last");
	strbuf_fini(&told.ids);
	strbuf_fini(&told.last);
}

struct taking {
	const char *from, *xml;
	int64_t id;
	bool moderated;
};

static int retract_run(void *arg, struct db *connection, struct err *err)
{
	const struct taking *taking = arg;
	struct jid from;
	struct xml_tree *tree = xml_parse(str_of(taking->xml), NS_CLIENT, &xml_limits_default, NULL, err);
	jid_parse(str_of(taking->from), &arena, &from, err);
	struct mam_room_retraction retraction = {
	    .host = STR(HOST),
	    .room = STR(ROOM),
	    .from = &from,
	    .id = taking->id,
	    .by = STR("r1"),
	    .at = ID,
	    .moderation = taking->moderated ? tree->root : NULL,
	};
	int rc = mam_retract_in_room(connection, &retraction, err);
	xml_tree_unref(&tree);
	return rc;
}

static int retract(const char *from, int64_t id, const char *moderation)
{
	struct taking taking = {from, moderation ? moderation : "<a/>", id, moderation != NULL};
	struct err err = {""};
	int rc = db_transact(db, true, retract_run, &taking, &err);
	if (rc < 0)
		printf("# %s\n", err.text);
	return rc;
}

static bool first_xml(void *arg, const struct mam_archived *row)
{
	*(struct str *)arg = arena_str(&arena, row->xml);
	return false;
}

static void row_is(int64_t id, const char *want)
{
	struct mam_query query = {.host = STR(HOST), .username = STR(ROOM)};
	struct str xml = {0};
	struct err err = {""};
	is_int(mam_rows_each(&query, db, id, first_xml, &xml, &err), 0);
	tap_str(xml, str_of(want), __FILE__, __LINE__, "row");
}

#define MODERATION                                                                                           \
	"<retract xmlns='" NS_RETRACT "' id='40'><moderated xmlns='" NS_MODERATE "' by='" ROOM "/bob'>"       \
	"<occupant-id xmlns='" NS_OCCUPANT_ID "' id='b'/></moderated><reason>spam</reason></retract>"
#define TOMBSTONE(id, inside)                                                                                \
	"<message from='ann@y/pda' type='groupchat' id='i" id "'><occupant-id xmlns='" NS_OCCUPANT_ID         \
	"' id='o'/>" MUC_USER("<item affiliation='none' role='participant'/>") "<retracted xmlns='" NS_RETRACT \
	"' stamp='2010-07-10T23:08:25.123456Z' id='r1'" inside "</message>"

static void check_table(enum schema_variant variant)
{
	struct err err = {""};
	set_up(variant);
	is_int(db_transact(db, true, fill_run, NULL, &err), 0);
	history_is(3, "70 80 100",
	    "<message xmlns='jabber:client' type='groupchat' id='i100' from='" ROOM
	    "/witch'><body>m100</body><occupant-id xmlns='" NS_OCCUPANT_ID "' id='o'/><stanza-id xmlns='" NS_SID
	    "' by='" ROOM "' id='100'/></message>");
	history_is(250, "10 20 30 40 50 60 70 80 100", NULL);
	history_is(0, "", NULL);
	/* Only whose message it is. */
	is_int(retract("eve@y/pda", 50, NULL), 0);
	is_int(retract("ann@y/desk", 55, NULL), 0);
	is_int(retract("ann@y/desk", 50, NULL), 1);
	is_int(retract("ann@y/desk", 50, NULL), 0);
	row_is(50, TOMBSTONE("50", "/>"));
	is_int(retract(ROOM, 40, MODERATION), 1);
	row_is(40, TOMBSTONE("40", "><moderated xmlns='" NS_MODERATE "' by='" ROOM "/bob'><occupant-id xmlns='"
		       NS_OCCUPANT_ID "' id='b'/></moderated><reason>spam</reason></retracted>"));
	history_is(250, "10 20 30 60 70 80 100", NULL);
	tear_down();
}

static void test_multihost(void)
{
	check_table(VARIANT_MULTIHOST);
}

static void test_single(void)
{
	check_table(VARIANT_SINGLE);
}

int main(void)
{
	run(test_own_row);
	run(test_other_row);
	run(test_room_row);
	run(test_multihost);
	run(test_single);
	return tap_done();
}
