/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_push/push.h"
#include "stanzad/clock.h"
#include "stanzad/form.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"

#define NS_PUBLISH_OPTIONS "http://jabber.org/protocol/pubsub#publish-options"

/* A request whose row is being written. */
struct change {
	struct store_op op;
	struct iq *iq;
	struct user *user; /* held */
	struct arena arena;
	struct jid service;
	struct push_row row;
	bool enable, one_node;
	struct push_rows known; /* enable: pending requests for subscriptions */
};

/* --- writing -------------------------------------------------------------------------------------------- */

static int change_run(struct store_op *op, struct db *db, struct err *err)
{
	struct change *change = list_entry(op, struct change, op);
	const struct jid *user = user_jid(change->user);
	if (!change->enable)
		return push_delete(db, user, change->row.service, change->one_node ? &change->row.node : NULL, err);
	if (push_write(db, user, &change->row, err) < 0)
		return -1;
	return push_read_pending(db, jid_domain(user), jid_local(user), &change->arena, &change->known, err);
}

static void enabled(struct change *change)
{
	struct push *push = push_needed(change->user);
	struct push_registration *registration = push_find(push, &change->service, change->row.node);
	uint64_t due_ms = registration ? registration->due_ms : 0;
	if (registration)
		push_drop(registration);
	registration =
	    push_add(push, &change->service, change->row.node, change->row.options, change->row.since_us);
	registration->due_ms = due_ms;
	registration->session = user_session(change->user, jid_resource(change->iq->from));
	for (struct push_contact *contact = change->known.pending; contact; contact = contact->next)
		push_set_pending(push, contact->jid, true);
	if (registration->session)
		session_state_changed(registration->session);
}

static void disabled(struct change *change)
{
	struct push *push = push_of(change->user);
	struct push_registration *next;
	for (struct push_registration *at = push ? push->registrations : NULL; at; at = next) {
		next = at->next;
		if (!jid_eq(&at->service, &change->service) ||
		    (change->one_node && !str_is(change->row.node, at->node)))
			continue;
		if (at->session)
			session_state_changed(at->session);
		push_drop(at);
	}
}

static void change_done(struct store_op *op, int result, const struct err *err)
{
	struct change *change = list_entry(op, struct change, op);
	struct iq *iq = change->iq;
	bool runs = host_module(user_host(change->user), "mod_push"); /* it may have left meanwhile */
	if (runs && change->enable && push_needed(change->user)->enabling)
		push_needed(change->user)->enabling--;
	if (result < 0)
		LOG_ERROR("push.write_failed", LOG_STR("user", jid_bare(user_jid(change->user))),
		    LOG_CSTR("reason", err->text));
	else if (runs && change->enable)
		enabled(change);
	else if (runs)
		disabled(change);
	iq_finish(&iq, result < 0 ? iq_refuse(iq, SE_internal_server_error, NULL) : IQ_ANSWER);
	user_release(change->user);
	arena_fini(&change->arena);
	free(change);
}

static enum iq_verdict change_start(struct iq *iq, struct change *change)
{
	change->iq = iq_later(iq);
	change->user = iq->user;
	user_hold(iq->user);
	change->op.kind = STORE_WRITE;
	change->op.key = jid_bare(user_jid(change->user));
	change->op.run = change_run;
	change->op.done = change_done;
	store_submit(&change->op);
	return IQ_LATER;
}

static struct change *change_new(const struct jid *service, struct str node, bool one_node)
{
	struct change *change = mem_zalloc(sizeof(*change));
	change->service = jid_dup(service, &change->arena);
	change->row.service = jid_full(&change->service);
	change->row.node = arena_str(&change->arena, node);
	change->one_node = one_node;
	return change;
}

/* --- XEP-0357 5 ----------------------------------------------------------------------------------------- */

