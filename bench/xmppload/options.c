/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const work_names[] = {"login", "idle", "chat", "open", "page", "resume", "room",
    "crowd", NULL};
static const char *const tls_names[] = {"none", "direct", "starttls", NULL};
static const char *const mechanism_names[] = {"SCRAM-SHA-1", "PLAIN", NULL};

static const char help[] =
    "usage: xmppload --work login|idle|chat|open|page|resume|room|crowd [options]\n"
    "  --host ADDRESS       numeric address of the server (127.0.0.1)\n"
    "  --port N             its port (5222)\n"
    "  --domain NAME        the XMPP domain (localhost)\n"
    "  --peer-port N        a second server: of each pair of users one is there; chat, open\n"
    "  --peer-domain NAME   and its XMPP domain\n"
    "  --users N            how many users take part (100)\n"
    "  --first N            the number of the first of them (0)\n"
    "  --user-prefix TEXT   they are called TEXT0, TEXT1, ... (u)\n"
    "  --password TEXT      their password (secret)\n"
    "  --mech NAME          SCRAM-SHA-1 or PLAIN (SCRAM-SHA-1)\n"
    "  --tls HOW            none, direct or starttls (none)\n"
    "  --pid PID            a process of the server; repeatable; its children count too\n"
    "  --concurrency N      log-ins, or joins, under way at a time (16)\n"
    "  --window N           chat: messages on their way per client; room: per sender (1)\n"
    "  --body BYTES         size of the message body (100)\n"
    "  --rate N             open: messages a second, all clients together (1000)\n"
    "  --burst N            open: that many of them at a time, so more rarely (1)\n"
    "  --sm                 chat, open: with stream management; done is what was delivered and acknowledged\n"
    "  --ask-every N        and ask for an <a/> after so many messages at the latest (8)\n"
    "  --whole              chat: measure until the last is done; the warm-up is one message of each client\n"
    "  --page N             page: messages of a page of the archive (50)\n"
    "  --after ID:STEP:N    and each page after one of the ids ID, ID+STEP, ... (N of them); else the last page\n"
    "  --senders N          room: occupants that write (1)\n"
    "  --room ADDRESS       of the room; it must not be there yet (bench-PID@conference.DOMAIN)\n"
    "  --broadcast ROLE     have the room announce the presence of that role alone\n"
    "  --patience S         crowd: give up after so long (600)\n"
    "  --seconds S          how long to measure; idle: how long to hold (5)\n"
    "  --warmup S           how long to work before that (2)\n"
    "  --json               print one JSON object\n"
    "resume: all log in; then it prints \"ready\", waits for a line with the process of a server that was started\n"
    "again, and measures until all are back, their streams resumed or, where the server refuses, made anew.\n"
    "room: all enter one room; a message makes room for the next when all occupants have it.\n"
    "crowd: all enter one room; a few messages go to all of them; the last users enter one by one.\n";

enum option_id {
	OPTION_HOST = 1,
	OPTION_PORT,
	OPTION_DOMAIN,
	OPTION_PEER_PORT,
	OPTION_PEER_DOMAIN,
	OPTION_USERS,
	OPTION_USER_PREFIX,
	OPTION_PASSWORD,
	OPTION_MECH,
	OPTION_TLS,
	OPTION_PID,
	OPTION_CONCURRENCY,
	OPTION_WINDOW,
	OPTION_BODY,
	OPTION_RATE,
	OPTION_BURST,
	OPTION_SECONDS,
	OPTION_WARMUP,
	OPTION_JSON,
	OPTION_FIRST,
	OPTION_SM,
	OPTION_ASK_EVERY,
	OPTION_WHOLE,
	OPTION_PAGE,
	OPTION_AFTER,
	OPTION_SENDERS,
	OPTION_ROOM,
	OPTION_BROADCAST,
	OPTION_PATIENCE,
	OPTION_WORK,
	OPTION_HELP,
};

