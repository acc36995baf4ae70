/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answering IQs: RFC 6120 8.2.3. A module lists its handlers as data (stanzad/module.h); for each get or set
 * in its namespace to the server's JID or a user's bare JID the handler is called and says what to answer.
 */
#pragma once

#include "stanzad/stanza.h"

struct host;
struct module_instance;
struct user;

enum iq_component {
	IQ_LOCAL, /* to the server's own JID */
	IQ_SM,    /* to a local user's bare JID, or without an address: then to the sender's own */
};

/* Where a handler runs (DESIGN 4). */
enum iq_discipline {
	IQ_NO_QUEUE,  /* at once on the worker that is the home of the addressed user; must not block */
	IQ_ONE_QUEUE, /* on the executor, one call at a time per handler and host, in order */
	IQ_PARALLEL,  /* on the executor, many at once */
};

enum iq_verdict {
	IQ_ANSWER, /* result with what was written to iq->reply (possibly nothing) */
	IQ_REFUSE, /* the error in iq->error */
	IQ_LATER,  /* iq_later was called; iq_finish will be */
	IQ_SILENT, /* nothing is sent: the handler routed an answer of its own */
};

struct iq {
	const struct jid *from, *to; /* to: the addressed JID, filled in when the client left it out */
	enum stanza_type type;       /* IQ_GET or IQ_SET */
	const struct xml *payload;   /* its only child element */
	struct stanza *stanza;       /* the whole */
	struct host *host;
	struct module_instance *instance; /* the module's */
	struct user *user;                /* IQ_SM and IQ_NO_QUEUE: the addressed user, loaded; else NULL */
	bool own;                         /* from is a session of the addressed user */
	struct xml_writer *reply;         /* what the result holds, default namespace jabber:client */
	struct stanza_error error;
};

typedef enum iq_verdict iq_handler(struct iq *iq);

/* Sets the error and returns IQ_REFUSE. text may be NULL; it must live until the answer is sent: a literal.
 */
enum iq_verdict iq_refuse(struct iq *iq, enum stanza_condition condition, const char *text);

/*
 * For an answer that comes later: copies what the answer needs, so the handler may return IQ_LATER. On any
 * thread, from within the handler. The copy has from, to, stanza, payload, host, instance, reply and own;
 * user is NULL.
 */
struct iq *iq_later(const struct iq *iq);
/* On a worker or an executor thread: answers by the verdict (IQ_ANSWER, IQ_REFUSE or IQ_SILENT) and frees the
 * copy. */
void iq_finish(struct iq **later, enum iq_verdict verdict);
