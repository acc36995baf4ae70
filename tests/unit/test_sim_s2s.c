/* SPDX-License-Identifier: Apache-2.0 */
/* The S2S manager, with streams that are played by the test: what goes where, in which order, and once. */
#include "base/clock.h"
#include "route/s2s.h"
#include "sim.h"

#define PLAY_MAX 3000

static struct sim_client *alice;
static struct s2s_link *asked; /* the latest that a stream was asked for */
static unsigned opens, cancels, closes;

/* --- a stream --------------------------------------------------------------------------------------------
 */

static struct s2s_queue taken;
static size_t room = PLAY_MAX;

static bool play_send(void *stream, struct s2s_item *item)
{
	if (!room)
		return false;
	room--;
	s2s_queue_add(&taken, item);
	return true;
}

static void play_close(void *stream, const char *condition, const char *text)
{
	closes++;
}

static const struct s2s_stream_ops play_ops = {play_send, play_close};

static void *play_open(struct s2s_link *link)
{
	opens++;
	asked = link;
	return link;
}

static void play_cancel(void *opening)
{
	cancels++;
}

static const struct s2s_opener play_opener = {play_open, play_cancel};

static void forget_taken(void)
{
	struct s2s_item *item;
	while ((item = s2s_queue_take(&taken)))
		s2s_item_free(item);
}

/* The ids of what the stream took, in order. */
static const char *taken_ids(void)
{
	static char ids[500];
	ids[0] = '\0';
	for (const struct s2s_item *item = taken.first; item && strlen(ids) < 400; item = item->next)
		snprintf(ids + strlen(ids), 40, "%.*s", STR_FMT(item->stanza->id));
	return ids;
}

/* --- around each test ----------------------------------------------------------------------------------- */

static void begin(const char *rest)
{
	asked = NULL;
	opens = cancels = closes = 0;
	room = PLAY_MAX;
	s2s_set_opener(&play_opener);
	sim_start("", rest);
	alice = sim_login("alice@sim.example/desk");
}

static void end(void)
{
	forget_taken();
	s2s_fini(NULL);
	s2s_set_opener(NULL);
	sim_stop();
}

static void say(const char *id)
{
	sim_sendf(alice, "<message to='bob@other.example' id='%s'><body>hi</body></message>", id);
	sim_settle();
}

/* --- tests ---------------------------------------------------------------------------------------------- */

static void what_waits_is_sent_in_order(void)
{
	begin("");
	say("1");
	say("2");
	is_int(opens, 1);
	is_text(s2s_link_local(asked), "sim.example");
	is_text(s2s_link_remote(asked), "other.example");
	s2s_link_opened(asked, &play_ops, NULL);
	say("3");
	is_cstr(taken_ids(), "123");
	nothing(alice);
	end();
}

static void a_failure_bounces_each_once(void)
{
	begin("");
	say("1");
	say("2");
	s2s_link_failed(asked, SE_remote_server_not_found, "there is no such domain");
	expect(alice, "id='1'");
	expect(alice, "<remote-server-not-found ");
	expect(alice, "there is no such domain");
	expect(alice, "id='2'");
	sim_skip(alice);
	/* For a while nothing is tried again. */
	say("3");
	expect(alice, "there is no such domain");
	is_int(opens, 1);
	sim_advance(1500);
	sim_skip(alice);
	say("4");
	is_int(opens, 2);
	nothing(alice);
	end();
}

static void pauses_grow_and_are_forgotten(void)
{
	begin("");
	say("0");
	for (unsigned i = 0; i < 4; i++) {
		s2s_link_failed(asked, SE_remote_server_timeout, "silence");
		sim_advance(UINT64_C(1000) << i);
		say("x");
		is_int(opens, i + 2);
	}
	s2s_link_opened(asked, &play_ops, NULL);
	s2s_link_ended(asked, &(struct s2s_queue){0});
	say("y");
	is_int(opens, 6);
	end();
}

static void what_a_stream_lost_goes_to_the_next(void)
{
	begin("");
	say("1");
	s2s_link_opened(asked, &play_ops, NULL);
	say("2");
	say("3");
	/* The first went out, the others did not. */
	s2s_item_free(s2s_queue_take(&taken));
	struct s2s_queue unsent = taken;
	taken = (struct s2s_queue){0};
	s2s_link_ended(asked, &unsent);
	is_int(opens, 2);
	say("4");
	s2s_link_opened(asked, &play_ops, NULL);
	is_cstr(taken_ids(), "234");
	nothing(alice);
	end();
}

