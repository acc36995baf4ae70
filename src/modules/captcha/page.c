/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/captcha/pending.h"

struct visit {
	struct str id, answer;
	struct strbuf *picture;
	const char *type;
	enum captcha_outcome outcome;
};

static enum captcha_look copy_picture(void *arg, struct captcha *captcha)
{
	struct visit *visit = arg;
	if (!captcha->ready || !str_is(visit->id, captcha->id))
		return LOOK_ON;
	strbuf_str(visit->picture, strbuf_view(&captcha->picture.bytes));
	visit->type = captcha->picture.type;
	return LOOK_STOP;
}

int captcha_page_picture(struct str id, struct strbuf *picture, const char **type_r)
{
	struct visit visit = {.id = id, .picture = picture};
	captcha_pending_look(copy_picture, &visit);
	if (!visit.type)
		return -1;
	*type_r = visit.type;
	return 0;
}

/* Ends it while the lock is held: its module cannot have gone by then. */
static enum captcha_look answer(void *arg, struct captcha *captcha)
{
	struct visit *visit = arg;
	if (!captcha->ready || !captcha->challenger.text || !str_is(visit->id, captcha->id))
		return LOOK_ON;
	visit->outcome = captcha_is_right(captcha, visit->answer) ? CAPTCHA_PASSED : CAPTCHA_FAILED;
	captcha_end(captcha, visit->outcome);
	return LOOK_TAKE;
}

enum captcha_outcome captcha_page_answer(struct str id, struct str answer_text)
{
	struct visit visit = {.id = id, .answer = answer_text, .outcome = CAPTCHA_TIMED_OUT};
	captcha_pending_look(answer, &visit);
	return visit.outcome;
}
