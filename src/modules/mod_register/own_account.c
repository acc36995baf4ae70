/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/crypto.h>

#include "modules/captcha/captcha.h"
#include "modules/mod_register/register.h"
#include "route/account.h"
#include "stanzad/access.h"
#include "stanzad/log.h"

/* 3.3: an error does not repeat what the request held. */
static enum iq_verdict refuse_quietly(struct iq *iq, const struct stanza_error *error)
{
	struct stanza *request = register_without_secrets(iq->stanza);
	struct stanza *answer = stanza_make_error(request, error, NULL);
	route_post(iq->to, iq->from, answer);
	stanza_unref(&answer);
	stanza_unref(&request);
	return IQ_SILENT;
}

static enum iq_verdict refuse_with(struct iq *iq, enum stanza_condition condition, const char *text)
{
	struct stanza_error error = {.condition = condition, .text = text};
	return refuse_quietly(iq, &error);
}

static enum iq_verdict verdict_of(struct iq *iq, enum auth_outcome outcome, const struct err *err)
{
	switch (outcome) {
	case AUTH_OK:
		return IQ_ANSWER;
	case AUTH_NOT_ALLOWED:
	case AUTH_DENIED:
		return refuse_with(iq, SE_not_allowed, NULL);
	case AUTH_NO_USER:
		return refuse_with(iq, SE_registration_required, NULL);
	default:
		LOG_ERROR(
		    "register.failed", LOG_STR("user", jid_bare(iq->from)), LOG_CSTR("reason", err->text));
		return refuse_with(iq, SE_internal_server_error, NULL);
	}
}

static bool is_own_user(const struct iq *iq)
{
	return iq->from->local_len && str_eq(jid_domain(iq->from), host_name(iq->host));
}

/* --- what the account is ---------------------------------------------------------------------- */

static enum iq_verdict tell_own(struct iq *iq)
{
	xml_open(iq->reply, "query", NS_REGISTER);
	xml_put_element(iq->reply, "registered", NULL, STR_NULL);
	xml_put_element(iq->reply, "instructions", NULL,
	    STR("Send your name with a new password to change the password."));
	xml_put_element(iq->reply, "username", NULL, jid_local(iq->from));
	xml_put_element(iq->reply, "password", NULL, STR_NULL);
	xml_close(iq->reply);
	return IQ_ANSWER;
}

static enum iq_verdict tell(struct iq *iq)
{
	struct register_source source = {.from = iq->from};
	struct captcha *captcha;
	struct stanza_error error;
	if (is_own_user(iq))
		return tell_own(iq);
	if (!new_account_possible(iq->instance, NULL, &error) ||
	    fields_captcha(iq->instance, &source, iq->id, &captcha, &error) < 0)
		return refuse_quietly(iq, &error);
	if (captcha && captcha_form_draw(captcha) < 0) {
		captcha_form_drop(&captcha);
		return refuse_with(iq, SE_internal_server_error, "a CAPTCHA cannot be made at the moment");
	}
	fields_put(iq->reply, captcha);
	if (captcha)
		captcha_form_ask(&captcha);
	return IQ_ANSWER;
}

/* --- password: 3.3 ---------------------------------------------------------------------------- */

static enum iq_verdict change_password(struct iq *iq, const struct register_request *request)
{
	struct stanza_error error;
	struct err err = {0};
	if (!request->password.len)
		return refuse_with(iq, SE_bad_request, "the new password is missing");
	if (password_refused(iq->instance, request->password, &error))
		return refuse_quietly(iq, &error);
	enum auth_outcome outcome =
	    account_set_password(jid_domain(iq->from), jid_local(iq->from), request->password, &err);
	if (outcome == AUTH_OK)
		LOG_INFO("register.password_changed", LOG_STR("session", jid_full(iq->from)));
	return verdict_of(iq, outcome, &err);
}

static enum iq_verdict another_account(struct iq *iq, const struct register_request *request)
{
	struct new_account account;
	struct stanza_error error;
	struct register_source source = {.from = iq->from};
	bool made = new_account_check(&account, iq->instance, request, &source, &error) &&
		    new_account_make(iq->instance, &account, &error);
	enum iq_verdict verdict = made ? IQ_ANSWER : refuse_quietly(iq, &error);
	new_account_fini(&account);
	return verdict;
}

static bool is_own_name(const struct iq *iq, struct str user)
{
	struct arena arena = {0};
	struct str local;
	struct err err;
	bool own = is_own_user(iq) && (!user.len || (jid_prep_local(user, &arena, &local, &err) == 0 &&
							str_eq(local, jid_local(iq->from))));
	arena_fini(&arena);
	return own;
}

/* --- removal: 3.2 ----------------------------------------------------------------------------- */

static enum iq_verdict remove_account(struct iq *iq, const struct register_request *request)
{
	struct access_subject subject = {.jid = iq->from};
	struct err err = {0};
	if (!is_own_user(iq))
		return refuse_with(iq, SE_registration_required, NULL);
	if (!module_allows(iq->instance, "access_remove", &subject))
		return refuse_with(iq, SE_forbidden, "this account may not be removed by its user");
	if (!is_own_name(iq, request->user))
		return refuse_with(iq, SE_not_allowed, "only the own account can be removed");
	enum auth_outcome outcome =
	    account_remove_own(iq->from, request->password.len ? request->password : STR_NULL, &err);
	if (outcome == AUTH_DENIED && request->password.len)
		return refuse_with(iq, SE_not_authorized, "this is not the account's password");
	return verdict_of(iq, outcome, &err);
}

enum iq_verdict register_on_iq(struct iq *iq)
{
	struct arena arena = {0};
	struct register_request request;
	enum iq_verdict verdict;
	register_read(iq->type, iq->payload, &arena, &request);
	switch (request.wish) {
	case REGISTER_FIELDS:
		verdict = tell(iq);
		break;
	case REGISTER_REMOVE:
		verdict = remove_account(iq, &request);
		break;
	case REGISTER_ACCOUNT:
		verdict = is_own_name(iq, request.user) ? change_password(iq, &request)
							: another_account(iq, &request);
		break;
	case REGISTER_CANCEL:
		verdict = IQ_ANSWER;
		break;
	default:
		verdict = refuse_with(iq, SE_bad_request, NULL);
	}
	if (request.password.len)
		OPENSSL_cleanse((char *)request.password.ptr, request.password.len);
	arena_fini(&arena);
	return verdict;
}
