/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/captcha/pending.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>

#include "modules/captcha/rate.h"
#include "stanzad/access.h"
#include "stanzad/clock.h"
#include "stanzad/mem.h"
#include "stanzad/rand.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct list all = {&all, &all}; /* oldest first */
static unsigned count;

/* --- one of them ---------------------------------------------------------------------------------------- */

struct captcha *captcha_new(struct module_instance *instance)
{
	struct captcha *captcha = mem_zalloc(sizeof(*captcha));
	captcha->instance = instance;
	list_init(&captcha->link);
	rand_id(captcha->id, CAPTCHA_ID_LEN);
	for (int i = 0; i < CAPTCHA_DIGITS; i++)
		captcha->answer[i] = (char)('0' + rand_u64() % 10);
	return captcha;
}

void captcha_free(struct captcha **captcha)
{
	struct captcha *it = *captcha;
	*captcha = NULL;
	if (!it)
		return;
	module_timer_free(&it->timer);
	captcha_picture_fini(&it->picture);
	OPENSSL_cleanse(it->answer, sizeof(it->answer));
	arena_fini(&it->arena);
	free(it);
}

/* --- all of them ---------------------------------------------------------------------------------------- */

static void take_out(struct captcha *captcha)
{
	list_remove(&captcha->link);
	captcha->in_table = false;
	count--;
}

/* Those in forms have no timer. */
static void forget_old(void)
{
	uint64_t now = clock_mono_ms();
	struct list *next;
	for (struct list *at = all.next; at != &all; at = next) {
		struct captcha *captcha = list_entry(at, struct captcha, link);
		next = at->next;
		if (!captcha->ready || captcha->challenger.text || now < captcha->until_ms)
			continue;
		take_out(captcha);
		captcha_free(&captcha);
	}
}

static struct str domain_of(struct str who)
{
	struct str domain;
	str_cut(who, '@', &domain);
	return domain;
}

static bool has_room(const struct captcha *captcha)
{
	struct str domain = domain_of(captcha->who);
	unsigned of_jid = 0, of_domain = 0;
	for (struct list *at = all.next; at != &all; at = at->next) {
		const struct captcha *other = list_entry(at, struct captcha, link);
		of_jid += str_eq(other->who, captcha->who);
		of_domain += domain.len && str_eq(domain_of(other->who), domain);
	}
	return count < CAPTCHA_MAX && of_jid < CAPTCHA_MAX_JID && of_domain < CAPTCHA_MAX_DOMAIN;
}

bool captcha_pending_add(struct captcha *captcha, struct stanza_error *error_r)
{
	int64_t limit = host_option(module_host(captcha->instance), "captcha_limit")->integer;
	pthread_mutex_lock(&lock);
	forget_old();
	bool added = has_room(captcha) && captcha_rate_enter(captcha->who, limit);
	if (added) {
		list_add_before(&all, &captcha->link);
		captcha->in_table = true;
		count++;
	}
	pthread_mutex_unlock(&lock);
	if (!added)
		*error_r = (struct stanza_error){.condition = SE_resource_constraint,
		    .text = "too many CAPTCHA challenges were asked for", .type = 'w'};
	return added;
}

bool captcha_pending_ready(struct captcha *captcha)
{
	pthread_mutex_lock(&lock);
	bool there = captcha->in_table;
	if (there) {
		captcha->ready = true;
		captcha->until_ms = clock_mono_ms() + CAPTCHA_LIFETIME_MS;
	}
	pthread_mutex_unlock(&lock);
	return there;
}

bool captcha_pending_remove(struct captcha *captcha)
{
	pthread_mutex_lock(&lock);
	bool there = captcha->in_table;
	if (there)
		take_out(captcha);
	pthread_mutex_unlock(&lock);
	return there;
}

struct captcha *captcha_pending_look(captcha_look *with, void *arg)
{
	struct captcha *taken = NULL;
	enum captcha_look result = LOOK_ON;
	pthread_mutex_lock(&lock);
	for (struct list *at = all.next; at != &all && result == LOOK_ON;) {
		struct captcha *captcha = list_entry(at, struct captcha, link);
		at = at->next;
		result = with(arg, captcha);
		if (result == LOOK_TAKE) {
			take_out(captcha);
			taken = captcha;
		}
	}
	pthread_mutex_unlock(&lock);
	return taken;
}

static bool is_of(const struct captcha *captcha, const struct captcha_question *question)
{
	if (question->challenger)
		return captcha->challenger.text && jid_bare_eq(question->challenger, &captcha->challenger);
	return !captcha->challenger.text && captcha->instance == question->instance;
}

static enum captcha_look take_fitting(void *arg, struct captcha *captcha)
{
	const struct captcha_question *question = arg;
	if (!captcha->ready || !str_is(question->id, captcha->id))
		return LOOK_ON;
	bool takes = clock_mono_ms() < captcha->until_ms && str_eq(question->who, captcha->who) &&
		     is_of(captcha, question);
	return takes ? LOOK_TAKE : LOOK_STOP;
}

struct captcha *captcha_pending_take(const struct captcha_question *question)
{
	return captcha_pending_look(take_fitting, (void *)question);
}
