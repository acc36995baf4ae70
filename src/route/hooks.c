/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/hooks.h"

#include "route/host_private.h"
#include "route/session.h"
#include "route/trace.h"
#include "stanzad/log.h"

static const struct hook_about abouts[] = {
#define HOOK(name, kind, thread, what) {#name, HOOK_IS_##kind, HOOK_ON_##thread, what},
#include "stanzad/hooks.def"
#undef HOOK
};

const struct hook_about *hook_about(enum hook_name hook)
{
	return &abouts[hook];
}

bool hook_is_used(const struct host *host, enum hook_name hook)
{
	return host_hooks(host, hook)->count > 0;
}

/* --- verdicts ------------------------------------------------------------------------------------------- */

static bool has_meaning(enum hook_kind kind, enum hook_verdict verdict)
{
	switch (kind) {
	case HOOK_IS_NOTICE:
		return verdict == HOOK_PASS;
	case HOOK_IS_QUESTION:
		return verdict == HOOK_PASS || verdict == HOOK_STOP;
	default:
		return verdict == HOOK_PASS || verdict == HOOK_STOP || verdict == HOOK_BOUNCE;
	}
}

enum hook_verdict hook_judge(enum hook_name hook, const struct hook_slot *slot, enum hook_verdict verdict)
{
	if (has_meaning(abouts[hook].kind, verdict))
		return verdict;
	LOG_ERROR("hook.verdict_without_meaning", LOG_CSTR("hook", abouts[hook].name),
	    LOG_CSTR("module", slot->instance->module->name), LOG_INT("verdict", verdict));
	return HOOK_PASS;
}

/* --- what became of a stanza ---------------------------------------------------------------------------- */

static enum stage stage_of(enum hook_name hook, const struct hook_stanza *event)
{
	switch (hook) {
	case HOOK_filter:
		return STAGE_FILTERED;
	case HOOK_user_inbound:
		return STAGE_INBOUND;
	case HOOK_subscription_in:
	case HOOK_presence_in:
		return STAGE_HANDLED;
	case HOOK_message_offline:
		return STAGE_OFFLINE;
	case HOOK_user_receive:
		return STAGE_RECEIVING;
	case HOOK_privacy_check:
		return event->direction == HOOK_OUT ? STAGE_SENT : event->session ? STAGE_RECEIVING : STAGE_INBOUND;
	default:
		return STAGE_SENT;
	}
}

static void note(enum hook_name hook, const struct hook_slot *slot, const struct hook_stanza *event,
    const char *what, const char *reason)
{
	LOG_DEBUG("hook.stanza", LOG_CSTR("hook", abouts[hook].name),
	    LOG_CSTR("module", slot->instance->module->name), LOG_CSTR("what", what), LOG_CSTR("reason", reason),
	    LOG_CSTR("kind", stanza_kind_text(event->stanza->kind)),
	    LOG_STR("from", event->from ? jid_full(event->from) : STR_NULL),
	    LOG_STR("to", event->to ? jid_full(event->to) : STR_NULL));
}

static void note_replaced(enum hook_name hook, const struct hook_slot *slot, const struct hook_stanza *event)
{
	TRACE(stage_of(hook, event), "%s replaced it in hook %s", slot->instance->module->name, abouts[hook].name);
	note(hook, slot, event, "replaced", NULL);
}

static void note_verdict(enum hook_name hook, const struct hook_slot *slot, const struct hook_stanza *event,
    enum hook_verdict verdict)
{
	const char *module = slot->instance->module->name, *name = abouts[hook].name;
	if (verdict == HOOK_STOP) {
		bool deed = abouts[hook].kind == HOOK_IS_DEED;
		const char *reason = event->reason ? event->reason : "the module took it";
		TRACE(deed ? stage_of(hook, event) : STAGE_DROPPED, "by %s in hook %s: %s", module, name, reason);
		note(hook, slot, event, "stopped", reason);
		return;
	}
	const char *text = event->error.text;
	TRACE(stage_of(hook, event), "%s lets it bounce in hook %s: %s%s%s", module, name,
	    stanza_condition_text(event->error.condition), text ? ": " : "", text ? text : "");
	note(hook, slot, event, "bounced", text ? text : stanza_condition_text(event->error.condition));
}

