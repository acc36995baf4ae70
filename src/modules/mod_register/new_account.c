/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/crypto.h>
#include <time.h>

#include "modules/captcha/captcha.h"
#include "modules/mod_register/register.h"
#include "route/account.h"
#include "stanzad/access.h"
#include "stanzad/clock.h"
#include "stanzad/datetime.h"
#include "stanzad/log.h"

static bool refused(struct stanza_error *error_r, enum stanza_condition condition, const char *text)
{
	*error_r = (struct stanza_error){.condition = condition, .text = text};
	return false;
}

/* --- what the options say --------------------------------------------------------------------- */

static bool is_allowed(struct module_instance *instance, const char *option, const struct jid *jid,
    const struct sockaddr *address)
{
	struct access_subject subject = {jid, address};
	return module_allows(instance, option, &subject);
}

static bool has_own_permission(struct module_instance *instance)
{
	const struct option_value *modules = module_option(instance, "allow_modules");
	for (size_t i = 0; i < modules->string_count; i++)
		if (str_is(modules->strings[i], "all") || str_is(modules->strings[i], "mod_register"))
			return true;
	return false;
}

bool new_account_possible(
    struct module_instance *instance, const struct sockaddr *address, struct stanza_error *error_r)
{
	struct auth_methods methods;
	auth_methods(host_name(module_host(instance)), &methods);
	if (!methods.registers || !has_own_permission(instance) ||
	    str_is(module_option(instance, "access")->string, "none"))
		return refused(
		    error_r, SE_service_unavailable, "accounts are not made in-band on this server");
	if (address && !is_allowed(instance, "ip_access", NULL, address))
		return refused(error_r, SE_forbidden, "accounts may not be made from this address");
	return true;
}

bool new_account_offered(struct module_instance *instance, const struct sockaddr *address)
{
	struct arena arena = {0};
	struct stanza_error error;
	struct jid somebody;
	struct err err;
	bool offered = new_account_possible(instance, address, &error);
	if (offered && !is_allowed(instance, "access", NULL, address))
		offered = jid_make(STR("somebody"), host_name(module_host(instance)), STR_NULL, &arena,
			      &somebody, &err) == 0 &&
			  is_allowed(instance, "access", &somebody, address);
	arena_fini(&arena);
	return offered;
}

bool password_refused(struct module_instance *instance, struct str password, struct stanza_error *error_r)
{
	struct arena arena = {0};
	struct str prepared;
	struct err err;
	int64_t bits = module_option(instance, "password_strength")->integer;
	bool good = password.len && jid_prep_password(password, &arena, &prepared, &err) == 0 &&
		    prepared.len && prepared.len <= AUTH_PASSWORD_MAX;
	bool strong = good && register_strength(prepared) >= bits * 1000;
	if (good && prepared.ptr != password.ptr)
		OPENSSL_cleanse((char *)prepared.ptr, prepared.len);
	arena_fini(&arena);
	if (!good)
		refused(error_r, SE_not_acceptable, "this cannot be a password");
	else if (!strong)
		refused(error_r, SE_not_acceptable, "the password is too weak");
	return !strong;
}

/* An IPv6 address counts as its /64 network: whoever has one address of it has them all. */
static struct str address_text(const struct sockaddr *address, struct arena *arena)
{
	char text[INET6_ADDRSTRLEN] = "local";
	if (address->sa_family == AF_INET) {
		inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, text, sizeof(text));
	} else if (address->sa_family == AF_INET6) {
		struct in6_addr in6 = ((const struct sockaddr_in6 *)address)->sin6_addr;
		if (!IN6_IS_ADDR_V4MAPPED(&in6))
			memset(in6.s6_addr + 8, 0, 8);
		inet_ntop(AF_INET6, &in6, text, sizeof(text));
	}
	return arena_str(arena, str_of(text));
}

struct str register_source_text(const struct register_source *source, struct arena *arena)
{
	return source->from ? arena_str(arena, jid_bare(source->from)) : address_text(source->address, arena);
}

static void copy_watchers(struct new_account *account, struct module_instance *instance)
{
	const struct option_value *watchers = module_option(instance, "registration_watchers");
	struct err err;
	account->watchers =
	    arena_zalloc(&account->arena, (watchers->string_count + 1) * sizeof(*account->watchers));
	for (size_t i = 0; i < watchers->string_count; i++) {
		struct str text = arena_str(&account->arena, watchers->strings[i]);
		if (jid_parse(text, &account->arena, &account->watchers[account->watcher_count], &err) == 0)
			account->watcher_count++;
	}
}

static void copy_welcome(struct new_account *account, struct module_instance *instance)
{
	const struct option_node *welcome = module_option(instance, "welcome_message")->node;
	const struct option_node *subject = welcome ? option_node_get(welcome, "subject") : NULL;
	const struct option_node *body = welcome ? option_node_get(welcome, "body") : NULL;
	if (subject)
		account->subject = arena_str(&account->arena, subject->scalar);
	if (body)
		account->body = arena_str(&account->arena, body->scalar);
}

/* --- may it be made? -------------------------------------------------------------------------- */

