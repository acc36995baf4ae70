/* SPDX-License-Identifier: Apache-2.0 */
/* XEP-0480 with its SCRAM tasks. */
#include <openssl/crypto.h>
#include <stdio.h>

#include "base/codec.h"
#include "base/list.h"
#include "base/rand.h"
#include "loop/executor.h"
#include "route/host_private.h"
#include "stanzad/log.h"
#include "stream/c2s_sasl2.h"

#define TASK_MAX 32

static const char *task_name(enum auth_hash hash, char *out)
{
	snprintf(out, TASK_MAX, "UPGR-SCRAM-%s", auth_hash_text(hash));
	return out;
}

/* --- offer ---------------------------------------------------------------------------------------------- */

static unsigned offered_by_module(const struct c2s *c2s)
{
	struct module_instance *instance = host_module(c2s->host, "mod_scram_upgrade");
	const struct option_value *words = instance ? module_option(instance, "offered_upgrades") : NULL;
	unsigned hashes = 0;
	for (size_t i = 0; words && i < words->string_count; i++)
		hashes |= 1u << (str_is(words->strings[i], "sha512") ? AUTH_SHA512 : AUTH_SHA256);
	return hashes;
}

unsigned c2s_upgrades_offered(const struct c2s *c2s)
{
	bool stored[AUTH_HASHES];
	unsigned hashes = offered_by_module(c2s);
	/* What the client sends is as good as the password. */
	if (!c2s->secure && !conf_listener_get(c2s->listener, "allow_unencrypted_plain")->boolean)
		return 0;
	auth_stored_keys(host_name(c2s->host), stored);
	for (unsigned hash = AUTH_SHA256; hash < AUTH_HASHES; hash++)
		hashes |= (unsigned)stored[hash] << hash;
	return hashes;
}

/* Those that the user lacks, as far as that is known. */
void c2s_upgrade_features(struct c2s *c2s, struct xml_writer *features)
{
	const struct c2s_setup *setup = c2s->setup;
	unsigned offered = c2s_upgrades_offered(c2s);
	char name[TASK_MAX];
	if (!setup->looked_up || setup->auth.outcome != AUTH_OK)
		return;
	for (unsigned hash = AUTH_SHA256; hash < AUTH_HASHES; hash++) {
		if (!(offered & 1u << hash) || setup->auth.credentials.scram[hash].present)
			continue;
		xml_open(features, "upgrade", NS_UPGRADE);
		xml_put_text(features, str_of(task_name(hash, name)));
		xml_close(features);
	}
}

/* --- tasks ---------------------------------------------------------------------------------------------- */

static unsigned asked_for(const struct xml *request)
{
	char name[TASK_MAX];
	unsigned hashes = 0;
	for (const struct xml *at = xml_child(request, "upgrade", NS_UPGRADE); at;
	     at = xml_next(at, "upgrade", NS_UPGRADE)) {
		struct strbuf joined = {0};
		struct str text = str_trim(xml_text(at, &joined));
		for (unsigned hash = AUTH_SHA256; hash < AUTH_HASHES; hash++)
			if (str_is(text, task_name(hash, name)))
				hashes |= 1u << hash;
		strbuf_fini(&joined);
	}
	return hashes;
}

static bool next_task(struct c2s *c2s)
{
	struct c2s_sasl2 *sasl2 = c2s->setup->sasl2;
	char name[TASK_MAX];
	if (!sasl2->upgrades)
		return false;
	sasl2->upgrade = sasl2->upgrades & 1u << AUTH_SHA256 ? AUTH_SHA256 : AUTH_SHA512;
	c2s_sasl2_continue(c2s, task_name(sasl2->upgrade, name));
	return true;
}

/*
 * Only behind a mechanism that has proved the password against the keys that are at hand here: a token may
 * not set what counts as the password, and the keys tell whether the password was changed meanwhile.
 */
bool c2s_upgrade_begin(struct c2s *c2s)
{
	struct c2s_setup *setup = c2s->setup;
	struct c2s_sasl2 *sasl2 = setup->sasl2;
	if (!str_starts(str_of(sasl_mechanism(setup->sasl)), "SCRAM-"))
		return false;
	sasl2->upgrades = asked_for(sasl2->request->root);
	if (sasl2->upgrades)
		sasl2->upgrades &= c2s_upgrades_offered(c2s);
	for (unsigned hash = AUTH_SHA256; hash < AUTH_HASHES; hash++)
		if (setup->auth.credentials.scram[hash].present && hash != sasl_hash(setup->sasl))
			sasl2->upgrades &= ~(1u << hash);
	sasl2->upgrades &= ~(1u << sasl_hash(setup->sasl));
	return next_task(c2s);
}