static const struct option table[] = {
    {"host", required_argument, NULL, OPTION_HOST},
    {"port", required_argument, NULL, OPTION_PORT},
    {"domain", required_argument, NULL, OPTION_DOMAIN},
    {"peer-port", required_argument, NULL, OPTION_PEER_PORT},
    {"peer-domain", required_argument, NULL, OPTION_PEER_DOMAIN},
    {"users", required_argument, NULL, OPTION_USERS},
    {"user-prefix", required_argument, NULL, OPTION_USER_PREFIX},
    {"password", required_argument, NULL, OPTION_PASSWORD},
    {"mech", required_argument, NULL, OPTION_MECH},
    {"tls", required_argument, NULL, OPTION_TLS},
    {"pid", required_argument, NULL, OPTION_PID},
    {"concurrency", required_argument, NULL, OPTION_CONCURRENCY},
    {"window", required_argument, NULL, OPTION_WINDOW},
    {"body", required_argument, NULL, OPTION_BODY},
    {"rate", required_argument, NULL, OPTION_RATE},
    {"burst", required_argument, NULL, OPTION_BURST},
    {"seconds", required_argument, NULL, OPTION_SECONDS},
    {"warmup", required_argument, NULL, OPTION_WARMUP},
    {"json", no_argument, NULL, OPTION_JSON},
    {"first", required_argument, NULL, OPTION_FIRST},
    {"sm", no_argument, NULL, OPTION_SM},
    {"ask-every", required_argument, NULL, OPTION_ASK_EVERY},
    {"whole", no_argument, NULL, OPTION_WHOLE},
    {"page", required_argument, NULL, OPTION_PAGE},
    {"after", required_argument, NULL, OPTION_AFTER},
    {"senders", required_argument, NULL, OPTION_SENDERS},
    {"room", required_argument, NULL, OPTION_ROOM},
    {"broadcast", required_argument, NULL, OPTION_BROADCAST},
    {"patience", required_argument, NULL, OPTION_PATIENCE},
    {"work", required_argument, NULL, OPTION_WORK},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static bool read_number(const char *text, unsigned least, unsigned most, unsigned *value_r)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end || value < least || value > most)
		return false;
	*value_r = (unsigned)value;
	return true;
}

static bool read_real(const char *text, double least, double *value_r)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value >= least && value <= 1e9))
		return false;
	*value_r = value;
	return true;
}

static bool read_word(const char *text, const char *const *words, unsigned *value_r)
{
	for (unsigned i = 0; words[i]; i++) {
		if (strcmp(words[i], text) == 0) {
			*value_r = i;
			return true;
		}
	}
	return false;
}

static bool read_pid(const char *text, struct options *options)
{
	unsigned pid;

	if (options->n_pids == OPTIONS_PIDS_MAX || !read_number(text, 1, 1u << 30, &pid))
		return false;
	options->pids[options->n_pids++] = (pid_t)pid;
	return true;
}

static bool read_text(const char *text, const char **value_r)
{
	*value_r = text;
	return *text != '\0';
}

static bool read_id_range(const char *text, struct id_range *range_r)
{
	struct id_range range;
	int end = 0;

	if (sscanf(text, "%" SCNu64 ":%" SCNu64 ":%" SCNu64 "%n", &range.first, &range.step, &range.count,
		&end) != 3 ||
	    text[end] || !range.count)
		return false;
	*range_r = range;
	return true;
}

