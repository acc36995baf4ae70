/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/extauth_cache.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>

#include "auth/digest.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/rand.h"

#define MAC_LEN 32

struct entry {
	struct list link; /* the one used last is at the end */
	bool has_password;
	unsigned char password[MAC_LEN];
	uint64_t password_until;
	enum extauth_cached exists;
	uint64_t exists_until;
	size_t key_len;
	char key[];
};

static struct {
	pthread_mutex_t lock;
	struct map entries;
	struct list order;
	uint64_t moment;
	bool has_secret;
	unsigned char secret[MAC_LEN];
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER, .order = {&cache.order, &cache.order}};

/* --- entries, with the lock ----------------------------------------------------------------------------- */

static void key_make(struct strbuf *key, struct str host, struct str user)
{
	strbuf_str(key, user);
	strbuf_char(key, '@');
	strbuf_str(key, host);
}

static void entry_free(struct entry *entry)
{
	map_remove(&cache.entries, (struct str){entry->key, entry->key_len});
	list_remove(&entry->link);
	OPENSSL_cleanse(entry->password, MAC_LEN);
	free(entry);
}

static struct entry *entry_find(struct str host, struct str user)
{
	struct strbuf key = {0};
	struct entry *entry;

	key_make(&key, host, user);
	entry = map_get(&cache.entries, strbuf_view(&key));
	strbuf_fini(&key);
	if (entry) {
		list_remove(&entry->link);
		list_add_before(&cache.order, &entry->link);
	}
	return entry;
}

static struct entry *entry_get(struct str host, struct str user, size_t most)
{
	struct entry *entry = entry_find(host, user);
	struct strbuf key = {0};

	if (entry)
		return entry;
	while (cache.entries.count && cache.entries.count >= most)
		entry_free(list_entry(cache.order.next, struct entry, link));
	key_make(&key, host, user);
	entry = mem_zalloc(sizeof(*entry) + key.len);
	memcpy(entry->key, key.ptr, key.len);
	entry->key_len = key.len;
	strbuf_fini(&key);
	map_put(&cache.entries, (struct str){entry->key, entry->key_len}, entry);
	list_add_before(&cache.order, &entry->link);
	return entry;
}

/* The key tells accounts with one password apart. */
static void mac_of(struct str host, struct str user, struct str password, unsigned char *mac_r)
{
	struct hmac hmac;

	if (!cache.has_secret) {
		rand_bytes(cache.secret, sizeof(cache.secret));
		cache.has_secret = true;
	}
	hmac_init(&hmac, AUTH_SHA256, cache.secret, sizeof(cache.secret));
	hmac_update(&hmac, user.ptr, user.len);
	hmac_update(&hmac, "", 1);
	hmac_update(&hmac, host.ptr, host.len);
	hmac_update(&hmac, "", 1);
	hmac_update(&hmac, password.ptr, password.len);
	hmac_final(&hmac, mac_r);
}

static uint64_t until(const struct extauth_cache_limits *limits)
{
	uint64_t now = clock_mono_ms();

	return limits->life_ms > UINT64_MAX - now ? UINT64_MAX : now + limits->life_ms;
}

/* --- interface ------------------------------------------------------------------------------------------ */

uint64_t extauth_cache_moment(void)
{
	pthread_mutex_lock(&cache.lock);
	uint64_t moment = cache.moment;
	pthread_mutex_unlock(&cache.lock);
	return moment;
}

bool extauth_cache_password(struct str host, struct str user, struct str password)
{
	unsigned char mac[MAC_LEN];
	bool right = false;

	pthread_mutex_lock(&cache.lock);
	struct entry *entry = entry_find(host, user);
	if (entry && entry->has_password && clock_mono_ms() < entry->password_until) {
		mac_of(host, user, password, mac);
		right = CRYPTO_memcmp(mac, entry->password, MAC_LEN) == 0;
		OPENSSL_cleanse(mac, sizeof(mac));
	}
	pthread_mutex_unlock(&cache.lock);
	return right;
}

void extauth_cache_put_password(struct str host, struct str user, struct str password,
    const struct extauth_cache_limits *limits, uint64_t moment)
{
	pthread_mutex_lock(&cache.lock);
	if (moment == cache.moment) {
		struct entry *entry = entry_get(host, user, limits->size);

		mac_of(host, user, password, entry->password);
		entry->has_password = true;
		entry->password_until = until(limits);
	}
	pthread_mutex_unlock(&cache.lock);
}

enum extauth_cached extauth_cache_exists(struct str host, struct str user)
{
	enum extauth_cached exists = EXTAUTH_CACHED_NOTHING;

	pthread_mutex_lock(&cache.lock);
	struct entry *entry = entry_find(host, user);
	if (entry && clock_mono_ms() < entry->exists_until)
		exists = entry->exists;
	pthread_mutex_unlock(&cache.lock);
	return exists;
}

void extauth_cache_put_exists(struct str host, struct str user, bool exists,
    const struct extauth_cache_limits *limits, uint64_t moment)
{
	pthread_mutex_lock(&cache.lock);
	if (moment == cache.moment) {
		struct entry *entry = entry_get(host, user, limits->size);

		entry->exists = exists ? EXTAUTH_CACHED_YES : EXTAUTH_CACHED_NO;
		entry->exists_until = until(limits);
	}
	pthread_mutex_unlock(&cache.lock);
}

void extauth_cache_forget(struct str host, struct str user)
{
	pthread_mutex_lock(&cache.lock);
	struct entry *entry = entry_find(host, user);
	cache.moment++;
	if (entry)
		entry_free(entry);
	pthread_mutex_unlock(&cache.lock);
}

void extauth_cache_clear(void)
{
	pthread_mutex_lock(&cache.lock);
	cache.moment++;
	while (!list_empty(&cache.order))
		entry_free(list_entry(cache.order.next, struct entry, link));
	map_fini(&cache.entries);
	pthread_mutex_unlock(&cache.lock);
}
