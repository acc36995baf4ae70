/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CAPTCHA challenges: XEP-0158, with the picture as XEP-0221 and XEP-0231 have it. For modules that let somebody do
 * something only after a person has read the digits on a picture. There are two kinds, which share limits:
 *
 *   by message: an address of the module's (a room, a user) challenges a JID, whose client answers with an IQ;
 *   in a form: the fields are part of another form, such as that of a registration (XEP-0158 4).
 *
 * The picture comes from captcha_cmd, or is drawn here. A challenge is good for one answer within
 * CAPTCHA_LIFETIME_MS, from the one who was challenged. Everything is in memory: after a restart nobody is
 * under a challenge. The digits are in no log and no answer.
 */
#pragma once

#include "stanzad/module.h"

#define NS_CAPTCHA "urn:xmpp:captcha"
#define NS_BOB "urn:xmpp:bob"

#define CAPTCHA_LIFETIME_MS 120000
/* Under way at once, beyond which whoever causes one more is refused with resource-constraint (wait); the option
 * captcha_limit is looked at as well. */
#define CAPTCHA_MAX 1000
#define CAPTCHA_MAX_DOMAIN 250 /* for JIDs of one domain */
#define CAPTCHA_MAX_JID 10     /* for one bare JID, or one address */

struct captcha;

/* --- by message ----------------------------------------------------------------------------------------- */

enum captcha_outcome {
	CAPTCHA_PASSED,
	CAPTCHA_FAILED,     /* answered wrongly, declined, or the message came back */
	CAPTCHA_TIMED_OUT,  /* no answer */
	CAPTCHA_NO_PICTURE, /* nobody was asked: captcha_cmd failed, as the log says */
	CAPTCHA_GIVEN_UP,   /* captcha_leave */
};

/* On the home worker of the challenger's bare JID; never from within a function of this header. The challenge is gone
 * then: no captcha_cancel any more. */
typedef void captcha_ended(struct module_instance *instance, void *arg, enum captcha_outcome outcome);

struct captcha_wish {
	const struct jid *challenger; /* who asks, and gets the answers: room@conference.example.org */
	const struct jid *addressed;  /* 'to' of the stanza that caused it; NULL: the challenger */
	const struct jid *asked;      /* who has to answer: 'from' of that stanza; any resource of it may */
	struct str sid;               /* id of that stanza; ptr NULL: it had none */
	struct str lang;              /* of that stanza; ptr NULL */
	struct str text;              /* the body, for people: what was refused to them, and why */
	captcha_ended *ended;
	void *arg;
};

/*
 * On the home worker of the challenger's bare JID; the wish is copied. 0: ended is called once, unless
 * *captcha_r is cancelled before; the picture is drawn elsewhere, and then the message goes out. < 0: error_r says
 * why not, for an answer to the stanza that caused it.
 */
int captcha_challenge(struct module_instance *instance, const struct captcha_wish *wish, struct captcha **captcha_r,
    struct stanza_error *error_r);
/* It is needed no more: ended is not called. On the same worker; *captcha may be NULL, and is afterwards. */
void captcha_cancel(struct captcha **captcha);

/* In .leave: whatever the instance has under way ends with CAPTCHA_GIVEN_UP. In .stop: frees the rest. */
void captcha_leave(struct module_instance *instance);
void captcha_stop(struct module_instance *instance);

/*
 * For a service that gets raw stanzas. On the home worker of 'to', which is the challenger. True: it was an answer to a
 * challenge, a request for its picture, or its message coming back, and has been answered. Any other IQ
 * in these namespaces is left to the caller, but for NS_CAPTCHA, which is always answered.
 */
bool captcha_deliver(const struct jid *from, const struct jid *to, struct stanza *stanza);
/* The same for rows of IQ handlers in NS_CAPTCHA and NS_BOB: IQ_SM, IQ_NO_QUEUE, announced. */
iq_handler captcha_on_iq, captcha_on_bob;
/* The same for a hook that sees a message of the type error: true when it was a challenge that came back. */
bool captcha_came_back(const struct jid *from, const struct jid *to, const struct stanza *stanza);
/* Whether a message is a challenge of this server, which its recipient has caused, and should get. Any thread. */
bool captcha_is_challenge(const struct jid *from, const struct jid *to, const struct stanza *stanza);

/* --- in a form ------------------------------------------------------------------------------------------ */

/* Counts against the limits. who: the bare JID, or the address, of who has to answer. Where options can be read: on
 * a worker or in an IQ handler. NULL: error_r says why. */
struct captcha *captcha_form_new(
    struct module_instance *instance, struct str who, struct str sid, struct stanza_error *error_r);
/* Makes the picture. Blocks: executor threads. < 0: it cannot be made, and the log says why. */
int captcha_form_draw(struct captcha *captcha);
/* Inside <x/>: the fields 'challenge', 'sid' and 'ocr'. */
void captcha_form_put_fields(struct xml_writer *writer, const struct captcha *captcha);
/* Beside <x/>: the picture. */
void captcha_form_put_data(struct xml_writer *writer, const struct captcha *captcha);
/* From now on it can be answered, and is none of the caller's business any more. NULLs it. Any thread. */
void captcha_form_ask(struct captcha **captcha);
/* It was not asked. *captcha may be NULL, and is afterwards. Any thread. */
void captcha_form_drop(struct captcha **captcha);
/* A submitted form, or NULL: whether it answers a challenge of the instance to who. Whatever it says, that challenge is
 * gone. < 0: error_r says what is wrong. Any thread. */
int captcha_form_check(struct module_instance *instance, const struct xml *x, struct str who,
    struct stanza_error *error_r);

/* --- on a page ------------------------------------------------------------------------------------------ */

/* What the page at captcha_url needs, for people whose clients know no CAPTCHA forms; any thread. The page of a
 * challenge is captcha_url/ID. */

/* A copy of the picture, and its media type, which lives for ever. < 0: there is no such challenge. */
int captcha_page_picture(struct str id, struct strbuf *picture, const char **type_r);
/* The answer to a challenge by message. CAPTCHA_TIMED_OUT: there is no such challenge. */
enum captcha_outcome captcha_page_answer(struct str id, struct str answer);
