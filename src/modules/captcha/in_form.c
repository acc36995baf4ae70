/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/captcha/pending.h"
#include "stanzad/access.h"
#include "stanzad/log.h"

/* What people are sent to; empty: nothing. Without a page of the server's own, 'auto' finds none. */
static struct str page_url(const struct captcha *captcha)
{
	const struct host *host = module_host(captcha->instance);
	struct str url = host_option(host, "captcha_url")->string, old = host_option(host, "captcha_host")->string;
	if (str_is(url, "undefined") && old.len)
		url = str_of(arena_printf((struct arena *)&captcha->arena, "%s%.*s/captcha",
		    memmem(old.ptr, old.len, "://", 3) ? "" : str_ends(old, ":443") ? "https://" : "http://",
		    STR_FMT(old)));
	while (url.len && url.ptr[url.len - 1] == '/')
		url.len--;
	return str_is(url, "auto") || str_is(url, "undefined") ? STR("") : url;
}

struct captcha *captcha_form_new(
    struct module_instance *instance, struct str who, struct str sid, struct stanza_error *error_r)
{
	struct captcha *captcha = captcha_new(instance);
	captcha->who = arena_str(&captcha->arena, who);
	captcha->sid = sid.ptr ? arena_str(&captcha->arena, sid) : STR_NULL;
	captcha->command =
	    arena_str(&captcha->arena, host_option(module_host(instance), "captcha_cmd")->string);
	captcha->url = arena_str(&captcha->arena, page_url(captcha));
	if (!captcha_pending_add(captcha, error_r))
		captcha_free(&captcha);
	return captcha;
}

int captcha_form_draw(struct captcha *captcha)
{
	struct err err = {0};
	int rc = captcha_picture_make(captcha->command, str_of(captcha->answer), &captcha->picture, &err);
	if (rc < 0)
		LOG_ERROR("captcha.no_picture", LOG_STR("who", captcha->who), LOG_CSTR("reason", err.text));
	return rc;
}

void captcha_form_ask(struct captcha **captcha)
{
	if (!captcha_pending_ready(*captcha))
		captcha_free(captcha);
	*captcha = NULL;
}

void captcha_form_drop(struct captcha **captcha)
{
	if (*captcha)
		captcha_pending_remove(*captcha);
	captcha_free(captcha);
}

int captcha_form_check(struct module_instance *instance, const struct xml *x, struct str who,
    struct stanza_error *error_r)
{
	struct captcha_reply reply;
	*error_r = (struct stanza_error){.condition = SE_not_acceptable};
	error_r->text = "the form with the CAPTCHA has to be filled in";
	if (captcha_form_read(x, &reply) < 0)
		return -1;
	struct captcha_question question = {.id = reply.challenge, .who = who, .instance = instance};
	struct captcha *captcha = captcha_pending_take(&question);
	bool right = captcha && captcha_is_right(captcha, reply.ocr);
	error_r->text = captcha ? "this is not what the picture shows: ask for another one"
				: "there is no such CAPTCHA, or its time is over: ask for another one";
	captcha_free(&captcha);
	return right ? 0 : -1;
}
