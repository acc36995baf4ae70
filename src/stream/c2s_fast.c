/* SPDX-License-Identifier: Apache-2.0 */
/* XEP-0484. */
#include <openssl/crypto.h>

#include "base/clock.h"
#include "base/list.h"
#include "route/host_private.h"
#include "stanzad/datetime.h"
#include "stanzad/log.h"
#include "stream/c2s_sasl2.h"

/* --- offer ---------------------------------------------------------------------------------------------- */

static struct module_instance *module_here(const struct c2s *c2s)
{
	return host_module(c2s->host, "mod_auth_fast");
}

void c2s_fast_offer(struct c2s *c2s, const char **names_r)
{
	const struct option_value *disabled =
	    conf_get(c2s->conf, host_name(c2s->host), "disable_sasl_mechanisms");
	struct sasl_context context = c2s->setup->context;
	names_r[0] = NULL;
	if (!module_here(c2s))
		return;
	for (int i = 0; i < SASL_BINDINGS; i++)
		if (!c2s_binding_offered(c2s, (enum sasl_binding)i))
			context.bindings[i] = STR_NULL;
	sasl_offer_tokens(&context, disabled->strings, disabled->string_count, names_r);
}

void c2s_fast_features(struct c2s *c2s, struct xml_writer *features)
{
	const char *names[SASL_NAMES_MAX];
	c2s_fast_offer(c2s, names);
	if (!names[0])
		return;
	xml_open(features, "fast", NS_FAST);
	for (unsigned i = 0; names[i]; i++)
		xml_put_element(features, "mechanism", NULL, str_of(names[i]));
	xml_close(features);
}

/* --- a token as a way to log in ------------------------------------------------------------------------- */

static struct fast_owner owner_of(const struct c2s *c2s, struct str user)
{
	return (struct fast_owner){host_name(c2s->host), user, str_of(c2s->setup->sasl2->client_id)};
}

static void prepare_op(struct c2s *c2s, enum store_kind kind, struct str user,
    int (*run)(struct store_op *, struct db *, struct err *),
    void (*done)(struct store_op *, int, const struct err *))
{
	struct c2s_sasl2 *sasl2 = c2s->setup->sasl2;
	strbuf_reset(&sasl2->key);
	strbuf_str(&sasl2->key, user);
	strbuf_char(&sasl2->key, '@');
	strbuf_str(&sasl2->key, host_name(c2s->host));
	sasl2->c2s = c2s;
	sasl2->op =
	    (struct store_op){.kind = kind, .key = strbuf_view(&sasl2->key), .run = run, .done = done};
}

static int run_read(struct store_op *op, struct db *db, struct err *err)
{
	struct c2s_sasl2 *sasl2 = list_entry(op, struct c2s_sasl2, op);
	return fast_read(db, &sasl2->use.owner, sasl2->tokens, err);
}

static void show_tokens(struct c2s *c2s, bool unavailable)
{
	struct c2s_sasl2 *sasl2 = c2s->setup->sasl2;
	struct sasl *sasl = c2s->setup->sasl;
	struct sasl_token tokens[FAST_SLOTS];
	char texts[FAST_SLOTS][FAST_TEXT_MAX];
	enum fast_slot slots[FAST_SLOTS];
	struct strbuf output = {0};
	size_t count = 0;
	int64_t now = clock_real_us() / 1000000;
	/* XEP-0484 3.4: a token counts for the mechanism that it was made for, and no other. */
	for (int slot = FAST_SLOTS - 1; slot >= 0 && !unavailable; slot--) {
		const struct fast_token *token = &sasl2->tokens[slot];
		if (!token->present || strcmp(token->mechanism, sasl_mechanism(sasl)) != 0)
			continue;
		fast_token_text(&sasl2->use.owner, token, texts[count]);
		tokens[count] = (struct sasl_token){str_of(texts[count]), token->expires <= now};
		slots[count++] = (enum fast_slot)slot;
	}
	enum sasl_result result = sasl_tokens(sasl, tokens, count, unavailable, &output);
	OPENSSL_cleanse(texts, sizeof(texts));
	if (result == SASL_SUCCESS) {
		sasl2->slot = slots[sasl_token_used(sasl)];
		sasl2->use.used = sasl2->tokens[sasl2->slot];
	}
	c2s_auth_proceed(c2s, result, &output);
	strbuf_fini(&output);
}

static void on_read(struct store_op *op, int result, const struct err *err)
{
	struct c2s_sasl2 *sasl2 = list_entry(op, struct c2s_sasl2, op);
	struct c2s *c2s = sasl2->c2s;
	if (result < 0)
		LOG_ERROR("c2s.auth_unavailable", LOG_STR("user", strbuf_view(&sasl2->key)),
		    LOG_CSTR("reason", err->text));
	if (c2s_resume(c2s, C2S_SASL))
		show_tokens(c2s, result < 0);
}

