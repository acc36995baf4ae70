/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/crypto.h>
#include <stdlib.h>

#include "modules/captcha/captcha.h"
#include "modules/mod_register/register.h"
#include "stanzad/mem.h"
#include "stanzad/work.h"

/* --- before authentication: XEP-0077 3.1 ------------------------------------------------------ */

/* An account that is being made for a stream that waits. */
struct registration {
	struct new_account account;
	struct stanza *request; /* without secrets */
	struct stanza_error error;
	bool made;
	struct stream_hold *hold;
	void (*reply)(struct stream_hold *hold, struct stanza *answer);
};

static struct stanza *plain_result(const struct stanza *request)
{
	struct xml_writer nothing = {.default_ns = NS_CLIENT};
	struct stanza *answer = stanza_make_result(request, &nothing);
	xml_writer_fini(&nothing);
	return answer;
}

static struct stanza *refusal(struct stanza *original, const struct stanza_error *error)
{
	struct stanza *request = register_without_secrets(original);
	struct stanza *answer = stanza_make_error(request, error, NULL);
	stanza_unref(&request);
	return answer;
}

static void reply_and_free(struct hook_c2s_unauthenticated_iq *event, struct stanza *answer)
{
	event->reply(event->hold, answer);
	stanza_unref(&answer);
}

static void put_redirect(struct xml_writer *reply, struct str url)
{
	struct strbuf text = {0};
	strbuf_printf(&text, "Accounts are made at %.*s", STR_FMT(url));
	xml_put_element(reply, "instructions", NULL, strbuf_view(&text));
	xml_open(reply, "x", "jabber:x:oob");
	xml_put_element(reply, "url", NULL, url);
	xml_close(reply);
	strbuf_fini(&text);
}

/* The fields for a stream that waits. */
struct fields {
	struct captcha *captcha;
	struct stanza *request;
	struct stream_hold *hold;
	void (*reply)(struct stream_hold *hold, struct stanza *answer);
	bool drawn;
};

static struct stanza *fields_answer(const struct stanza *request, const struct captcha *captcha)
{
	struct xml_writer reply = {.default_ns = NS_CLIENT};
	fields_put(&reply, captcha);
	struct stanza *answer = stanza_make_result(request, &reply);
	xml_writer_fini(&reply);
	return answer;
}

static void fields_run(struct module_instance *instance, void *arg)
{
	struct fields *fields = arg;
	fields->drawn = captcha_form_draw(fields->captcha) == 0;
}

static void fields_done(struct module_instance *instance, void *arg)
{
	struct fields *fields = arg;
	struct stanza_error error = {
	    .condition = SE_internal_server_error, .text = "a CAPTCHA cannot be made at the moment"};
	struct stanza *answer =
	    fields->drawn ? fields_answer(fields->request, fields->captcha) : refusal(fields->request, &error);
	if (fields->drawn)
		captcha_form_ask(&fields->captcha);
	captcha_form_drop(&fields->captcha);
	fields->reply(fields->hold, answer);
	stanza_unref(&answer);
	stanza_unref(&fields->request);
	free(fields);
}

/* The picture is made elsewhere. */
static void answer_later(
    struct module_instance *instance, struct hook_c2s_unauthenticated_iq *event, struct captcha *captcha)
{
	struct fields *fields = mem_zalloc(sizeof(*fields));
	*fields = (struct fields){captcha, stanza_ref(event->stanza), event->hold, event->reply, false};
	module_run(instance, fields_run, fields_done, fields);
}

static struct stanza *redirect_answer(const struct stanza *request, struct str url)
{
	struct xml_writer reply = {.default_ns = NS_CLIENT};
	xml_open(&reply, "query", NS_REGISTER);
	put_redirect(&reply, url);
	xml_close(&reply);
	struct stanza *answer = stanza_make_result(request, &reply);
	xml_writer_fini(&reply);
	return answer;
}

static void answer_fields(struct module_instance *instance, struct hook_c2s_unauthenticated_iq *event)
{
	struct register_source source = {.address = event->address};
	struct str url = module_option(instance, "redirect_url")->string;
	struct captcha *captcha;
	struct stanza_error error;
	if (!new_account_possible(instance, event->address, &error))
		reply_and_free(event, refusal(event->stanza, &error));
	else if (url.len)
		reply_and_free(event, redirect_answer(event->stanza, url));
	else if (fields_captcha(instance, &source, event->stanza->id, &captcha, &error) < 0)
		reply_and_free(event, refusal(event->stanza, &error));
	else if (captcha)
		answer_later(instance, event, captcha);
	else
		reply_and_free(event, fields_answer(event->stanza, NULL));
}

static void registration_run(struct module_instance *instance, void *arg)
{
	struct registration *registration = arg;
	registration->made = new_account_make(instance, &registration->account, &registration->error);
}

static void registration_done(struct module_instance *instance, void *arg)
{
	struct registration *registration = arg;
	struct stanza *answer = registration->made
				    ? plain_result(registration->request)
				    : stanza_make_error(registration->request, &registration->error, NULL);
	registration->reply(registration->hold, answer);
	stanza_unref(&answer);
	stanza_unref(&registration->request);
	new_account_fini(&registration->account);
	free(registration);
}

