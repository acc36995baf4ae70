/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream that another server opens, whole, on a fake clock. The first line says how: h with a good stream
 * header in front, b with bidi asked for. Each further line is sent as it is, and what was asked about the keys
 * until then is answered: domains that begin with "good" are valid, with "bad" invalid, with "none" there are
 * none, with "mute" there is no answer, and others stay open. Whatever comes: no stanza is routed from a domain
 * that is not good, and nothing is sent to a domain before it is.
 */
#include "../tests/unit/sim.h"
#include "fuzz.h"
#include "route/s2s.h"
#include "stream/s2s_in.h"

#define HEADER                                                                                               \
	"<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' "              \
	"xmlns:db='jabber:server:dialback' from='good.example' to='sim.example' version='1.0'>"
#define CHECKS_MAX 10

/* --- authoritative servers ------------------------------------------------------------------------------ */

struct dialback_check {
	void (*done)(void *arg, enum dialback_outcome outcome, const char *text);
	void *arg;
	char initial; /* of the remote domain */
	bool open;
};
static struct dialback_check checks[CHECKS_MAX];

static struct dialback_check *play_check(struct str local, struct str remote, struct str stream_id,
    struct str key, void (*done)(void *arg, enum dialback_outcome outcome, const char *text), void *arg)
{
	struct dialback_check *check = checks;
	while (check->open)
		fuzz_check(++check < checks + CHECKS_MAX);
	*check = (struct dialback_check){done, arg, 'x', true};
	if (str_starts(remote, "good") || str_starts(remote, "bad") || str_starts(remote, "none") ||
	    str_starts(remote, "mute"))
		check->initial = *remote.ptr;
	return check;
}

static void play_cancel(struct dialback_check **check)
{
	if (*check)
		(*check)->open = false;
	*check = NULL;
}

static void answer_all(void)
{
	sim_settle();
	for (struct dialback_check *check = checks; check < checks + CHECKS_MAX; check++) {
		if (!check->open || check->initial == 'x')
			continue;
		check->open = false;
		check->done(check->arg,
		    check->initial == 'g'   ? DIALBACK_VALID
		    : check->initial == 'b' ? DIALBACK_INVALID
		    : check->initial == 'n' ? DIALBACK_NO_DOMAIN
					    : DIALBACK_NO_ANSWER,
		    "as played");
		sim_settle();
	}
}

/* --- the other way -------------------------------------------------------------------------------------- */

static void *play_open(struct s2s_link *link)
{
	return link;
}

static void play_open_cancel(void *opening)
{
}

/* --- what gets in --------------------------------------------------------------------------------------- */

static enum hook_verdict on_filter(struct module_instance *instance, struct hook_filter *event)
{
	struct str domain = jid_domain(event->from);
	fuzz_check(str_starts(domain, "good") || str_is(domain, "sim.example"));
	return HOOK_PASS;
}

static const struct hook_entry watch_hooks[] = {HOOK_ENTRY(filter, on_filter, HOOK_NORMAL, NULL), {0}};
static const struct module mod_watch = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_watch",
    .hooks = watch_hooks,
};

/* --- the server ----------------------------------------------------------------------------------------- */

static struct sim_client *alice;

static void start(void)
{
	static const struct s2s_in_checker checker = {play_check, play_cancel};
	static const struct s2s_opener opener = {play_open, play_open_cancel};
	static const struct module *const watch[] = {&mod_watch, NULL};
	s2s_in_set_checker(&checker);
	sim_offer(watch);
	s2s_set_opener(&opener);
	sim_start("", "modules: {mod_s2s_dialback: {}, mod_s2s_bidi: {}, mod_ping: {}, mod_watch: {}}\n");
	alice = sim_login("alice@sim.example/desk");
	sim_send(alice, "<presence/>");
	sim_skip(alice);
	atexit(sim_stop);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct str rest, line, flags = str_cut((struct str){(const char *)bytes, len}, '\n', &rest);
	if (!alice)
		start();
	memset(checks, 0, sizeof(checks));
	struct sim_client *peer = sim_peer();
	if (flags.len && memchr(flags.ptr, 'h', flags.len))
		sim_send(peer, HEADER);
	if (flags.len && memchr(flags.ptr, 'b', flags.len))
		sim_send(peer, "<bidi xmlns='urn:xmpp:bidi'/>");
	sim_send(alice, "<message to='bob@good.example'><body>hi</body></message>");
	while (rest.len) {
		line = str_cut(rest, '\n', &rest);
		sim_sendf(peer, "%.*s", STR_FMT(line));
		answer_all();
	}
	fuzz_check(sim_has(peer, " type='valid'/>") || !sim_has(peer, "alice@sim.example/desk"));
	sim_free(peer);
	sim_advance(120000);
	sim_skip(alice);
	return 0;
}
