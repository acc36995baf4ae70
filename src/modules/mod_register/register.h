/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In-band registration (XEP-0077), the parts of the module: what a request asks for (request.c), whether a
 * new account may be made, and making it (new_account.c), what a user may do with the own account
 * (own_account.c).
 */
#pragma once

#include "stanzad/module.h"

#define NS_REGISTER "jabber:iq:register"

/* --- request.c --- */
enum register_wish {
	REGISTER_FIELDS,  /* get */
	REGISTER_ACCOUNT, /* set with name and password: a new account, or a new password */
	REGISTER_REMOVE,  /* with name and password: if they are right */
	REGISTER_CANCEL, /* a form of type cancel: nothing is wanted after all */
	REGISTER_MALFORMED,
};
struct register_request {
	enum register_wish wish;
	struct str user, password; /* as the client wrote them; in the arena; empty when left out */
	const struct xml *form;    /* the submitted one; NULL */
};
void register_read(
    enum stanza_type type, const struct xml *query, struct arena *arena, struct register_request *request_r);
/* The request again without what it holds, so that an error does not send a password back (3.3). */
struct stanza *register_without_secrets(const struct stanza *request);

/* The rows of its metrics. */
enum { REGISTER_METRIC_ACCOUNTS };

/* --- strength.c --- */
/* Bits of entropy if the password were random, in thousandths: its length and the kinds of characters in it.
 */
int64_t register_strength(struct str password);

/* --- recent.c: who registered lately; any thread --- */
/* False when key did so within the last period_ms; else it is remembered from now on. */
bool recent_enter(struct str key, int64_t period_ms);
/* It came to nothing: as if it had not been. */
void recent_leave(struct str key);
void recent_fini(void);

/* --- new_account.c --- */
struct register_source {
	const struct sockaddr *address; /* of an unauthenticated stream; NULL */
	const struct jid *from;         /* of who asks when authenticated; NULL */
};
struct new_account {
	struct arena arena;
	struct jid jid; /* bare */
	struct str password;
	struct str source; /* address, or bare JID of who asked: counts against registration_timeout */
	struct jid host;
	struct jid *watchers;
	size_t watcher_count;
	struct str subject, body; /* of the welcome; empty: none */
	bool limited;
};
/* Whether accounts can be made in-band on this host at all; else the reason in error_r. */
bool new_account_possible(
    struct module_instance *instance, const struct sockaddr *address, struct stanza_error *error_r);
/* Whether to announce it: possible, and the rule for names does not turn everybody away. */
bool new_account_offered(struct module_instance *instance, const struct sockaddr *address);
/*
 * Fills what making the account needs, when the rules allow it: the request then counts against
 * registration_timeout. Where the host's options can be read: on a worker or in an IQ handler. False: error_r
 * says why. Fini in any case.
 */
bool new_account_check(struct new_account *account_r, struct module_instance *instance,
    const struct register_request *request, const struct register_source *source,
    struct stanza_error *error_r);
/* Executor thread: makes the account, welcomes it, tells the watchers. False: error_r says why; its text may be
 * the account's. */
bool new_account_make(
    struct module_instance *instance, struct new_account *account, struct stanza_error *error_r);
void new_account_fini(struct new_account *account);
/* Against whom it counts: the bare JID of who asks, or the address; in the arena. */
struct str register_source_text(const struct register_source *source, struct arena *arena);
/* Not acceptable as a password on this host; error_r says why. */
bool password_refused(struct module_instance *instance, struct str password, struct stanza_error *error_r);

/* --- fields.c: what a new account needs --- */
struct captcha;
/* Whether captcha_protected is for whoever asks: users of the host, whom access_from lets, have passed already. */
bool fields_need_captcha(const struct module_instance *instance, const struct register_source *source);
/* The caller makes its picture and drops it or asks it. Where options can be read. < 0: error_r says why not. Otherwise
 * *captcha_r is NULL when none is needed. */
int fields_captcha(struct module_instance *instance, const struct register_source *source, struct str id,
    struct captcha **captcha_r, struct stanza_error *error_r);
/* The <query/>; captcha may be NULL. */
void fields_put(struct xml_writer *reply, const struct captcha *captcha);

/* --- own_account.c --- */
/* Executor threads: IQs of those who are logged in, and of other servers. */
enum iq_verdict register_on_iq(struct iq *iq);
