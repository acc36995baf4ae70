/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "modules/mod_offline/offline.h"
#include "tap.h"

#define NOW INT64_C(1800000000000000) /* 2027-01-15T08:00:00Z */

static const struct offline_rules usual = {.store_empty_body = STORE_EMPTY_UNLESS_CHAT_STATE};

static enum offline_fate fate_of(const char *attrs, const char *inside, const struct offline_rules *rules)
{
	struct strbuf text = {0};
	struct err err = {""};
	strbuf_printf(&text, "<message %s>%s</message>", attrs, inside);
	struct stanza *stanza = stanza_parse(strbuf_view(&text), &xml_limits_default, &err);
	strbuf_fini(&text);
	if (!stanza) {
		printf("Bail out! %s\n", err.text);
		exit(1);
	}
	enum offline_fate fate = offline_fate(stanza, rules);
	stanza_unref(&stanza);
	return fate;
}

/* XEP-0160 3 */
static void test_types(void)
{
	static const char body[] = "<body>x</body>";
	struct offline_rules bounce = usual, store = usual;
	bounce.bounce_groupchat = true;
	store.store_groupchat = true;
	is_int(fate_of("", body, &usual), OFFLINE_KEEP);
	is_int(fate_of("type='normal'", body, &usual), OFFLINE_KEEP);
	is_int(fate_of("type='chat'", body, &usual), OFFLINE_KEEP);
	is_int(fate_of("type='unheard-of'", body, &usual), OFFLINE_KEEP);
	is_int(fate_of("type='headline'", body, &usual), OFFLINE_DROP);
	is_int(fate_of("type='error'", body, &usual), OFFLINE_DROP);
	is_int(fate_of("type='groupchat'", body, &usual), OFFLINE_DROP);
	is_int(fate_of("type='groupchat'", body, &bounce), OFFLINE_BOUNCE);
	is_int(fate_of("type='groupchat'", body, &store), OFFLINE_KEEP);
}

static void test_hints(void)
{
	is_int(fate_of("", "<body>x</body><no-store xmlns='urn:xmpp:hints'/>", &usual), OFFLINE_DROP);
	is_int(
	    fate_of("", "<body>x</body><no-permanent-store xmlns='urn:xmpp:hints'/>", &usual), OFFLINE_KEEP);
	is_int(fate_of("", "<store xmlns='urn:xmpp:hints'/>", &usual), OFFLINE_KEEP);
	is_int(fate_of("type='error'", "<store xmlns='urn:xmpp:hints'/>", &usual), OFFLINE_DROP);
	is_int(fate_of("", "<body>x</body><no-store xmlns='urn:other'/>", &usual), OFFLINE_KEEP);
}

static void test_without_body(void)
{
	static const char state[] = "<paused xmlns='http://jabber.org/protocol/chatstates'/>";
	static const char state_and_more[] =
	    "<paused xmlns='http://jabber.org/protocol/chatstates'/><y xmlns='urn:y'/>";
	struct offline_rules never = {.store_empty_body = STORE_EMPTY_NEVER};
	struct offline_rules always = {.store_empty_body = STORE_EMPTY_ALWAYS};
	is_int(fate_of("", state, &usual), OFFLINE_DROP);
	is_int(fate_of("", state_and_more, &usual), OFFLINE_KEEP);
	is_int(fate_of("", "", &usual), OFFLINE_DROP);
	is_int(fate_of("", "<y xmlns='urn:y'/>", &never), OFFLINE_DROP);
	is_int(fate_of("", "<body>x</body>", &never), OFFLINE_KEEP);
	is_int(fate_of("", "<body/>", &never), OFFLINE_DROP);
	is_int(fate_of("", state, &always), OFFLINE_KEEP);
}

static void test_nodes(void)
{
	char node[OFFLINE_NODE_MAX];
	int64_t seq = 0;
	offline_node(node, 42);
	is_cstr(node, "0000000000000000042");
	ok(offline_node_parse(str_of(node), &seq));
	is_int(seq, 42);
	offline_node(node, INT64_MAX);
	ok(offline_node_parse(str_of(node), &seq));
	is_int(seq, INT64_MAX);
	ok(!offline_node_parse(STR("42"), &seq));
	ok(!offline_node_parse(STR(""), &seq));
	ok(!offline_node_parse(STR("-000000000000000042"), &seq));
	ok(!offline_node_parse(STR("9999999999999999999"), &seq));
	ok(!offline_node_parse(STR("2002-02-27T22:49:17.008Z"), &seq));
}

