/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/captcha/pending.h"
#include "stanzad/work.h"

/* --- its end -------------------------------------------------------------------------------------------- */

static void tell(struct module_instance *instance, void *arg)
{
	struct captcha *captcha = arg;
	captcha_pending_remove(captcha); /* whoever took it out may still be at it */
	if (!captcha->cancelled)
		captcha->ended(instance, captcha->arg, captcha->outcome);
	captcha_free(&captcha);
}

void captcha_end(struct captcha *captcha, enum captcha_outcome outcome)
{
	captcha->outcome = outcome;
	if (!captcha->drawing)
		module_post(captcha->instance, jid_bare(&captcha->challenger), tell, captcha);
}

static void on_timeout(struct module_instance *instance, void *arg)
{
	struct captcha *captcha = arg;
	if (captcha_pending_remove(captcha))
		captcha_end(captcha, CAPTCHA_TIMED_OUT);
}

void captcha_cancel(struct captcha **captcha)
{
	struct captcha *it = *captcha;
	*captcha = NULL;
	if (!it)
		return;
	it->cancelled = true;
	if (captcha_pending_remove(it) && !it->drawing)
		captcha_free(&it);
}

/* --- its beginning -------------------------------------------------------------------------------------- */

static void draw(struct module_instance *instance, void *arg)
{
	captcha_form_draw(arg);
}

static void ask(struct captcha *captcha)
{
	struct stanza *message = captcha_message(captcha);
	captcha->timer = module_timer_new(captcha->instance, on_timeout, captcha);
	module_timer_start(captcha->timer, CAPTCHA_LIFETIME_MS);
	route(&captcha->challenger, &captcha->asked, message);
	stanza_unref(&message);
}

static void drawn(struct module_instance *instance, void *arg)
{
	struct captcha *captcha = arg;
	captcha->drawing = false;
	if (captcha->cancelled)
		captcha_free(&captcha);
	else if (!captcha->picture.type && captcha_pending_remove(captcha))
		captcha_end(captcha, CAPTCHA_NO_PICTURE);
	else if (captcha_pending_ready(captcha))
		ask(captcha);
	else
		captcha_end(captcha, captcha->outcome);
}

static struct str copy(struct arena *arena, struct str text)
{
	return text.ptr ? arena_str(arena, text) : STR_NULL;
}

int captcha_challenge(struct module_instance *instance, const struct captcha_wish *wish, struct captcha **captcha_r,
    struct stanza_error *error_r)
{
	struct captcha *captcha = captcha_form_new(instance, jid_bare(wish->asked), wish->sid, error_r);
	if (!captcha)
		return -1;
	captcha->challenger = jid_dup(wish->challenger, &captcha->arena);
	captcha->addressed = jid_dup(wish->addressed ? wish->addressed : wish->challenger, &captcha->arena);
	captcha->asked = jid_dup(wish->asked, &captcha->arena);
	captcha->lang = copy(&captcha->arena, wish->lang);
	captcha->text = copy(&captcha->arena, wish->text);
	captcha->ended = wish->ended;
	captcha->arg = wish->arg;
	captcha->drawing = true;
	module_run(instance, draw, drawn, captcha);
	*captcha_r = captcha;
	return 0;
}

/* --- answers -------------------------------------------------------------------------------------------- */

static int refused(struct stanza_error *error_r, enum stanza_condition condition, char type, const char *text)
{
	*error_r = (struct stanza_error){.condition = condition, .type = type, .text = text};
	return -1;
}

static bool fits(const struct captcha *captcha, const struct captcha_reply *reply)
{
	return (!reply->from.ptr || str_eq(reply->from, jid_full(&captcha->addressed))) &&
	       (!reply->sid.ptr || str_eq(reply->sid, captcha->sid));
}

/* 3.1.4 */
static int take_answer(
    const struct jid *from, const struct jid *to, const struct xml *payload, struct stanza_error *error_r)
{
	struct captcha_reply reply;
	if (!xml_is(payload, "captcha", NS_CAPTCHA) ||
	    captcha_form_read(xml_child(payload, "x", "jabber:x:data"), &reply) < 0)
		return refused(error_r, SE_bad_request, 0, "this is no answer to a challenge");
	struct captcha_question question = {.id = reply.challenge, .who = jid_bare(from), .challenger = to};
	struct captcha *captcha = captcha_pending_take(&question);
	if (!captcha)
		return refused(error_r, SE_service_unavailable, 0, "there is no such challenge, or its time is over");
	bool right = !reply.cancel && fits(captcha, &reply) && captcha_is_right(captcha, reply.ocr);
	bool cancel = reply.cancel;
	captcha_end(captcha, right ? CAPTCHA_PASSED : CAPTCHA_FAILED);
	return right || cancel ? 0 : refused(error_r, SE_not_acceptable, 'c', "this is not what the picture shows");
}

struct picture_wish {
	const struct jid *from, *to;
	struct str cid;
	struct xml_writer *reply;
};

static enum captcha_look put_picture(void *arg, struct captcha *captcha)
{
	const struct picture_wish *wish = arg;
	if (!captcha->ready || !captcha->challenger.text || !str_is(wish->cid, captcha->picture.cid) ||
	    !jid_bare_eq(wish->from, &captcha->asked) || !jid_bare_eq(wish->to, &captcha->challenger))
		return LOOK_ON;
	captcha_put_data(wish->reply, captcha);
	return LOOK_STOP;
}