static bool option_set(struct options *o, enum option_id id, const char *value)
{
	unsigned word = 0;
	bool ok = false;

	switch (id) {
	case OPTION_HOST:
		return read_text(value, &o->host);
	case OPTION_PORT:
		return read_number(value, 1, 65535, &o->port);
	case OPTION_DOMAIN:
		return read_text(value, &o->domain);
	case OPTION_PEER_PORT:
		return read_number(value, 1, 65535, &o->peer_port);
	case OPTION_PEER_DOMAIN:
		return read_text(value, &o->peer_domain);
	case OPTION_USERS:
		return read_number(value, 1, 1000000, &o->users);
	case OPTION_USER_PREFIX:
		return read_text(value, &o->user_prefix);
	case OPTION_PASSWORD:
		return read_text(value, &o->password);
	case OPTION_MECH:
		ok = read_word(value, mechanism_names, &word);
		o->mechanism = word;
		return ok;
	case OPTION_TLS:
		ok = read_word(value, tls_names, &word);
		o->tls = word;
		return ok;
	case OPTION_WORK:
		ok = read_word(value, work_names, &word);
		o->work = word;
		return ok;
	case OPTION_PID:
		return read_pid(value, o);
	case OPTION_CONCURRENCY:
		return read_number(value, 1, 10000, &o->concurrency);
	case OPTION_WINDOW:
		return read_number(value, 1, 10000, &o->window);
	case OPTION_BODY:
		return read_number(value, 1, 60000, &o->body);
	case OPTION_RATE:
		return read_real(value, 0.1, &o->rate);
	case OPTION_BURST:
		return read_number(value, 1, 100000, &o->burst);
	case OPTION_SECONDS:
		return read_real(value, 0.1, &o->seconds);
	case OPTION_WARMUP:
		return read_real(value, 0, &o->warmup);
	case OPTION_FIRST:
		return read_number(value, 0, 1000000, &o->first);
	case OPTION_SM:
		return o->sm = true;
	case OPTION_WHOLE:
		return o->whole = true;
	case OPTION_ASK_EVERY:
		return read_number(value, 1, 1000000, &o->ask_every);
	case OPTION_PAGE:
		return read_number(value, 1, 250, &o->page);
	case OPTION_AFTER:
		return read_id_range(value, &o->after);
	case OPTION_SENDERS:
		return read_number(value, 1, 10000, &o->senders);
	case OPTION_ROOM:
		return read_text(value, &o->room);
	case OPTION_BROADCAST:
		return read_text(value, &o->broadcast);
	case OPTION_PATIENCE:
		return read_real(value, 1, &o->patience);
	case OPTION_JSON:
		return o->json = true;
	case OPTION_HELP:
		break;
	}
	return false;
}

int options_read(int argc, char **argv, struct options *options_r)
{
	struct options o = {
	    .host = "127.0.0.1",
	    .port = 5222,
	    .domain = "localhost",
	    .user_prefix = "u",
	    .password = "secret",
	    .users = 100,
	    .concurrency = 16,
	    .window = 1,
	    .body = 100,
	    .rate = 1000,
	    .burst = 1,
	    .ask_every = 8,
	    .page = 50,
	    .senders = 1,
	    .patience = 600,
	    .seconds = 5,
	    .warmup = 2,
	};
	int at = 0;
	int id;

	while ((id = getopt_long(argc, argv, "h", table, &at)) != -1) {
		if (id == OPTION_HELP || id == 'h') {
			fputs(help, stdout);
			return 1;
		}
		if (id == '?')
			return -1;
		if (!option_set(&o, (enum option_id)id, optarg)) {
			fprintf(stderr, "xmppload: --%s: bad value '%s'\n", table[at].name, optarg);
			return -1;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "xmppload: unexpected '%s'\n", argv[optind]);
		return -1;
	}
	if ((o.work == WORK_CHAT || o.work == WORK_OPEN) && (o.users % 2 || o.users < 2)) {
		fputs("xmppload: chat needs an even number of users\n", stderr);
		return -1;
	}
	if (o.work == WORK_ROOM && o.senders > o.users) {
		fputs("xmppload: more senders than users\n", stderr);
		return -1;
	}
	if (o.work == WORK_CROWD && o.users < CROWD_USERS_MIN) {
		fprintf(stderr, "xmppload: a crowd has at least %d users\n", CROWD_USERS_MIN);
		return -1;
	}
	if (!o.peer_port != !o.peer_domain) {
		fputs("xmppload: --peer-port and --peer-domain belong together\n", stderr);
		return -1;
	}
	o.sm = o.sm || o.work == WORK_RESUME;
	*options_r = o;
	return 0;
}

const char *options_work_name(enum work_kind work)
{
	return work_names[work];
}

const char *options_tls_name(enum tls_mode tls)
{
	return tls_names[tls];
}

const char *options_mechanism_name(enum sasl_mechanism mechanism)
{
	return mechanism_names[mechanism];
}