static unsigned delays(const struct stanza *stanza)
{
	struct strbuf text = {0};
	struct err err;
	unsigned count = 0;
	stanza_write(&text, stanza, NULL, NULL);
	struct stanza *whole = stanza_parse(strbuf_view(&text), &xml_limits_default, &err);
	const struct xml *delay = xml_child(whole->root, "delay", "urn:xmpp:delay");
	for (; delay; delay = xml_next(delay, "delay", "urn:xmpp:delay"))
		count++;
	stanza_unref(&whole);
	strbuf_fini(&text);
	return count;
}

#define ROW(xml_) (&(struct offline_row){7, STR(xml_), STR("2027-01-15 07:59:00")})
#define DELAY(from, stamp) "<delay xmlns='urn:xmpp:delay' from='" from "' stamp='" stamp "'/>"

static void test_row(void)
{
	struct offline_message message;
	struct err err;
	ok(offline_message_read(
	       ROW("<message from='a@b/c' to='d@e'><body>x</body></message>"), &message, &err) == 0);
	is_text(jid_full(&message.from), "a@b/c");
	is_text(jid_full(&message.to), "d@e");
	is_int(delays(message.stanza), 1);
	ok(!message.expired);
	offline_message_fini(&message);
	ok(offline_message_read(ROW("<message xmlns='jabber:client' from='a@b' to='d@e'>" DELAY(
				    "e", "2027-01-15T07:00:00Z") "</message>"),
	       &message, &err) == 0);
	is_int(delays(message.stanza), 1);
	offline_message_fini(&message);
	/* A stamp of somebody else is not ours. */
	ok(offline_message_read(
	       ROW("<message from='a@b' to='d@e'>" DELAY("room@b", "2027-01-15T07:00:00Z") "</message>"),
	       &message, &err) == 0);
	is_int(delays(message.stanza), 2);
	offline_message_fini(&message);
}

static void test_bad_rows(void)
{
	static const char *const texts[] = {"", "x", "<message", "<presence from='a@b' to='d@e'/>",
	    "<message/>", "<message from='a@b'/>", "<message from='a b@c' to='d@e'/>",
	    "<message from='a@b' to=''/>"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct offline_message message;
		struct offline_row row = {1, str_of(texts[i]), STR("")};
		struct err err = {""};
		ok(offline_message_read(&row, &message, &err) < 0);
		ok(err.text[0] != '\0');
		offline_message_fini(&message);
	}
}

static bool is_expired(const struct offline_row *row)
{
	struct offline_message message;
	struct err err;
	bool read = offline_message_read(row, &message, &err) == 0, expired = message.expired;
	offline_message_fini(&message);
	return read && expired;
}

/* XEP-0023: counted from the stamp, or from when the row was made. */
static void test_expiry(void)
{
#define EXPIRE(seconds) "<x xmlns='jabber:x:expire' seconds='" seconds "'/></message>"
#define HEAD "<message from='a@b' to='d@e'>"
	ok(is_expired(ROW(HEAD EXPIRE("59"))));
	ok(!is_expired(ROW(HEAD EXPIRE("61"))));
	ok(is_expired(ROW(HEAD DELAY("e", "2027-01-15T07:00:00Z") EXPIRE("3599"))));
	ok(!is_expired(ROW(HEAD DELAY("e", "2027-01-15T07:00:00Z") EXPIRE("3601"))));
	ok(!is_expired(ROW(HEAD EXPIRE("never"))));
	ok(!is_expired(ROW(HEAD EXPIRE("99999999999999999"))));
}

int main(void)
{
	clock_fake(NOW);
	run(test_types);
	run(test_hints);
	run(test_without_body);
	run(test_nodes);
	run(test_row);
	run(test_bad_rows);
	run(test_expiry);
	return tap_done();
}