/* XEP-0231 2.3; false: there is no such picture. */
static bool give_picture(
    const struct jid *from, const struct jid *to, const struct xml *payload, struct xml_writer *reply)
{
	struct picture_wish wish = {from, to, xml_attr_s(payload, "cid"), reply};
	if (xml_is(payload, "data", NS_BOB) && wish.cid.len)
		captcha_pending_look(put_picture, &wish);
	return reply->buf.len > 0;
}

enum iq_verdict captcha_on_iq(struct iq *iq)
{
	if (iq->type == IQ_SET && take_answer(iq->from, iq->to, iq->payload, &iq->error) == 0)
		return IQ_ANSWER;
	return iq->type == IQ_SET ? IQ_REFUSE : iq_refuse(iq, SE_bad_request, "answers are sent with the type set");
}

enum iq_verdict captcha_on_bob(struct iq *iq)
{
	if (iq->type == IQ_GET && give_picture(iq->from, iq->to, iq->payload, iq->reply))
		return IQ_ANSWER;
	return iq->type == IQ_GET ? iq_refuse(iq, SE_item_not_found, NULL) : iq_refuse(iq, SE_not_allowed, NULL);
}

/* --- raw stanzas ---------------------------------------------------------------------------------------- */

bool captcha_came_back(const struct jid *from, const struct jid *to, const struct stanza *stanza)
{
	struct captcha_question question = {.id = stanza->id, .who = jid_bare(from), .challenger = to};
	if (stanza->kind != STANZA_MESSAGE || stanza->type != STANZA_ERROR || stanza->id.len != CAPTCHA_ID_LEN)
		return false;
	struct captcha *captcha = captcha_pending_take(&question);
	if (captcha)
		captcha_end(captcha, CAPTCHA_FAILED);
	return captcha != NULL;
}

struct message {
	const struct jid *from, *to;
	const struct stanza *stanza;
	bool known;
};

static enum captcha_look know(void *arg, struct captcha *captcha)
{
	struct message *message = arg;
	if (!captcha->ready || !captcha->challenger.text || !str_is(message->stanza->id, captcha->id))
		return LOOK_ON;
	message->known = jid_bare_eq(message->from, &captcha->challenger) && jid_bare_eq(message->to, &captcha->asked);
	return LOOK_STOP;
}

bool captcha_is_challenge(const struct jid *from, const struct jid *to, const struct stanza *stanza)
{
	struct message message = {from, to, stanza, false};
	if (stanza->kind == STANZA_MESSAGE && stanza->id.len == CAPTCHA_ID_LEN)
		captcha_pending_look(know, &message);
	return message.known;
}

static bool deliver_answer(
    const struct jid *from, const struct jid *to, struct stanza *stanza, const struct xml *payload)
{
	struct stanza_error error = {.condition = SE_bad_request};
	if (stanza->type != IQ_SET || take_answer(from, to, payload, &error) < 0) {
		route_error(from, to, stanza, &error);
		return true;
	}
	struct stanza *result = stanza_make_result(stanza, NULL);
	route(to, from, result);
	stanza_unref(&result);
	return true;
}

static bool deliver_picture(
    const struct jid *from, const struct jid *to, struct stanza *stanza, const struct xml *payload)
{
	struct xml_writer reply = {.default_ns = NS_CLIENT};
	bool given = stanza->type == IQ_GET && give_picture(from, to, payload, &reply);
	struct stanza *result = given ? stanza_make_result(stanza, &reply) : NULL;
	if (result)
		route(to, from, result);
	stanza_unref(&result);
	xml_writer_fini(&reply);
	return given;
}

bool captcha_deliver(const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	const struct xml *payload = stanza->kind == STANZA_IQ ? stanza_payload(stanza) : NULL;
	if (captcha_came_back(from, to, stanza))
		return true;
	if (!payload || !stanza_is_request(stanza))
		return false;
	if (str_is(payload->ns, NS_CAPTCHA))
		return deliver_answer(from, to, stanza, payload);
	return str_is(payload->ns, NS_BOB) && deliver_picture(from, to, stanza, payload);
}

/* --- the instance leaves -------------------------------------------------------------------------------- */

static enum captcha_look take_by_id(void *arg, struct captcha *captcha)
{
	return str_is(str_of(arg), captcha->id) ? LOOK_TAKE : LOOK_ON;
}

static void give_up(struct module_instance *instance, void *arg)
{
	struct captcha *captcha = captcha_pending_look(take_by_id, arg);
	if (captcha)
		captcha_end(captcha, CAPTCHA_GIVEN_UP);
	free(arg);
}

static enum captcha_look post_give_up(void *arg, struct captcha *captcha)
{
	if (captcha->instance == arg && captcha->challenger.text)
		module_post(arg, jid_bare(&captcha->challenger), give_up, str_dup(str_of(captcha->id)));
	return LOOK_ON;
}

void captcha_leave(struct module_instance *instance)
{
	captcha_pending_look(post_give_up, instance);
}

static enum captcha_look of_instance(void *arg, struct captcha *captcha)
{
	return captcha->instance == arg ? LOOK_TAKE : LOOK_ON;
}

void captcha_stop(struct module_instance *instance)
{
	struct captcha *captcha;
	while ((captcha = captcha_pending_look(of_instance, instance)))
		captcha_free(&captcha);
}
