/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls.h"

#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "net/tls_internal.h"

/* A context with its options, which are the key and what it is made anew from. */
struct cached {
	struct cached *next;
	char *ciphers, *protocol_options, *dhfile, *cafile;
	struct tls_options options;
	struct tls_context *context;
	SSL_CTX *fresh; /* while tls_apply has not decided */
};

struct host {
	struct host *next;
	char *name;
};

/* Guards all that follows: STARTTLS looks for its context on whichever worker it comes. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tls_store *current;
static struct cached *contexts;
static struct host *hosts; /* in the order of the file */

static void hosts_free(struct host **list)
{
	while (*list) {
		struct host *host = *list;
		*list = host->next;
		free(host->name);
		free(host);
	}
}

static struct host *hosts_dup(const struct conf *conf)
{
	struct host *first = NULL, **end = &first;
	for (size_t i = 0; i < conf_host_count(conf); i++) {
		*end = mem_zalloc(sizeof(**end));
		(*end)->name = str_dup(conf_host_at(conf, i));
		end = &(*end)->next;
	}
	return first;
}

static int add_hosts(struct tls_store *store, const struct conf *conf, const char *data_dir, struct err *err)
{
	struct strbuf directory = {0};
	int rc = 0;
	strbuf_printf(&directory, "%s/certs", data_dir);
	for (size_t i = 0; i < conf_host_count(conf) && rc == 0; i++)
		rc = tls_store_add_host(store, conf_host_at(conf, i), directory.ptr, err);
	strbuf_fini(&directory);
	return rc;
}

/* All contexts with the new store, or none. */
static int contexts_prepare(struct tls_store *store, struct err *err)
{
	for (struct cached *cached = contexts; cached; cached = cached->next) {
		cached->fresh = tls_ssl_ctx_new(&cached->options, store, err);
		if (!cached->fresh)
			return -1;
	}
	return 0;
}

static void contexts_decide(bool commit)
{
	for (struct cached *cached = contexts; cached; cached = cached->next) {
		if (commit)
			tls_context_swap(cached->context, cached->fresh);
		else
			SSL_CTX_free(cached->fresh);
		cached->fresh = NULL;
	}
}