static void make_account(struct module_instance *instance, struct hook_c2s_unauthenticated_iq *event,
    const struct register_request *request)
{
	struct registration *registration = mem_zalloc(sizeof(*registration));
	struct register_source source = {.address = event->address};
	struct stanza_error error;
	if (!new_account_check(&registration->account, instance, request, &source, &error)) {
		new_account_fini(&registration->account);
		free(registration);
		reply_and_free(event, refusal(event->stanza, &error));
		return;
	}
	registration->request = register_without_secrets(event->stanza);
	registration->hold = event->hold;
	registration->reply = event->reply;
	module_run(instance, registration_run, registration_done, registration);
}

static bool is_for_us(const struct hook_c2s_unauthenticated_iq *event)
{
	const struct xml *payload = stanza_payload(event->stanza);
	struct str to = xml_attr(event->stanza->root, "to");
	return payload && payload->ns_token == XNS_REGISTER && event->stanza->id.ptr &&
	       (!to.ptr || str_ieq(to, host_name(event->host)));
}

static enum hook_verdict on_unauthenticated(
    struct module_instance *instance, struct hook_c2s_unauthenticated_iq *event)
{
	struct arena arena = {0};
	struct register_request request;
	struct stanza_error error = {.condition = SE_bad_request};
	if (!is_for_us(event))
		return HOOK_PASS;
	register_read(event->stanza->type, stanza_payload(event->stanza), &arena, &request);
	switch (request.wish) {
	case REGISTER_FIELDS:
		answer_fields(instance, event);
		break;
	case REGISTER_ACCOUNT:
		make_account(instance, event, &request);
		break;
	case REGISTER_CANCEL:
		reply_and_free(event, plain_result(event->stanza));
		break;
	default:
		if (request.wish == REGISTER_REMOVE)
			error.condition = SE_unexpected_request;
		reply_and_free(event, refusal(event->stanza, &error));
	}
	if (request.password.len)
		OPENSSL_cleanse((char *)request.password.ptr, request.password.len);
	arena_fini(&arena);
	return HOOK_STOP;
}

/* 8 */
static enum hook_verdict on_features(struct module_instance *instance, struct hook_c2s_stream_features *event)
{
	if (!event->authenticated && new_account_offered(instance, event->address))
		xml_put_element(
		    event->features, "register", "http://jabber.org/features/iq-register", STR_NULL);
	return HOOK_PASS;
}

/* --- the module ------------------------------------------------------------------------------- */

static int instances; /* worker 0 */

static int on_start(struct module_instance *instance, struct err *err)
{
	instances++;
	return 0;
}

static void on_stop(struct module_instance *instance)
{
	captcha_stop(instance);
	if (--instances == 0)
		recent_fini();
}

static const struct option options[] = {
    {"access", OPTION_ACCESS, "all",
	"Which names may be registered: the rule is asked about the JID of the new account. With `none` "
	"registration is "
	"not offered at all."},
    {"access_from", OPTION_ACCESS, NULL,
	"Who may make further accounts from a session or from another server. Nobody when it is left out."},
    {"access_remove", OPTION_ACCESS, "all", "Who may remove the own account."},
    {"ip_access", OPTION_ACCESS, "all", "From which addresses accounts may be made."},
    {"allow_modules", OPTION_STRINGS, "all",
	"Which modules may make accounts; without `all` and `mod_register` in the list this one makes none."},
    {"captcha_protected", OPTION_BOOL, "false",
	"Ask for a CAPTCHA before an account is made: see `captcha_cmd` and `captcha_limit`."},
    {"password_strength", OPTION_INT, "0",
	"The least entropy of a password, in bits; 32 is a sensible value.", NULL, 0, 1000},
    {"redirect_url", OPTION_STRING, NULL,
	"Where accounts are made instead: clients are sent to this address."},
    {"registration_watchers", OPTION_JIDS, "[]", "Who gets a message about each new account."},
    {"welcome_message", OPTION_MAP, NULL, "A message for each new account: `subject` and `body`."},
    {0},
};

static const struct module_iq iqs[] = {
    {.ns = NS_REGISTER,
	.component = IQ_LOCAL,
	.handler = register_on_iq,
	.discipline = IQ_PARALLEL,
	.announce = true},
    {.ns = NS_REGISTER,
	.component = IQ_SM,
	.handler = register_on_iq,
	.discipline = IQ_PARALLEL,
	.owner_only = true},
    {0},
};

static const struct hook_entry hooks[] = {
    HOOK_ENTRY(c2s_stream_features, on_features, HOOK_NORMAL, NULL),
    HOOK_ENTRY(c2s_unauthenticated_iq, on_unauthenticated, HOOK_NORMAL, NULL),
    {0},
};

static const struct metric metrics[] = {
    [REGISTER_METRIC_ACCOUNTS] = {"registered_accounts", METRIC_COUNTER, "Accounts that were made in-band."},
    {0},
};

const struct module mod_register = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_register",
    .doc = "Lets people make, change and remove their accounts with their client (XEP-0077).",
    .options = options,
    .iqs = iqs,
    .hooks = hooks,
    .metrics = metrics,
    .start = on_start,
    .stop = on_stop,
    .reload = module_reload_nothing,
};
