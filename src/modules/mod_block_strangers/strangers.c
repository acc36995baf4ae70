/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_block_strangers/strangers.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"
#include "modules/captcha/captcha.h"
#include "stanzad/clock.h"
#include "stanzad/list.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"

/* --- who has passed ------------------------------------------------------------------------------------- */

struct passed {
	struct list link; /* oldest first */
	struct str pair;
	char text[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map all_passed;
static struct list by_age = {&by_age, &by_age};

static struct str pair_of(struct strbuf *text, const struct user *user, const struct jid *from)
{
	strbuf_str(text, jid_bare(user_jid(user)));
	strbuf_char(text, ' ');
	strbuf_str(text, jid_bare(from));
	return strbuf_view(text);
}

static void passed_free(struct passed *passed)
{
	map_remove(&all_passed, passed->pair);
	list_remove(&passed->link);
	free(passed);
}

static void remember(const struct user *user, const struct jid *from)
{
	struct strbuf text = {0};
	struct str pair = pair_of(&text, user, from);
	struct passed *passed = mem_alloc(sizeof(*passed) + pair.len);
	memcpy(passed->text, pair.ptr, pair.len);
	passed->pair = (struct str){passed->text, pair.len};
	list_init(&passed->link);
	strbuf_fini(&text);
	pthread_mutex_lock(&lock);
	struct passed *before = map_get(&all_passed, passed->pair);
	if (before)
		passed_free(before);
	list_add_before(&by_age, &passed->link);
	map_put(&all_passed, passed->pair, passed);
	if (all_passed.count > STRANGERS_PASSED_MAX)
		passed_free(list_entry(by_age.next, struct passed, link));
	pthread_mutex_unlock(&lock);
}

bool strangers_passed(const struct user *user, const struct jid *from)
{
	struct strbuf text = {0};
	struct str pair = pair_of(&text, user, from);
	pthread_mutex_lock(&lock);
	bool passed = map_get(&all_passed, pair) != NULL;
	pthread_mutex_unlock(&lock);
	strbuf_fini(&text);
	return passed;
}

void strangers_fini(void)
{
	pthread_mutex_lock(&lock);
	while (!list_empty(&by_age))
		passed_free(list_entry(by_age.next, struct passed, link));
	map_fini(&all_passed);
	pthread_mutex_unlock(&lock);
}

/* --- the end of the server ------------------------------------------------------------------------------ */

static bool stops; /* atomic */

void strangers_stopping(bool stopping)
{
	__atomic_store_n(&stops, stopping, __ATOMIC_RELEASE);
}

static bool is_stopping(void)
{
	return __atomic_load_n(&stops, __ATOMIC_ACQUIRE);
}

/* --- who is under a challenge --------------------------------------------------------------------------- */

struct held {
	struct jid from, to; /* heap */
	struct stanza *stanza;
};

struct stranger {
	struct list link; /* in the user's slot */
	struct user *user;
	struct jid bare; /* heap */
	struct captcha *captcha;
	struct held held[STRANGERS_HELD_MAX];
	unsigned count;
	size_t bytes;
};

/* The slot of a user. */
struct strangers {
	struct list list;
	unsigned count;
};

static void held_fini(struct held *held)
{
	stanza_unref(&held->stanza);
	free((char *)held->from.text);
	free((char *)held->to.text);
}

static void send_back(const struct held *held, enum captcha_outcome outcome)
{
	struct stanza_error error = {.condition = SE_policy_violation,
	    .text = "Strangers cannot write to this user before they have passed a CAPTCHA"};
	if (outcome == CAPTCHA_NO_PICTURE)
		error = (struct stanza_error){.condition = SE_internal_server_error,
		    .text = "A CAPTCHA cannot be made at the moment"};
	route_error(&held->from, &held->to, held->stanza, &error);
}

/* What is held comes back. */
static void stranger_free(struct stranger *stranger)
{
	struct strangers *strangers = user_slot(stranger->user, &mod_block_strangers);
	captcha_cancel(&stranger->captcha);
	for (unsigned i = 0; i < stranger->count; i++) {
		if (!is_stopping())
			send_back(&stranger->held[i], CAPTCHA_GIVEN_UP);
		held_fini(&stranger->held[i]);
	}
	list_remove(&stranger->link);
	strangers->count--;
	free((char *)stranger->bare.text);
	free(stranger);
}

void strangers_forget(struct user *user)
{
	struct strangers *strangers = user_slot(user, &mod_block_strangers);
	if (!strangers)
		return;
	while (!list_empty(&strangers->list)) {
		stranger_free(list_entry(strangers->list.next, struct stranger, link));
		user_release(user);
	}
	user_set_slot(user, &mod_block_strangers, NULL);
	free(strangers);
}

static struct stranger *find(const struct strangers *strangers, const struct jid *from)
{
	for (struct list *at = strangers->list.next; at != &strangers->list; at = at->next) {
		struct stranger *stranger = list_entry(at, struct stranger, link);
		if (jid_bare_eq(&stranger->bare, from))
			return stranger;
	}
	return NULL;
}

/* --- the end of a challenge ----------------------------------------------------------------------------- */

static void on_ended(struct module_instance *instance, void *arg, enum captcha_outcome outcome)
{
	struct stranger *stranger = arg;
	struct user *user = stranger->user;
	struct held held[STRANGERS_HELD_MAX];
	unsigned count = stranger->count;
	memcpy(held, stranger->held, sizeof(held));
	stranger->count = 0;
	stranger->captcha = NULL;
	if (outcome == CAPTCHA_PASSED)
		remember(user, &stranger->bare);
	stranger_free(stranger);
	for (unsigned i = 0; i < count; i++) {
		if (outcome == CAPTCHA_PASSED)
			route(&held[i].from, &held[i].to, held[i].stanza);
		else
			send_back(&held[i], outcome);
		held_fini(&held[i]);
	}
	user_release(user);
}

/* --- its beginning -------------------------------------------------------------------------------------- */

static bool challenge(struct module_instance *instance, struct stranger *stranger, const struct hook_stanza *event,
    struct stanza_error *error_r)
{
	struct strbuf text = {0};
	struct jid challenger = jid_to_bare(user_jid(event->user));
	struct captcha_wish wish = {
	    .challenger = &challenger,
	    .addressed = event->to,
	    .asked = event->from,
	    .sid = event->stanza->id,
	    .lang = event->stanza->lang,
	    .ended = on_ended,
	    .arg = stranger,
	};
	strbuf_printf(&text,
	    "What you send to %.*s is held back until you have answered a CAPTCHA: enter the digits on the picture.",
	    STR_FMT(jid_bare(&challenger)));
	wish.text = strbuf_view(&text);
	int rc = captcha_challenge(instance, &wish, &stranger->captcha, error_r);
	strbuf_fini(&text);
	return rc == 0;
}

static struct strangers *strangers_of(struct user *user)
{
	struct strangers *strangers = user_slot(user, &mod_block_strangers);
	if (!strangers) {
		strangers = mem_zalloc(sizeof(*strangers));
		list_init(&strangers->list);
		user_set_slot(user, &mod_block_strangers, strangers);
	}
	return strangers;
}

/* NULL with event->error. */
static struct stranger *begin(
    struct module_instance *instance, struct strangers *strangers, struct hook_stanza *event)
{
	struct stranger *stranger;
	if (strangers->count >= STRANGERS_MAX) {
		event->error = (struct stanza_error){.condition = SE_resource_constraint,
		    .text = "Too many strangers write to this user"};
		return NULL;
	}
	stranger = mem_zalloc(sizeof(*stranger));
	stranger->user = event->user;
	stranger->bare = jid_dup_heap(event->from);
	list_init(&stranger->link);
	list_add_before(&strangers->list, &stranger->link);
	strangers->count++;
	if (!challenge(instance, stranger, event, &event->error)) {
		stranger_free(stranger);
		return NULL;
	}
	user_hold(event->user);
	return stranger;
}

static void keep(struct module_instance *instance, struct stranger *stranger, const struct hook_stanza *event)
{
	stranger->held[stranger->count++] = (struct held){
	    .from = jid_dup_heap(event->from),
	    .to = jid_dup_heap(event->to),
	    .stanza = stanza_with_delay(event->stanza, host_name(module_host(instance)), clock_real_us()),
	};
}

enum hook_verdict strangers_hold(struct module_instance *instance, struct hook_stanza *event)
{
	static const char reason[] = "it is held back until its sender has answered a CAPTCHA";
	size_t bytes = event->stanza->root->inner.len + event->stanza->tail.len;
	struct strangers *strangers;
	struct stranger *stranger;
	if (bytes > STRANGERS_HELD_BYTES)
		return hook_bounce(event, SE_policy_violation, "Strangers cannot send so much to this user");
	if (is_stopping())
		return hook_bounce(event, SE_policy_violation, "Strangers cannot write to this user");
	if (event->explain)
		return hook_drop(event, reason);
	strangers = strangers_of(event->user);
	stranger = find(strangers, event->from);
	if (!stranger)
		stranger = begin(instance, strangers, event);
	if (!stranger)
		return HOOK_BOUNCE;
	if (stranger->count == STRANGERS_HELD_MAX || stranger->bytes + bytes > STRANGERS_HELD_BYTES)
		return hook_bounce(event, SE_resource_constraint, "Answer the CAPTCHA before you send more");
	stranger->bytes += bytes;
	keep(instance, stranger, event);
	return hook_drop(event, reason);
}