static void a_full_stream_keeps_the_order(void)
{
	begin("");
	room = 1;
	say("1");
	s2s_link_opened(asked, &play_ops, NULL);
	say("2");
	say("3");
	is_cstr(taken_ids(), "1");
	room = PLAY_MAX;
	s2s_link_drained(asked);
	is_cstr(taken_ids(), "123");
	end();
}

static void queues_are_bounded(void)
{
	begin("");
	for (unsigned i = 0; i < 1100; i++)
		sim_send(alice, "<message to='bob@other.example'><body>hi</body></message>");
	for (unsigned i = 0; i < 700; i++)
		sim_advance(50);
	is_int(sim_count(alice, "<resource-constraint "), 100);
	s2s_link_opened(asked, &play_ops, NULL);
	is_int(taken.count, 1000);
	end();
}

static void nothing_waits_for_ever(void)
{
	begin("");
	say("1");
	sim_advance(30000);
	say("2");
	sim_advance(30000);
	expect(alice, "id='1'");
	expect(alice, "<remote-server-timeout ");
	ok(!sim_has(alice, "id='2'"));
	sim_advance(30000);
	expect(alice, "id='2'");
	s2s_link_opened(asked, &play_ops, NULL);
	is_int(taken.count, 0);
	end();
}

static void too_many_domains_at_once(void)
{
	begin("");
	for (unsigned i = 0; i < 260; i++)
		sim_sendf(alice, "<message to='d%u.example'><body>hi</body></message>", i);
	for (unsigned i = 0; i < 20; i++)
		sim_advance(50);
	is_int(opens, 256);
	is_int(sim_count(alice, "<resource-constraint "), 4);
	end();
}

static void access_is_asked(void)
{
	begin("acl: {bad: {server: bad.example}}\n"
	      "access_rules: {talk: [{deny: bad}, {allow: all}]}\n"
	      "s2s_access: talk\n");
	sim_send(alice, "<message to='x@bad.example' id='1'><body>hi</body></message>");
	expect(alice, "<forbidden ");
	is_int(opens, 0);
	say("2");
	is_int(opens, 1);
	end();
}

static void the_other_sides_stream_serves(void)
{
	int stream;
	begin("");
	say("1");
	struct s2s_link *link = s2s_offer(STR("sim.example"), STR("other.example"), &play_ops, &stream);
	ok(link == asked);
	is_int(cancels, 1);
	is_cstr(taken_ids(), "1");
	ok(!s2s_offer(STR("sim.example"), STR("other.example"), &play_ops, NULL));
	is_int(s2s_links_close(STR("other.example"), "reset", NULL), 1);
	is_int(closes, 1);
	s2s_link_ended(link, &(struct s2s_queue){0});
	end();
}

static void one_of_two_that_cross_stays(void)
{
	begin("");
	sim_send(alice, "<message to='bob@zoo.example' id='1'><body>hi</body></message>");
	sim_settle();
	ok(!s2s_offer(STR("sim.example"), STR("zoo.example"), &play_ops, NULL));
	is_int(cancels, 0);
	s2s_link_opened(asked, &play_ops, NULL);
	is_cstr(taken_ids(), "1");
	end();
}

static void without_an_opener_there_are_no_others(void)
{
	begin("");
	s2s_set_opener(NULL);
	say("1");
	expect(alice, "<remote-server-not-found ");
	end();
}

int main(void)
{
	run(what_waits_is_sent_in_order);
	run(a_failure_bounces_each_once);
	run(pauses_grow_and_are_forgotten);
	run(what_a_stream_lost_goes_to_the_next);
	run(a_full_stream_keeps_the_order);
	run(queues_are_bounded);
	run(nothing_waits_for_ever);
	run(too_many_domains_at_once);
	run(access_is_asked);
	run(the_other_sides_stream_serves);
	run(one_of_two_that_cross_stays);
	run(without_an_opener_there_are_no_others);
	return tap_done();
}
