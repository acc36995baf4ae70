/* SPDX-License-Identifier: Apache-2.0 */
/* IQ handlers that do what they should not, and what those who ask get. */
#include <pthread.h>
#include <unistd.h>

#include "base/log_sink.h"
#include "base/mem.h"
#include "sim.h"
#include "stanzad/log.h"

#define KEPT_MAX 16000

static struct sim_client *alice;
static struct iq *kept[KEPT_MAX];
static unsigned kept_count, calls, stopped;
static char log_path[] = "/tmp/stanzad-test-iq-XXXXXX";

/* --- handlers ------------------------------------------------------------------------------------------- */

static enum iq_verdict forgets(struct iq *iq)
{
	return IQ_LATER;
}

static enum iq_verdict keeps(struct iq *iq)
{
	calls++;
	kept[kept_count++] = iq_later(iq);
	ok(iq_later(iq) == kept[kept_count - 1]);
	return IQ_LATER;
}

static enum iq_verdict keeps_quietly(struct iq *iq)
{
	kept[kept_count++] = iq_later(iq);
	return IQ_LATER;
}

static enum iq_verdict answers_twice(struct iq *iq)
{
	kept[kept_count++] = iq_later(iq);
	xml_put_element(iq->reply, "early", "urn:t", STR_NULL);
	return IQ_ANSWER;
}

static enum iq_verdict finishes_at_once(struct iq *iq)
{
	struct iq *later = iq_later(iq);
	xml_put_element(later->reply, "now", "urn:t", STR_NULL);
	iq_finish(&later, IQ_ANSWER);
	return IQ_LATER;
}

static enum iq_verdict finishes_itself(struct iq *iq)
{
	struct iq *same = iq;
	iq_finish(&same, IQ_ANSWER);
	xml_put_element(iq->reply, "fine", "urn:t", STR_NULL);
	return IQ_ANSWER;
}

static enum iq_verdict raves(struct iq *iq)
{
	return (enum iq_verdict)99;
}

static enum iq_verdict leaves_open(struct iq *iq)
{
	xml_open(iq->reply, "query", "urn:t");
	return IQ_ANSWER;
}

static enum iq_verdict writes_two(struct iq *iq)
{
	xml_put_element(iq->reply, "one", "urn:t", STR_NULL);
	xml_put_element(iq->reply, "two", "urn:t", STR_NULL);
	return IQ_ANSWER;
}

static enum iq_verdict writes_rubbish(struct iq *iq)
{
	xml_put_raw(iq->reply, STR("</iq><presence/><iq>"));
	return IQ_ANSWER;
}

static enum iq_verdict refuses_wrongly(struct iq *iq)
{
	return iq_refuse(iq, (enum stanza_condition)777, "because");
}

static enum iq_verdict refuses_with_rubbish(struct iq *iq)
{
	iq_refuse(iq, SE_not_allowed, NULL);
	iq->error.app_xml = STR("<a><b></a>");
	return IQ_REFUSE;
}

static enum iq_verdict tells(struct iq *iq)
{
	xml_open(iq->reply, "told", "urn:t:tells");
	xml_put_attr(iq->reply, "id", iq->id);
	xml_put_attr(iq->reply, "ns", iq->ns);
	xml_put_attr(iq->reply, "lang", iq->lang);
	xml_close(iq->reply);
	return IQ_ANSWER;
}

static enum iq_verdict counts(struct iq *iq)
{
	unsigned now = __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
	xml_open(iq->reply, "count", "urn:t");
	xml_put_attr_u64(iq->reply, "is", now);
	xml_close(iq->reply);
	return IQ_ANSWER;
}

