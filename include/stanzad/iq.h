/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answering IQs: RFC 6120 8.2.3. A module lists its handlers as data (stanzad/module.h); for each get or set
 * in its namespace to the server's JID or a user's bare JID the handler is called and says what to answer.
 *
 * The asker gets exactly one answer, whatever the handler does. What cannot be sent as it is becomes
 * internal-server-error, and the log names the module, the namespace and what was wrong (event iq.handler_fault;
 * as an error the first time, later at the level debug):
 *
 *   a verdict that there is not, IQ_LATER without iq_later,
 *   a reply with open elements, with more than one element, or not well-formed,
 *   a refusal with a condition that there is not, or app_xml that is not one well-formed element.
 *
 * These are logged alike, and change nothing for the asker:
 *
 *   an answer returned after iq_later: the one that iq_finish gives counts,
 *   iq_finish for a request that is finished, answered by the core, or was never asked for by iq_later.
 *
 * A handler has at most IQ_PENDING_MAX requests that wait, run or are owed an answer; whoever asks more gets
 * resource-constraint (wait). From IQ_PENDING_SLOW on, those of our own clients who ask it are read from more
 * slowly. Nobody else is.
 */
#pragma once

#include "stanzad/stanza.h"

#define IQ_PENDING_MAX 10000
#define IQ_PENDING_SLOW 1000
/*
 * Milliseconds for an answer, from the moment when the handler would be called. Then the core answers with
 * remote-server-timeout: of the conditions of RFC 6120 8.3.3 it is the one for something that a request needs
 * and that did not answer in reasonable time, and its type, wait, tells that asking again can help;
 * internal-server-error says that it cannot. A request that still waits for its handler is not handed to it
 * any more.
 */
#define IQ_ANSWER_MS 60000
/* The same when the module leaves the host, from its .leave on; the asker gets service-unavailable. */
#define IQ_LEAVE_MS 5000

struct host;
struct iq_call;
struct module_instance;
struct user;

enum iq_component {
	IQ_LOCAL, /* to the server's own JID */
	IQ_SM,    /* to a local user's bare JID, or without an address: then to the sender's own */
};

/* Where a handler runs (DESIGN 4). */
enum iq_discipline {
	/*
	 * At once, on the worker that has the stanza: with IQ_SM that is the home of the addressed user, with
	 * IQ_LOCAL the home of the sender. Must not block. Requests of one sender are handled in order, and
	 * answered in order but for those that are answered later.
	 */
	IQ_NO_QUEUE,
	/*
	 * On the executor, one call at a time for this row and host, in the order of arrival; of one sender that
	 * is the order of sending, and the answers come in that order. May block: only those who ask the same
	 * handler wait. When a module is stopped and started anew, a call of the old instance may still be
	 * under way while the new one begins.
	 */
	IQ_ONE_QUEUE,
	/*
	 * On the executor, many at once, in no order. May block. One thread of the executor is left to others,
	 * however long it takes.
	 */
	IQ_PARALLEL,
};

enum iq_verdict {
	IQ_ANSWER, /* result with what was written to iq->reply (possibly nothing) */
	IQ_REFUSE, /* the error in iq->error */
	IQ_LATER,  /* iq_later was called; iq_finish was, or will be */
	IQ_SILENT, /* nothing is sent: the handler routed an answer of its own */
};

struct iq {
	const struct jid *from, *to; /* to: the addressed JID, filled in when the client left it out */
	enum stanza_type type;       /* IQ_GET or IQ_SET */
	struct str id;
	struct str ns;             /* of the payload: the one that the handler is for */
	struct str lang;           /* xml:lang of the payload, or else of the stanza, or else of the sender's
				      stream; ptr NULL when none of them has one */
	const struct xml *payload; /* its only child element */
	struct stanza *stanza;     /* the whole */
	struct host *host;
	struct module_instance *instance; /* the module's */
	struct user *user;                /* IQ_SM and IQ_NO_QUEUE: the addressed user, loaded; else NULL */
	bool own;                         /* from is a session of the addressed user */
	struct xml_writer *reply;         /* what the result holds, default namespace jabber:client */
	struct stanza_error error;
	struct iq_call *call; /* private */
};

/* All that iq points to lives for the call, and for iq_later's copy until iq_finish. */
typedef enum iq_verdict iq_handler(struct iq *iq);

/* Sets the error and returns IQ_REFUSE. text may be NULL; it must live until the answer is sent: a literal.
 */
enum iq_verdict iq_refuse(struct iq *iq, enum stanza_condition condition, const char *text);

/*
 * For an answer that comes later: copies what the answer needs, so the handler may return IQ_LATER. On any
 * thread, from within the handler; called again for the same request it gives the same copy. user is NULL in
 * it. A hook that takes a request over may call it with an iq that it filled in itself: from, to, type,
 * payload, stanza, host and instance; no limit of pending requests applies to those.
 *
 * The copy is the module's until iq_finish, also when the core has answered meanwhile: a module that forgets
 * it keeps the memory, and a place among IQ_PENDING_MAX, until it leaves the host.
 */
struct iq *iq_later(const struct iq *iq);
/*
 * Any thread: answers by the verdict (IQ_ANSWER, IQ_REFUSE or IQ_SILENT), takes the copy back and sets *later
 * to NULL. The last 256 copies that were taken back are remembered, and using iq_finish on one of them once
 * more does nothing but log; what it pointed to is gone.
 */
void iq_finish(struct iq **later, enum iq_verdict verdict);