void c2s_fast_ask(struct c2s *c2s)
{
	struct c2s_sasl2 *sasl2 = c2s->setup->sasl2;
	struct str user = sasl_user(c2s->setup->sasl);
	if (!sasl2->client_id[0]) {
		c2s_auth_failed(c2s, SASL_MALFORMED_REQUEST, "a token needs the id of its user agent");
		return;
	}
	sasl2->use.owner = owner_of(c2s, user);
	prepare_op(c2s, STORE_READ, user, run_read, on_read);
	c2s_wait(c2s);
	store_submit(&sasl2->op);
}

/* --- what comes of it ----------------------------------------------------------------------------------- */

static bool is_true(struct str text)
{
	return str_is(text, "1") || str_is(text, "true");
}

/* < 0: what <fast/> says makes no sense. */
static int take_fast(struct c2s_sasl2 *sasl2, const struct xml *fast)
{
	struct str count = xml_attr(fast, "count");
	sasl2->use.invalidate = is_true(xml_attr_s(fast, "invalidate"));
	sasl2->use.counted = count.ptr != NULL;
	if (count.ptr && (!str_to_u64(count, &sasl2->use.count) || sasl2->use.count > INT64_MAX))
		return -1;
	return 0;
}

/* A new token: only for a mechanism that is offered, and for a client that has a name. */
static const char *wanted(struct c2s *c2s)
{
	const char *names[SASL_NAMES_MAX];
	const struct xml *request = xml_child(c2s->setup->sasl2->request->root, "request-token", NS_FAST);
	if (!request || !c2s->setup->sasl2->client_id[0] ||
	    strcmp(sasl_mechanism(c2s->setup->sasl), "ANONYMOUS") == 0)
		return NULL;
	c2s_fast_offer(c2s, names);
	return sasl_offered_token(names, xml_attr_s(request, "mechanism"));
}

static int64_t seconds(struct module_instance *instance, const char *option)
{
	int64_t ms = module_option(instance, option)->integer;
	return ms == OPTION_INFINITE ? ms : ms / 1000;
}

static void put_token(struct c2s_sasl2 *sasl2)
{
	char text[FAST_TEXT_MAX], expiry[DATETIME_MAX];
	if (!sasl2->use.issued.present)
		return;
	fast_token_text(&sasl2->use.owner, &sasl2->use.issued, text);
	datetime_format(expiry, sasl2->use.issued.expires * 1000000, 0);
	xml_open(&sasl2->answer, "token", NS_FAST);
	xml_put_attr(&sasl2->answer, "expiry", str_of(expiry));
	xml_put_attr(&sasl2->answer, "token", str_of(text));
	xml_close(&sasl2->answer);
	OPENSSL_cleanse(text, sizeof(text));
}

static int run_use(struct store_op *op, struct db *db, struct err *err)
{
	return fast_use(db, &list_entry(op, struct c2s_sasl2, op)->use, err);
}

static void on_used(struct store_op *op, int result, const struct err *err)
{
	struct c2s_sasl2 *sasl2 = list_entry(op, struct c2s_sasl2, op);
	struct c2s *c2s = sasl2->c2s;
	if (result < 0)
		LOG_ERROR("c2s.token_failed", LOG_STR("user", strbuf_view(&sasl2->key)),
		    LOG_CSTR("reason", err->text));
	if (!c2s_resume(c2s, C2S_SASL))
		return;
	if (result == FAST_REFUSED) {
		c2s_auth_failed(c2s, SASL_NOT_AUTHORIZED, NULL);
	} else if (result < 0 && sasl2->use.used.present) {
		c2s_auth_failed(c2s, SASL_TEMPORARY_AUTH_FAILURE, NULL);
	} else {
		if (result == FAST_DONE)
			put_token(sasl2);
		c2s_sasl2_authenticated(c2s);
	}
}

void c2s_fast_finish(struct c2s *c2s)
{
	struct c2s_sasl2 *sasl2 = c2s->setup->sasl2;
	struct module_instance *instance = module_here(c2s);
	const struct xml *fast = xml_child(sasl2->request->root, "fast", NS_FAST);
	struct str user = sasl_user(c2s->setup->sasl);
	sasl2->use.wanted = instance ? wanted(c2s) : NULL;
	if (sasl2->use.used.present && fast && take_fast(sasl2, fast) < 0) {
		c2s_auth_failed(c2s, SASL_MALFORMED_REQUEST, "the count of <fast/> is no number");
		return;
	}
	if (!sasl2->use.used.present && !sasl2->use.wanted) {
		c2s_sasl2_authenticated(c2s);
		return;
	}
	if (!instance) { /* it was stopped this moment */
		c2s_auth_failed(c2s, SASL_TEMPORARY_AUTH_FAILURE, NULL);
		return;
	}
	sasl2->use.owner = owner_of(c2s, user);
	sasl2->use.lifetime = seconds(instance, "token_lifetime");
	sasl2->use.refresh_age = seconds(instance, "token_refresh_age");
	sasl2->use.now = clock_real_us() / 1000000;
	if (sasl2->use.used.present && !fast_use_matters(&sasl2->use, sasl2->slot)) {
		c2s_sasl2_authenticated(c2s);
		return;
	}
	prepare_op(c2s, STORE_WRITE, user, run_use, on_used);
	c2s_wait(c2s);
	store_submit(&sasl2->op);
}