static const struct module_iq iqs[] = {
    {.ns = "urn:t:forgets", .handler = forgets},
    {.ns = "urn:t:forgets:queued", .handler = forgets, .discipline = IQ_ONE_QUEUE},
    {.ns = "urn:t:keeps", .handler = keeps},
    {.ns = "urn:t:quiet", .handler = keeps_quietly},
    {.ns = "urn:t:keeps:queued", .handler = keeps_quietly, .discipline = IQ_ONE_QUEUE},
    {.ns = "urn:t:both", .handler = answers_twice},
    {.ns = "urn:t:both:parallel", .handler = answers_twice, .discipline = IQ_PARALLEL},
    {.ns = "urn:t:now", .handler = finishes_at_once},
    {.ns = "urn:t:now:queued", .handler = finishes_at_once, .discipline = IQ_ONE_QUEUE},
    {.ns = "urn:t:itself", .handler = finishes_itself},
    {.ns = "urn:t:itself:queued", .handler = finishes_itself, .discipline = IQ_ONE_QUEUE},
    {.ns = "urn:t:raves", .handler = raves},
    {.ns = "urn:t:open", .handler = leaves_open},
    {.ns = "urn:t:two", .handler = writes_two},
    {.ns = "urn:t:rubbish", .handler = writes_rubbish},
    {.ns = "urn:t:condition", .handler = refuses_wrongly},
    {.ns = "urn:t:app", .handler = refuses_with_rubbish},
    {.ns = "urn:t:tells", .handler = tells},
    {.ns = "urn:t:count", .handler = counts, .discipline = IQ_ONE_QUEUE},
    {.ns = "urn:t:count:parallel", .handler = counts, .discipline = IQ_PARALLEL},
    {0},
};

static struct module_instance *instance;
static unsigned results, errors;

static void take(
    struct module_instance *self, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	results += stanza->type == IQ_RESULT;
	errors += stanza->type == STANZA_ERROR;
}

static int on_start(struct module_instance *self, struct err *err)
{
	instance = self;
	return 0;
}

static void on_stop(struct module_instance *self)
{
	stopped++;
}

static const struct module mod_test = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_test",
    .iqs = iqs,
    .start = on_start,
    .stop = on_stop,
};

/* --- around them ---------------------------------------------------------------------------------------- */

static void begin(void)
{
	kept_count = calls = stopped = 0;
	sim_start("", "modules: {mod_test: {}}\n");
	alice = sim_login("alice@sim.example/desk");
	if (truncate(log_path, 0) < 0)
		abort();
}

static void ask(const char *id, const char *ns)
{
	sim_sendf(alice, "<iq type='get' id='%s' to='sim.example'><q xmlns='%s'/></iq>", id, ns);
}

/* An answer with text in it came, and nothing else. */
static void is_only(const char *text)
{
	expect(alice, text);
	expect(alice, "</iq>");
	nothing(alice);
}

/* How often text is in the log. */
static unsigned logged(const char *text)
{
	static char log[65536];
	FILE *file = fopen(log_path, "r");
	log[fread(log, 1, sizeof(log) - 1, file)] = '\0';
	fclose(file);
	unsigned count = 0;
	for (const char *at = log; (at = strstr(at, text)); at += strlen(text))
		count++;
	return count;
}

static void is_internal_error(const char *ns, const char *what)
{
	begin();
	ask("1", ns);
	expect(alice, "type='error' id='1'");
	expect(alice, "<internal-server-error ");
	ask("2", ns);
	is_only("<internal-server-error ");
	is_int(logged(what), 1);
	is_int(logged("mod_test"), 1);
	is_int(logged(ns), 1);
	sim_stop();
}

/* --- tests ---------------------------------------------------------------------------------------------- */

static void faults_become_internal_errors(void)
{
	is_internal_error("urn:t:forgets", "had not called iq_later");
	is_internal_error("urn:t:forgets:queued", "had not called iq_later");
	is_internal_error("urn:t:raves", "a verdict that there is not");
	is_internal_error("urn:t:open", "its reply cannot be sent");
	is_internal_error("urn:t:two", "one element at most");
	is_internal_error("urn:t:rubbish", "its reply cannot be sent");
	is_internal_error("urn:t:condition", "there is no condition 777");
	is_internal_error("urn:t:app", "its refusal cannot be sent");
}

static void finish_kept(unsigned place, const char *name, enum iq_verdict verdict)
{
	struct iq *iq = kept[place];
	if (name)
		xml_put_element(iq->reply, name, "urn:t", STR_NULL);
	iq_finish(&iq, verdict);
	ok(!iq);
}

static void the_later_answer_counts(void)
{
	static const char *const namespaces[] = {"urn:t:both", "urn:t:both:parallel"};
	for (unsigned i = 0; i < 2; i++) {
		begin();
		ask("1", namespaces[i]);
		nothing(alice);
		is_int(logged("the later one counts"), 1);
		finish_kept(0, "late", IQ_ANSWER);
		is_only("<late xmlns='urn:t'/>");
		sim_stop();
	}
}

