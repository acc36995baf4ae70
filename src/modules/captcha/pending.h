/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The challenges under way, on all hosts and workers: found by their id, each time under one lock. Who takes one out
 * of there owns it, so that each ends once.
 */
#pragma once

#include "modules/captcha/captcha.h"
#include "modules/captcha/picture.h"
#include "stanzad/list.h"
#include "stanzad/timer.h"

enum { CAPTCHA_ID_LEN = 26, CAPTCHA_DIGITS = 6 };

struct captcha {
	struct list link; /* this and the next: pending.c */
	bool in_table, ready; /* ready: it can be answered */
	char id[CAPTCHA_ID_LEN + 1];
	char answer[CAPTCHA_DIGITS + 1];
	struct arena arena; /* of the texts here */
	struct str who;     /* against whom it counts: a bare JID, or an address */
	struct str command, url, sid;
	struct module_instance *instance;
	struct captcha_picture picture;
	uint64_t until_ms;
	/* By message; in a form challenger.text is NULL. What is not constant: on the challenger's home worker. */
	struct jid challenger, addressed, asked;
	struct str lang, text;
	captcha_ended *ended;
	void *arg;
	struct module_timer *timer;
	enum captcha_outcome outcome;
	bool drawing, cancelled;
};

/* With an id and an answer, and nothing else. */
struct captcha *captcha_new(struct module_instance *instance);
void captcha_free(struct captcha **captcha);

/* Puts it there, out of reach of answers, unless there are too many. False: it is not there, and error_r says why.
 * Any thread, as all of these. */
bool captcha_pending_add(struct captcha *captcha, struct stanza_error *error_r);
/* It can be answered for CAPTCHA_LIFETIME_MS. False: it was taken out before. */
bool captcha_pending_ready(struct captcha *captcha);
/* Takes it out; false: somebody else has. */
bool captcha_pending_remove(struct captcha *captcha);

/* Calls with(arg, captcha) under the lock for one after the other, oldest first, until it says something else than
 * LOOK_ON. What it wants taken is taken out and returned; NULL when nothing was. */
enum captcha_look { LOOK_ON, LOOK_STOP, LOOK_TAKE };
typedef enum captcha_look captcha_look(void *arg, struct captcha *captcha);
struct captcha *captcha_pending_look(captcha_look *with, void *arg);

/* Takes out the one that can be answered and fits; NULL. One by message is known by its challenger, one in a form
 * by its instance. */
struct captcha_question {
	struct str id, who;
	const struct jid *challenger;
	const struct module_instance *instance;
};
struct captcha *captcha_pending_take(const struct captcha_question *question);

/* --- challenge.c --- */
/* By whoever has taken it out, or does so at the same time under the lock: the outcome is told. */
void captcha_end(struct captcha *captcha, enum captcha_outcome outcome);

/* --- form.c --- */
/* What a submitted form says; views of it. */
struct captcha_reply {
	bool cancel;
	struct str challenge, ocr, from, sid; /* ptr NULL: not there */
};
/* < 0: this is no answer to a challenge. */
int captcha_form_read(const struct xml *x, struct captcha_reply *reply_r);
/* The same digits, with white space around them or not; the time it takes says nothing of them. */
bool captcha_is_right(const struct captcha *captcha, struct str answer);
/* <data/> of XEP-0231. */
void captcha_put_data(struct xml_writer *writer, const struct captcha *captcha);
/* The message of XEP-0158 3.1.2. */
struct stanza *captcha_message(const struct captcha *captcha);