/* The form as text; empty when there is none. */
static int read_options(const struct xml *enable, struct strbuf *out, struct err *err)
{
	const struct xml *x = xml_child(enable, "x", "jabber:x:data");
	enum form_type type;
	if (!x)
		return 0;
	if (form_type(x, &type, err) < 0)
		return -1;
	if (type != FORM_SUBMIT || !str_is(form_namespace(x), NS_PUBLISH_OPTIONS))
		return err_set(err, "not a submitted form of publish-options");
	xml_write(out, x, NS_CLIENT);
	if (out->len > PUSH_OPTIONS_MAX)
		return err_set(err, "the form is too long");
	return 0;
}

static struct push_registration *oldest_left(const struct push *push)
{
	struct push_registration *at = push->registrations;
	while (at && at->session)
		at = at->next;
	return at;
}

/* For one more. */
static bool make_room(struct user *user, const struct jid *service, struct str node)
{
	struct push *push = push_of(user);
	if (!push)
		push = push_needed(user);
	if (push_find(push, service, node) || push->count + push->enabling < PUSH_REGISTRATIONS_MAX)
		return true;
	struct push_registration *oldest = oldest_left(push);
	if (!oldest)
		return false;
	push_remove(oldest, "there are too many of the user");
	return true;
}

/* Of one user no two are the same. */
static int64_t stamp(struct user *user)
{
	struct push *push = push_of(user);
	int64_t now = clock_real_us();
	for (const struct push_registration *at = push ? push->registrations : NULL; at; at = at->next)
		if (now <= at->since_us)
			now = at->since_us + 1;
	return now;
}

static enum iq_verdict on_enable(struct iq *iq, const struct jid *service, struct str node)
{
	struct strbuf options = {0};
	struct err err;
	if (jid_bare_eq(service, user_jid(iq->user)))
		return iq_refuse(iq, SE_not_allowed, "an account is not its own push service");
	if (read_options(iq->payload, &options, &err) < 0) {
		strbuf_fini(&options);
		return iq_refuse(iq, SE_bad_request, "the form of publish-options is not good");
	}
	if (!make_room(iq->user, service, node)) {
		strbuf_fini(&options);
		return iq_refuse(iq, SE_resource_constraint, "too many push services are enabled");
	}
	struct change *change = change_new(service, node, true);
	change->enable = true;
	change->row.options = arena_str(&change->arena, strbuf_view(&options));
	change->row.since_us = stamp(iq->user);
	push_needed(iq->user)->enabling++;
	strbuf_fini(&options);
	return change_start(iq, change);
}

/* --- XEP-0357 6 ----------------------------------------------------------------------------------------- */

static bool is_known(struct push *push, const struct jid *service, const struct str *node)
{
	for (const struct push_registration *at = push ? push->registrations : NULL; at; at = at->next)
		if (jid_eq(&at->service, service) && (!node || str_is(*node, at->node)))
			return true;
	return false;
}

static enum iq_verdict on_disable(struct iq *iq, const struct jid *service, struct str node)
{
	struct push *push = user_slot(iq->user, &mod_push);
	bool one_node = node.ptr;
	if (!is_known(push, service, one_node ? &node : NULL) && !(push && push->enabling))
		return iq_refuse(iq, SE_item_not_found, "it is not enabled");
	return change_start(iq, change_new(service, node, one_node));
}

enum iq_verdict push_on_iq(struct iq *iq)
{
	struct str address = xml_attr_s(iq->payload, "jid"), node = xml_attr(iq->payload, "node");
	bool enable = str_is(iq->payload->name, "enable");
	struct arena arena = {0};
	struct jid service;
	struct err err;
	enum iq_verdict verdict;
	if (iq->type == IQ_GET)
		return iq_refuse(iq, SE_not_allowed, NULL);
	if ((!enable && !str_is(iq->payload->name, "disable")) || !address.len)
		return iq_refuse(iq, SE_bad_request, "it is <enable/> or <disable/> with a jid");
	if (node.len > PUSH_NODE_MAX)
		return iq_refuse(iq, SE_bad_request, "the name of the node is too long");
	if (jid_parse(address, &arena, &service, &err) < 0)
		verdict = iq_refuse(iq, SE_jid_malformed, NULL);
	else if (enable)
		verdict = on_enable(iq, &service, node);
	else
		verdict = on_disable(iq, &service, node);
	arena_fini(&arena);
	return verdict;
}