static void finishing_twice_does_nothing(void)
{
	begin();
	ask("1", "urn:t:keeps");
	sim_settle();
	finish_kept(0, "late", IQ_ANSWER);
	is_only("<late ");
	finish_kept(0, NULL, IQ_ANSWER);
	nothing(alice);
	is_int(logged("iq_finish for a request that is finished"), 1);
	ask("2", "urn:t:now");
	expect(alice, "id='2'><now ");
	ask("3", "urn:t:now:queued");
	is_only("id='3'><now ");
	ask("4", "urn:t:itself");
	expect(alice, "id='4'><fine ");
	ask("5", "urn:t:itself:queued");
	is_only("id='5'><fine ");
	sim_stop();
}

static void finished_ones_are_remembered_for_a_while(void)
{
	begin();
	for (unsigned i = 0; i < 300; i++) {
		ask("1", "urn:t:quiet");
		sim_settle();
		struct iq *iq = kept[i];
		iq_finish(&iq, i % 2 ? IQ_SILENT : IQ_ANSWER);
	}
	is_int(sim_count(alice, "<iq "), 150);
	for (unsigned i = 300 - 256; i < 300; i++) {
		struct iq *iq = kept[i];
		iq_finish(&iq, IQ_ANSWER);
	}
	nothing(alice);
	sim_stop();
}

static void a_late_verdict_is_checked(void)
{
	begin();
	ask("1", "urn:t:keeps");
	ask("2", "urn:t:keeps");
	ask("3", "urn:t:keeps");
	sim_settle();
	finish_kept(0, NULL, (enum iq_verdict)12);
	expect(alice, "<internal-server-error ");
	finish_kept(1, NULL, IQ_LATER);
	expect(alice, "<internal-server-error ");
	xml_open(kept[2]->reply, "open", NULL);
	finish_kept(2, NULL, IQ_ANSWER);
	expect(alice, "<internal-server-error ");
	sim_stop();
}

static void an_answer_has_a_deadline(void)
{
	begin();
	ask("1", "urn:t:keeps");
	sim_advance(1000);
	ask("2", "urn:t:keeps");
	sim_advance(IQ_ANSWER_MS - 1001);
	nothing(alice);
	sim_advance(1);
	expect(alice, "id='1'");
	is_only("<remote-server-timeout ");
	is_int(logged("no answer in time"), 1);
	finish_kept(0, "late", IQ_ANSWER);
	nothing(alice);
	is_int(logged("came too late"), 1);
	finish_kept(0, NULL, IQ_ANSWER);
	finish_kept(1, "late", IQ_ANSWER);
	is_only("id='2'><late ");
	sim_advance(IQ_ANSWER_MS);
	nothing(alice);
	ask("3", "urn:t:keeps");
	sim_advance(IQ_ANSWER_MS);
	expect(alice, "id='3'");
	sim_stop();
}

static void what_waits_too_long_is_not_handled(void)
{
	begin();
	sim_hold_jobs();
	ask("1", "urn:t:count");
	sim_settle();
	sim_advance(IQ_ANSWER_MS);
	is_only("<remote-server-timeout ");
	sim_release_jobs();
	nothing(alice);
	is_int(calls, 0);
	ask("2", "urn:t:count");
	expect(alice, "id='2'><count xmlns='urn:t' is='1'/>");
	sim_stop();
}

static void a_module_that_owes_can_leave(void)
{
	begin();
	ask("1", "urn:t:keeps");
	ask("2", "urn:t:keeps:queued");
	sim_settle();
	ask("3", "urn:t:keeps");
	sim_settle();
	finish_kept(0, "late", IQ_ANSWER);
	sim_skip(alice);
	sim_reload("", "modules: {}\n");
	ask("4", "urn:t:keeps");
	is_only("<service-unavailable ");
	is_int(stopped, 0);
	finish_kept(1, "late", IQ_ANSWER);
	is_only("id='2'><late ");
	sim_advance(IQ_LEAVE_MS);
	expect(alice, "id='3'");
	is_only("<service-unavailable ");
	sim_advance(10);
	is_int(stopped, 1);
	finish_kept(2, NULL, IQ_ANSWER);
	finish_kept(0, NULL, IQ_ANSWER);
	nothing(alice);
	sim_stop();
}