static int enact(struct tls_store *store, const struct conf *conf, struct err *err)
{
	pthread_mutex_lock(&lock);
	int rc = contexts_prepare(store, err);
	contexts_decide(rc == 0);
	if (rc == 0) {
		tls_store_unref(&current);
		current = store;
		hosts_free(&hosts);
		hosts = hosts_dup(conf);
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

int tls_apply(const struct conf *conf, const char *data_dir, struct err *err)
{
	const struct option_value *files = conf_get(conf, STR_NULL, "certfiles");
	struct tls_store *store = tls_store_load(files->strings, files->string_count, err);
	if (!store)
		return -1;
	int rc = add_hosts(store, conf, data_dir, err);
	if (rc == 0)
		rc = enact(store, conf, err);
	if (rc < 0)
		tls_store_unref(&store);
	return rc;
}

static void cached_free(struct cached *cached)
{
	tls_context_free(&cached->context);
	free(cached->ciphers);
	free(cached->protocol_options);
	free(cached->dhfile);
	free(cached->cafile);
	free(cached);
}

void tls_fini(void)
{
	while (contexts) {
		struct cached *cached = contexts;
		contexts = cached->next;
		cached_free(cached);
	}
	hosts_free(&hosts);
	tls_store_unref(&current);
}

/* What a listener's options are called at the top level: "c2s_" and so on; NULL: they are not there. */
static const char *prefix_of(const struct conf_listener *listener)
{
	const char *module = conf_listener_module(listener);
	if (strcmp(module, "ejabberd_c2s") == 0)
		return "c2s_";
	return strcmp(module, "ejabberd_s2s_in") == 0 ? "s2s_" : NULL;
}

static const struct option_value *prefixed(
    const struct conf *conf, struct str host, const char *prefix, const char *name)
{
	struct strbuf full = {0};
	strbuf_printf(&full, "%s%s", prefix, name);
	const struct option_value *value = conf_get(conf, host, full.ptr);
	strbuf_fini(&full);
	return value;
}

/*
 * Where a context's options are read: a listener's or, without one, those of streams from host to other
 * servers.
 */
struct source {
	const struct conf *conf;
	const struct conf_listener *listener;
	struct str host;
};

/* The listener's option, or the top-level one that overrides it. */
static const struct option_value *read_option(const struct source *source, const char *name)
{
	const char *prefix = source->listener ? prefix_of(source->listener) : "s2s_";
	if (!source->listener)
		return prefixed(source->conf, source->host, prefix, name);
	if (prefix) {
		const struct option_value *value = prefixed(source->conf, STR_NULL, prefix, name);
		if (value->given)
			return value;
	}
	return conf_listener_get(source->listener, name);
}

static enum tls_role role_of(const struct source *source)
{
	if (!source->listener)
		return TLS_TO_SERVERS;
	const char *prefix = prefix_of(source->listener);
	return prefix && strcmp(prefix, "s2s_") == 0 ? TLS_FROM_SERVERS : TLS_FROM_CLIENTS;
}

static char *joined(const struct option_value *list, char separator)
{
	struct strbuf text = {0};
	for (size_t i = 0; i < list->string_count; i++) {
		if (i > 0)
			strbuf_char(&text, separator);
		strbuf_str(&text, list->strings[i]);
	}
	return strbuf_take(&text);
}

static bool wants_certificate(const struct source *source, bool cafile)
{
	return source->listener && strcmp(conf_listener_module(source->listener), "ejabberd_c2s") == 0 &&
	       (cafile || conf_listener_get(source->listener, "tls_verify")->boolean);
}

static struct cached *cached_new(const struct source *source, const char *alpn)
{
	struct cached *cached = mem_zalloc(sizeof(*cached));
	struct str cafile = read_option(source, "cafile")->string;
	cached->ciphers = joined(read_option(source, "ciphers"), ':');
	cached->protocol_options = joined(read_option(source, "protocol_options"), '|');
	cached->dhfile = str_dup(read_option(source, "dhfile")->string);
	cached->options.role = role_of(source);
	cached->options.verify = wants_certificate(source, cafile.len > 0);
	if (cafile.len == 0)
		cafile = conf_str(source->conf, STR_NULL, "ca_file");
	cached->cafile = str_dup(cafile);
	cached->options.ciphers = str_of(cached->ciphers);
	cached->options.protocol_options = str_of(cached->protocol_options);
	cached->options.dhfile = str_of(cached->dhfile);
	cached->options.cafile = str_of(cached->cafile);
	cached->options.alpn = alpn;
	return cached;
}

static bool same_options(const struct tls_options *a, const struct tls_options *b)
{
	return a->role == b->role && str_eq(a->ciphers, b->ciphers) &&
	       str_eq(a->protocol_options, b->protocol_options) && str_eq(a->dhfile, b->dhfile) &&
	       str_eq(a->cafile, b->cafile) && a->verify == b->verify &&
	       str_eq(str_of(a->alpn), str_of(b->alpn));
}

/* Takes what it keeps: *cached is NULL then. */
static struct tls_context *find_or_make(struct cached **cached, struct err *err)
{
	for (struct cached *at = contexts; at; at = at->next)
		if (same_options(&at->options, &(*cached)->options))
			return at->context;
	struct tls_context *context = tls_context_new(&(*cached)->options, current, err);
	if (!context)
		return NULL;
	(*cached)->context = context;
	(*cached)->next = contexts;
	contexts = *cached;
	*cached = NULL;
	return context;
}

static struct tls_context *context_get(const struct source *source, const char *alpn, struct err *err)
{
	struct cached *cached = cached_new(source, alpn);
	pthread_mutex_lock(&lock);
	struct tls_context *context = find_or_make(&cached, err);
	pthread_mutex_unlock(&lock);
	if (cached)
		cached_free(cached);
	return context;
}

struct tls_context *tls_context_get(
    const struct conf *conf, const struct conf_listener *listener, const char *alpn, struct err *err)
{
	return context_get(&(struct source){conf, listener, STR_NULL}, alpn, err);
}

struct tls_context *tls_outgoing_context_get(const struct conf *conf, struct str host, struct err *err)
{
	return context_get(&(struct source){conf, NULL, host}, NULL, err);
}

void tls_each_certificate(
    void (*each)(void *arg, struct str host, const char *file, int64_t not_after_s, bool self_signed),
    void *arg)
{
	pthread_mutex_lock(&lock);
	for (struct host *host = hosts; host; host = host->next) {
		const struct tls_name *name = tls_store_find(current, str_of(host->name));
		for (unsigned type = 0; name && type < TLS_KEY_TYPES; type++) {
			const struct tls_certificate *certificate = name->certificates[type];
			struct tm tm = {0};
			if (!certificate)
				continue;
			ASN1_TIME_to_tm(X509_get0_notAfter(certificate->leaf), &tm);
			each(arg, str_of(host->name), certificate->file, (int64_t)timegm(&tm),
			    certificate->self_signed);
		}
	}
	pthread_mutex_unlock(&lock);
}