static bool name_is_good(
    struct new_account *account, struct str host, struct str user, struct stanza_error *error_r)
{
	struct err err;
	struct str local;
	if (!user.len)
		return refused(error_r, SE_not_acceptable, "a name and a password are needed");
	if (jid_prep_local(user, &account->arena, &local, &err) < 0 || !local.len ||
	    jid_make(local, host, STR_NULL, &account->arena, &account->jid, &err) < 0)
		return refused(error_r, SE_jid_malformed, "this cannot be the name of a user");
	return true;
}

static bool may_ask(
    struct module_instance *instance, const struct register_source *source, struct stanza_error *error_r)
{
	if (!source->from)
		return true;
	if (!is_allowed(instance, "access_from", source->from, NULL))
		return refused(error_r, SE_forbidden, "accounts are made by those who have none yet");
	return true;
}

static bool not_too_fast(
    struct new_account *account, const struct module_instance *instance, struct stanza_error *error_r)
{
	int64_t period = host_option(module_host(instance), "registration_timeout")->integer;
	if (period == OPTION_INFINITE)
		return true;
	if (!recent_enter(account->source, period))
		return refused(
		    error_r, SE_resource_constraint, "an account was made from here a short while ago");
	account->limited = true;
	return true;
}

bool new_account_check(struct new_account *account_r, struct module_instance *instance,
    const struct register_request *request, const struct register_source *source,
    struct stanza_error *error_r)
{
	struct host *host = module_host(instance);
	*account_r = (struct new_account){0};
	if (!new_account_possible(instance, source->address, error_r) ||
	    !may_ask(instance, source, error_r) ||
	    !name_is_good(account_r, host_name(host), request->user, error_r))
		return false;
	if (module_option(instance, "redirect_url")->string.len)
		return refused(
		    error_r, SE_not_allowed, "accounts are made elsewhere: ask for the instructions");
	if (password_refused(instance, request->password, error_r))
		return false;
	if (!is_allowed(instance, "access", &account_r->jid, source->address))
		return refused(error_r, SE_forbidden, "an account of this name may not be made");
	account_r->password = arena_str(&account_r->arena, request->password);
	account_r->source = register_source_text(source, &account_r->arena);
	account_r->host = jid_dup(host_jid(host), &account_r->arena);
	copy_watchers(account_r, instance);
	copy_welcome(account_r, instance);
	if (fields_need_captcha(instance, source) &&
	    captcha_form_check(instance, request->form, account_r->source, error_r) < 0)
		return false;
	return not_too_fast(account_r, instance, error_r);
}

/* --- making it -------------------------------------------------------------------------------- */

static void send_message(const struct new_account *account, const struct jid *to, const char *type,
    struct str subject, struct str body)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	xml_open(&writer, "message", NULL);
	xml_put_attr(&writer, "type", str_of(type));
	if (subject.len)
		xml_put_element(&writer, "subject", NULL, subject);
	if (body.len)
		xml_put_element(&writer, "body", NULL, body);
	xml_close(&writer);
	struct stanza *stanza = stanza_from_writer(&writer);
	xml_writer_fini(&writer);
	route_post(&account->host, to, stanza);
	stanza_unref(&stanza);
}

static void tell_watchers(const struct new_account *account)
{
	char now[DATETIME_MAX];
	struct strbuf body = {0};
	datetime_format(now, clock_real_us(), 0);
	strbuf_printf(&body, "[%s] The account %.*s was registered in-band from %.*s.", now,
	    STR_FMT(jid_bare(&account->jid)), STR_FMT(account->source));
	for (size_t i = 0; i < account->watcher_count; i++)
		send_message(account, &account->watchers[i], "chat", STR_NULL, strbuf_view(&body));
	strbuf_fini(&body);
}

static bool outcome_refused(struct new_account *account, enum auth_outcome outcome, const struct err *err,
    struct stanza_error *error_r)
{
	switch (outcome) {
	case AUTH_EXISTS:
		return refused(error_r, SE_conflict, "this name is taken");
	case AUTH_NOT_ALLOWED:
		return refused(error_r, SE_not_allowed, arena_str(&account->arena, str_of(err->text)).ptr);
	default:
		return refused(error_r, SE_internal_server_error, "accounts cannot be made at the moment");
	}
}

bool new_account_make(
    struct module_instance *instance, struct new_account *account, struct stanza_error *error_r)
{
	struct err err = {0};
	struct str host = jid_domain(&account->jid), user = jid_local(&account->jid);
	enum auth_outcome outcome = account_register(host, user, account->password, &err);
	if (outcome != AUTH_OK) {
		if (account->limited)
			recent_leave(account->source);
		if (outcome == AUTH_UNAVAILABLE)
			LOG_ERROR("register.failed", LOG_STR("user", jid_bare(&account->jid)),
			    LOG_CSTR("reason", err.text));
		return outcome_refused(account, outcome, &err, error_r);
	}
	metric_add(instance, REGISTER_METRIC_ACCOUNTS, 1);
	LOG_INFO("register.registered", LOG_STR("user", jid_bare(&account->jid)),
	    LOG_STR("source", account->source));
	if (account->subject.len || account->body.len)
		send_message(account, &account->jid, "normal", account->subject, account->body);
	tell_watchers(account);
	return true;
}

void new_account_fini(struct new_account *account)
{
	if (account->password.len)
		OPENSSL_cleanse((char *)account->password.ptr, account->password.len);
	arena_fini(&account->arena);
}
