/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stanzas: RFC 6120 8. Immutable after they are made, atomically reference-counted, readable by any thread.
 *
 * The addresses travel beside the stanza (route(from, to, stanza)), so that redirecting, fan-out and stamping
 * never touch it: stanza_write emits a fresh start tag and then the children's bytes as they are.
 */
#pragma once

#include "stanzad/jid.h"
#include "stanzad/xml.h"

#define NS_CLIENT STR("jabber:client")

enum stanza_kind { STANZA_MESSAGE, STANZA_PRESENCE, STANZA_IQ };

enum stanza_type {
	/* message, RFC 6121 5.2.2; an unknown type is normal */
	MESSAGE_NORMAL,
	MESSAGE_CHAT,
	MESSAGE_GROUPCHAT,
	MESSAGE_HEADLINE,
	/* presence, RFC 6121 4.7.1 */
	PRESENCE_AVAILABLE,
	PRESENCE_UNAVAILABLE,
	PRESENCE_SUBSCRIBE,
	PRESENCE_SUBSCRIBED,
	PRESENCE_UNSUBSCRIBE,
	PRESENCE_UNSUBSCRIBED,
	PRESENCE_PROBE,
	/* iq, RFC 6120 8.2.3 */
	IQ_GET,
	IQ_SET,
	IQ_RESULT,
	/* of any kind */
	STANZA_ERROR,
	/* presence or iq with a type that there is not: bounced with bad-request by whoever receives it */
	STANZA_TYPE_INVALID,
};

struct stanza {
	uint32_t refs; /* private */
	enum stanza_kind kind : 8;
	enum stanza_type type : 8;
	struct str id;   /* ptr NULL when there is none */
	struct str lang; /* xml:lang of the stanza itself; ptr NULL when there is none */
	struct str tail; /* serialised elements that were added behind the children */
	const struct xml *root;
	struct stanza *base;   /* private: whose bytes this one borrows, or NULL */
	struct xml_tree *tree; /* private */
};

/* Takes the tree over, made with stanza_head_room in front of it. NULL when the root is no stanza (tree is
 * freed). */
struct stanza *stanza_take(struct xml_tree **tree);
extern const size_t stanza_head_room;
/* From text, for tests and commands. Root in jabber:client. NULL with the reason. */
struct stanza *stanza_parse(struct str text, const struct xml_limits *limits, struct err *err);
struct stanza *stanza_ref(struct stanza *stanza);
/* *stanza may be NULL. */
void stanza_unref(struct stanza **stanza);

/* The stanza that the writer holds: one closed element in jabber:client. The writer is empty and reusable
 * afterwards. NULL when it is none (what was written wrongly is in the log). */
struct stanza *stanza_from_writer(struct xml_writer *writer);
/* The same stanza with more elements (serialised, self-contained under jabber:client) behind its children. */
struct stanza *stanza_with_tail(struct stanza *base, struct str tail);
/* The same stanza stamped by a host with when it came there first (XEP-0203), or itself when it has such a stamp of
 * that host already; IQs and errors are never stamped. The caller unrefs it. */
struct stanza *stanza_with_delay(struct stanza *base, struct str by, int64_t real_us);
/* The same stanza without the child elements for which drop says so. What it holds is copied. */
struct stanza *stanza_without(
    struct stanza *base, bool (*drop)(const struct xml *child, void *arg), void *arg);
/* The same children under another start tag: kind is kept, type and id change (a NULL ptr: none). */
struct stanza *stanza_with_type(struct stanza *base, enum stanza_type type, struct str id);

/* Start tag with from and to (NULL: left out), then the children's bytes, the tail, the end tag. */
void stanza_write(
    struct strbuf *out, const struct stanza *stanza, const struct jid *from, const struct jid *to);
/* The type's word as in the type attribute; "" where the attribute is left out (normal, available). */
const char *stanza_type_text(enum stanza_type type);
const char *stanza_kind_text(enum stanza_kind kind);
/* get or set: must be answered. */
bool stanza_is_request(const struct stanza *stanza);
/* The child of an IQ that says what is asked: its only child element; NULL when there is not exactly one. */
const struct xml *stanza_payload(const struct stanza *stanza);

/* Stanza errors: RFC 6120 8.3.3, one row each in stanza_errors.def. */
enum stanza_condition {
#define STANZA_CONDITION(token, text, type, code) SE_##token,
#include "stanzad/stanza_errors.def"
#undef STANZA_CONDITION
	SE_COUNT
};

struct stanza_error {
	enum stanza_condition condition;
	const char *text;    /* for people, English; NULL: none. Static or living as long as the verdict */
	struct str app_xml;  /* a serialised application-specific condition, or empty */
	struct str redirect; /* the URI in gone and redirect, or empty */
	char type; /* 0: the condition's own type; else the first letter of auth, cancel, continue(='n'),
		      modify, wait */
};

/* The element of a condition: "item-not-found". */
const char *stanza_condition_text(enum stanza_condition condition);
/* The error reply: type error, same id, the original children first (RFC 6120 8.3.1), then <error/> made by
 * 'by' (NULL: attribute left out). NULL when the stanza must not be answered: it is itself an error or a
 * result. */
struct stanza *stanza_make_error(
    struct stanza *original, const struct stanza_error *error, const struct jid *by);
/* An IQ result to 'request' with the writer's content as children (may be empty, or NULL). The writer is
 * reusable afterwards. NULL when the content is not well-formed (the log says why). */
struct stanza *stanza_make_result(const struct stanza *request, struct xml_writer *children);
