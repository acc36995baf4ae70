/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A log-in by XEP-0388, from <authenticate/> to <success/> or <failure/>; for the files c2s_*.c.
 *
 *   c2s_sasl2.c    the elements of the exchange; what may be offered
 *   c2s_upgrade.c  tasks behind the exchange: keys of a stronger hash (XEP-0480)
 *   c2s_fast.c     tokens: as a way to log in, and a new one for the next time (XEP-0484)
 *   c2s_inline.c   what was asked for together with the log-in: resumption, a resource (XEP-0386)
 *
 * In this order: exchange, tasks, then the store is told of the token, the client counts as authenticated,
 * the connection moves to the home worker if something was asked for that belongs there, and <success/> goes
 * out with all answers in it, and the new features behind it.
 */
#pragma once

#include "auth/fast.h"
#include "stream/c2s_private.h"

#define NS_SASL2 "urn:xmpp:sasl:2"
#define NS_BIND2 "urn:xmpp:bind:0"
#define NS_FAST "urn:xmpp:fast:0"
#define NS_UPGRADE "urn:xmpp:sasl:upgrade:0"
#define NS_SCRAM_UPGRADE "urn:xmpp:scram-upgrade:0"

#define CLIENT_ID_LEN 36    /* a UUID */
#define CLIENT_TEXT_MAX 128 /* bytes of <software/> and <device/> that are kept */

enum sasl2_phase {
	SASL2_EXCHANGE,  /* <response/> or <abort/> */
	SASL2_TASK,      /* <next/> or <abort/> */
	SASL2_TASK_DATA, /* <task-data/> or <abort/> */
};

struct c2s_sasl2 {
	struct c2s *c2s; /* for what comes back from elsewhere */
	enum sasl2_phase phase;
	struct xml_tree *request; /* <authenticate/>, as long as the log-in takes */
	/* <user-agent/>; the texts live in the setup's arena, all may be empty */
	char client_id[CLIENT_ID_LEN + 1];
	struct str software, device;
	struct strbuf data; /* what the mechanism had to say in the end */
	bool has_data;
	struct xml_writer answer; /* what goes into <success/> behind the identifier */

	unsigned upgrades; /* tasks to do, bits by enum auth_hash */
	enum auth_hash upgrade;
	unsigned char salt[SCRAM_SALT_LEN];
	struct scram_keys keys;
	struct job job;
	enum auth_outcome outcome;
	struct err err;

	struct store_op op;
	struct strbuf key; /* the bare JID */
	struct fast_use use;
	struct fast_token tokens[FAST_SLOTS];
	enum fast_slot slot; /* of the token that was right */
};

/* --- c2s_sasl2.c ---------------------------------------------------------------------------------------- */
/* What its mechanisms are offered by. */
void c2s_sasl2_methods(struct c2s *c2s, struct auth_methods *methods_r);
/* The exchange succeeded; c2s->jid is set, setup->sasl is still there. */
void c2s_sasl2_exchanged(struct c2s *c2s, struct str data);
/* <continue/> with this task. */
void c2s_sasl2_continue(struct c2s *c2s, const char *task);
/* There are no tasks left. */
void c2s_sasl2_tasks_done(struct c2s *c2s);
/* The token is dealt with. */
void c2s_sasl2_authenticated(struct c2s *c2s);
/* All is done: <success/> and the features. */
void c2s_sasl2_success(struct c2s *c2s);

/* --- c2s_upgrade.c -------------------------------------------------------------------------------------- */
/* Bits by enum auth_hash: what mod_scram_upgrade lists, and what the host keeps of new passwords. */
unsigned c2s_upgrades_offered(const struct c2s *c2s);
/* The elements inside <authentication/>. */
void c2s_upgrade_features(struct c2s *c2s, struct xml_writer *features);
/* True: there are tasks, and c2s_sasl2_tasks_done follows. */
bool c2s_upgrade_begin(struct c2s *c2s);
/* <next/>, <task-data/>. */
void c2s_upgrade_next(struct c2s *c2s, const struct xml *elem);
void c2s_upgrade_data(struct c2s *c2s, const struct xml *elem);

/* --- c2s_fast.c ----------------------------------------------------------------------------------------- */
/* The mechanisms that take a token and may be used here; names_r as for sasl_offer. None: no module
 * mod_auth_fast. */
void c2s_fast_offer(struct c2s *c2s, const char **names_r);
void c2s_fast_features(struct c2s *c2s, struct xml_writer *features);
/* Looks up the tokens for the exchange; c2s_auth_proceed follows. */
void c2s_fast_ask(struct c2s *c2s);
/* Uses up the token, makes a new one; c2s_sasl2_authenticated follows, at once or later, or the failure. */
void c2s_fast_finish(struct c2s *c2s);

/* --- c2s_inline.c --------------------------------------------------------------------------------------- */
/* Inside <inline/>. */
void c2s_inline_features(struct c2s *c2s, struct xml_writer *features);
bool c2s_inline_wanted(const struct c2s *c2s);
/* False: the log-in was refused because of it. Before anything has come of the log-in. */
bool c2s_inline_allowed(struct c2s *c2s);
/* c2s_sasl2_success follows. */
void c2s_inline_start(struct c2s *c2s);