void c2s_upgrade_next(struct c2s *c2s, const struct xml *elem)
{
	struct c2s_sasl2 *sasl2 = c2s->setup->sasl2;
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	struct strbuf salt = {0};
	char name[TASK_MAX];
	if (!str_is(xml_attr_s(elem, "task"), task_name(sasl2->upgrade, name))) {
		c2s_auth_failed(c2s, SASL_MALFORMED_REQUEST, "this task was not asked for");
		return;
	}
	rand_bytes(sasl2->salt, sizeof(sasl2->salt));
	base64_encode(&salt, sasl2->salt, sizeof(sasl2->salt));
	xml_open(&writer, "task-data", NS_SASL2);
	xml_open(&writer, "salt", NS_SCRAM_UPGRADE);
	xml_put_attr_u64(&writer, "iterations", SCRAM_ITERATIONS);
	xml_put_text(&writer, strbuf_view(&salt));
	xml_close(&writer);
	xml_close(&writer);
	c2s_send_writer(c2s, &writer);
	xml_writer_fini(&writer);
	strbuf_fini(&salt);
	sasl2->phase = SASL2_TASK_DATA;
}

static void run_store(struct job *job)
{
	struct c2s_sasl2 *sasl2 = list_entry(job, struct c2s_sasl2, job);
	struct str host, user = str_cut(strbuf_view(&sasl2->key), '@', &host);
	const struct auth_credentials *known = &sasl2->c2s->setup->auth.credentials;
	sasl2->outcome = auth_add_keys(host, user, known, sasl2->upgrade, &sasl2->keys, &sasl2->err);
}

static void task_failed(struct c2s *c2s, struct c2s_sasl2 *sasl2)
{
	LOG_WARNING("c2s.upgrade_failed", LOG_STR("user", strbuf_view(&sasl2->key)),
	    LOG_CSTR("reason", sasl2->err.text));
	if (sasl2->outcome == AUTH_UNAVAILABLE)
		c2s_auth_failed(c2s, SASL_TEMPORARY_AUTH_FAILURE, NULL);
	else
		c2s_auth_failed(c2s, SASL_NOT_AUTHORIZED, NULL);
}

static void on_stored(struct job *job)
{
	struct c2s_sasl2 *sasl2 = list_entry(job, struct c2s_sasl2, job);
	struct c2s *c2s = sasl2->c2s;
	if (!c2s_resume(c2s, C2S_SASL))
		return;
	if (sasl2->outcome != AUTH_OK) {
		task_failed(c2s, sasl2);
		return;
	}
	LOG_INFO("c2s.upgraded", LOG_STR("user", strbuf_view(&sasl2->key)),
	    LOG_CSTR("hash", auth_hash_text(sasl2->upgrade)));
	c2s->setup->auth.credentials.scram[sasl2->upgrade] = sasl2->keys;
	OPENSSL_cleanse(&sasl2->keys, sizeof(sasl2->keys));
	sasl2->upgrades &= ~(1u << sasl2->upgrade);
	if (!next_task(c2s))
		c2s_sasl2_tasks_done(c2s);
}

void c2s_upgrade_data(struct c2s *c2s, const struct xml *elem)
{
	struct c2s_sasl2 *sasl2 = c2s->setup->sasl2;
	const struct xml *hash = xml_child(elem, "hash", NS_SCRAM_UPGRADE);
	struct strbuf joined = {0}, salted = {0};
	bool good = hash && base64_decode(&salted, str_trim(xml_text(hash, &joined))) == 0 &&
		    salted.len == auth_hash_size(sasl2->upgrade);
	if (good)
		scram_keys_from_salted(&sasl2->keys, sasl2->upgrade, (unsigned char *)salted.ptr, sasl2->salt,
		    sizeof(sasl2->salt), SCRAM_ITERATIONS);
	if (salted.ptr)
		OPENSSL_cleanse(salted.ptr, salted.cap);
	if (joined.ptr)
		OPENSSL_cleanse(joined.ptr, joined.cap);
	strbuf_fini(&salted);
	strbuf_fini(&joined);
	if (!good) {
		c2s_auth_failed(c2s, SASL_MALFORMED_REQUEST, "the hash is not one of the right length");
		return;
	}
	strbuf_reset(&sasl2->key);
	strbuf_str(&sasl2->key, jid_bare(&c2s->jid));
	sasl2->c2s = c2s;
	sasl2->job = (struct job){.run = run_store, .done = on_stored};
	c2s_wait(c2s);
	executor_submit(&sasl2->job, NULL);
}