static void owed_answers_end_with_the_server(void)
{
	begin();
	ask("1", "urn:t:keeps");
	ask("2", "urn:t:keeps:queued");
	sim_settle();
	ask("3", "urn:t:both");
	sim_settle();
	sim_stop();
	is_int(stopped, 1);
	begin();
	ask("1", "urn:t:keeps");
	sim_advance(IQ_ANSWER_MS);
	expect(alice, "<remote-server-timeout ");
	sim_stop();
}

static void language_and_namespace_are_told(void)
{
	begin();
	ask("1", "urn:t:tells");
	expect(alice, "<told xmlns='urn:t:tells' id='1' ns='urn:t:tells'/>");
	sim_send(alice, "<iq type='set' id='2' to='sim.example' xml:lang='de'><q xmlns='urn:t:tells'/></iq>");
	expect(alice, " lang='de'/>");
	sim_send(alice,
	    "<iq type='set' id='3' to='sim.example' xml:lang='de'><q xmlns='urn:t:tells' xml:lang='fr'/></iq>");
	expect(alice, " lang='fr'/>");
	sim_stop();
}

static void one_queue_keeps_the_order(void)
{
	char text[100];
	begin();
	for (unsigned i = 1; i <= 50; i++) {
		snprintf(text, sizeof(text), "%u", i);
		ask(text, "urn:t:count");
	}
	for (unsigned i = 1; i <= 50; i++) {
		snprintf(text, sizeof(text), "id='%u'><count xmlns='urn:t' is='%u'/>", i, i);
		expect(alice, text);
	}
	sim_stop();
}

static struct stanza *request(const char *ns)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	xml_open(&writer, "iq", NULL);
	xml_put_attr(&writer, "type", STR("get"));
	xml_put_attr(&writer, "id", STR("n"));
	xml_put_element(&writer, "q", ns, STR_NULL);
	xml_close(&writer);
	struct stanza *stanza = stanza_from_writer(&writer);
	xml_writer_fini(&writer);
	return stanza;
}

/* A handler that is stuck disturbs nobody but those who ask it. The flood comes from a service: a client would be
 * read from slowly. */
static void a_flood_is_bounded_for_each_handler(void)
{
	static const struct jid service = {"service.sim.example", 0, 19, 0}, server = {"sim.example", 0, 11, 0};
	struct err err;
	begin();
	struct stanza *stanza = request("urn:t:count");
	is_int(module_add_route(instance, STR("service.sim.example"), take, &err), 0);
	results = errors = 0;
	sim_hold_jobs();
	for (unsigned i = 0; i < IQ_PENDING_MAX + 10; i++)
		route(&service, &server, stanza);
	stanza_unref(&stanza);
	is_int(errors, 10);
	is_int(logged("too many requests are pending"), 1);
	ask("1", "urn:t:tells");
	is_only("<told ");
	ask("2", "urn:t:count");
	expect(alice, "type='wait'");
	is_only("<resource-constraint ");
	ask("3", "urn:t:tells");
	nothing(alice);
	sim_advance(50);
	is_only("<told ");
	sim_release_jobs();
	sim_settle();
	is_int(results, IQ_PENDING_MAX);
	ask("4", "urn:t:count");
	is_only("<count ");
	sim_stop();
}

int main(void)
{
	static const struct module *const modules[] = {&mod_test, NULL};
	struct err err;
	int fd = mkstemp(log_path);
	if (fd < 0 || log_set_file(log_path, &err) < 0)
		abort();
	close(fd);
	sim_offer(modules);
	run(faults_become_internal_errors);
	run(the_later_answer_counts);
	run(finishing_twice_does_nothing);
	run(finished_ones_are_remembered_for_a_while);
	run(a_late_verdict_is_checked);
	run(an_answer_has_a_deadline);
	run(what_waits_too_long_is_not_handled);
	run(a_module_that_owes_can_leave);
	run(owed_answers_end_with_the_server);
	run(language_and_namespace_are_told);
	run(one_queue_keeps_the_order);
	run(a_flood_is_bounded_for_each_handler);
	unlink(log_path);
	return tap_done();
}