/* --- running -------------------------------------------------------------------------------------------- */

static void replaced(enum hook_name hook, const struct hook_slot *slot, struct hook_stanza *event,
    struct stanza *before)
{
	if (abouts[hook].kind == HOOK_IS_CHECK) {
		LOG_ERROR("hook.replaced_in_check", LOG_CSTR("hook", abouts[hook].name),
		    LOG_CSTR("module", slot->instance->module->name));
		hook_replace(event, stanza_ref(before));
		return;
	}
	if (hook == HOOK_presence_out)
		session_keep_presence(event->user, event->session, event->stanza);
	note_replaced(hook, slot, event);
}

static enum hook_verdict call(enum hook_name hook, const struct hook_slot *slot, struct hook_stanza *event)
{
	if (event->explain && abouts[hook].kind == HOOK_IS_DEED && !slot->entry.explains) {
		event->unasked = true;
		return HOOK_PASS;
	}
	struct stanza *before = stanza_ref(event->stanza);
	/* All stanza hooks have functions of this one type. */
	enum hook_verdict verdict = slot->entry.fn.user_send(slot->instance, event);
	if (event->stanza != before)
		replaced(hook, slot, event, before);
	stanza_unref(&before);
	verdict = hook_judge(hook, slot, verdict);
	if (verdict != HOOK_PASS)
		note_verdict(hook, slot, event, verdict);
	return verdict;
}

static enum hook_verdict run_stanza(struct host *host, enum hook_name hook, struct hook_stanza *event)
{
	const struct hook_table *table = host_hooks(host, hook);
	enum hook_verdict verdict = HOOK_PASS;
	if (!table->count)
		return HOOK_PASS;
	/* The event's own reference, which hook_replace gives back. */
	struct stanza *lent = stanza_ref(event->stanza);
	event->explain = trace_on();
	for (unsigned i = 0; i < table->count && verdict == HOOK_PASS; i++)
		verdict = call(hook, &table->slots[i], event);
	if (event->stanza == lent)
		stanza_unref(&lent);
	return verdict;
}

void hook_stanza_fini(struct hook_stanza *event, const struct stanza *lent)
{
	if (event->stanza != lent)
		stanza_unref(&event->stanza);
}

void hook_replace(struct hook_stanza *event, struct stanza *stanza)
{
	if (!stanza)
		return;
	stanza_unref(&event->stanza);
	event->stanza = stanza;
}

enum hook_verdict hook_drop(struct hook_stanza *event, const char *reason)
{
	event->reason = reason;
	return HOOK_STOP;
}

enum hook_verdict hook_bounce(struct hook_stanza *event, enum stanza_condition condition, const char *text)
{
	event->error = (struct stanza_error){.condition = condition, .text = text};
	return HOOK_BOUNCE;
}

#define RUN_EACH(name)                                                                                       \
	const struct hook_table *table = host_hooks(host, HOOK_##name);                                      \
	enum hook_verdict verdict = HOOK_PASS;                                                               \
	for (unsigned i = 0; i < table->count && verdict == HOOK_PASS; i++)                                  \
		verdict = hook_call_##name(&table->slots[i], event);                                         \
	return verdict;
#define RUN_NOTICE(name) RUN_EACH(name)
#define RUN_QUESTION(name) RUN_EACH(name)
#define RUN_REQUEST(name) RUN_EACH(name)
#define RUN_STANZA(name) return run_stanza(host, HOOK_##name, event);
#define RUN_DEED(name) RUN_STANZA(name)
#define RUN_CHECK(name) RUN_STANZA(name)

#define HOOK(name, kind, thread, what)                                                                       \
	enum hook_verdict hook_call_##name(const struct hook_slot *slot, struct hook_##name *event)          \
	{                                                                                                    \
		return hook_judge(HOOK_##name, slot, slot->entry.fn.name(slot->instance, event));            \
	}                                                                                                    \
	enum hook_verdict hook_run_##name(struct host *host, struct hook_##name *event)                      \
	{                                                                                                    \
		RUN_##kind(name)                                                                             \
	}
#include "stanzad/hooks.def"
#undef HOOK
