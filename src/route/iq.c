/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/iq.h"

#include "route/iq_owed.h"
#include "route/router.h"
#include "route/user_private.h"
#include "stanzad/log.h"
#include "xmpp/stanza_limits.h"

enum iq_verdict iq_refuse(struct iq *iq, enum stanza_condition condition, const char *text)
{
	iq->error = (struct stanza_error){.condition = condition, .text = text};
	return IQ_REFUSE;
}

/* --- what a handler does wrong -------------------------------------------------------------------------- */

static const char *const faults[] = {
    [IQ_FAULT_VERDICT] = "it returned a verdict that there is not",
    [IQ_FAULT_NO_LATER] = "it returned IQ_LATER and had not called iq_later",
    [IQ_FAULT_BOTH] = "it returned an answer after iq_later; the later one counts",
    [IQ_FAULT_REPLY] = "its reply cannot be sent",
    [IQ_FAULT_ERROR] = "its refusal cannot be sent",
    [IQ_FAULT_TIMEOUT] = "no answer in time: the asker got remote-server-timeout",
    [IQ_FAULT_TOO_LATE] = "its answer came too late: the core had answered",
    [IQ_FAULT_TWICE] = "iq_finish for a request that is finished, or was none",
    [IQ_FAULT_FLOOD] = "too many requests are pending: resource-constraint for whoever asks more",
};

void iq_fault(struct iq_entry *entry, enum iq_fault fault, const char *detail)
{
	unsigned bit = 1u << fault;
	bool first = !entry || !(__atomic_fetch_or(&entry->faults, bit, __ATOMIC_RELAXED) & bit);
	LOG_AT(first ? LOG_LEVEL_ERROR : LOG_LEVEL_DEBUG, "iq.handler_fault",
	    LOG_CSTR("module", entry ? entry->module : ""), LOG_CSTR("namespace", entry ? entry->ns : ""),
	    LOG_CSTR("what", faults[fault]), LOG_CSTR("detail", detail ? detail : ""));
}

static struct iq_entry *entry_of(const struct iq *iq)
{
	return iq->call ? iq->call->entry : NULL;
}

/* --- answers -------------------------------------------------------------------------------------------- */

/* NULL with err: not one well-formed element, or none. */
static struct stanza *result_of(const struct iq *iq, struct err *err)
{
	struct stanza *result = NULL;
	struct strbuf bytes = {0};
	if (!xml_writer_complete(iq->reply)) {
		xml_writer_check(iq->reply, err);
		return NULL;
	}
	strbuf_cstr(&bytes, "<iq type='result' id='");
	xml_escape(&bytes, iq->stanza->id);
	strbuf_cstr(&bytes, "'>");
	strbuf_str(&bytes, strbuf_view(&iq->reply->buf));
	strbuf_cstr(&bytes, "</iq>");
	result = stanza_parse(strbuf_view(&bytes), &stanza_own_limits, err);
	strbuf_fini(&bytes);
	if (result && xml_first_element(result->root) && !stanza_payload(result)) {
		err_set(err, "an IQ result holds one element at most (RFC 6120 8.2.3)");
		stanza_unref(&result);
	}
	return result;
}

static int error_check(const struct stanza_error *error, struct err *err)
{
	size_t offset;
	if ((unsigned)error->condition >= SE_COUNT)
		return err_set(err, "there is no condition %d", (int)error->condition);
	if (!error->app_xml.len)
		return 0;
	struct xml_tree *tree = xml_parse(error->app_xml, NS_CLIENT, &stanza_own_limits, &offset, err);
	if (!tree)
		return err_prefix(err, "app_xml, byte %zu", offset);
	xml_tree_unref(&tree);
	return 0;
}

static void send_answer(const struct iq *iq, struct stanza *stanza)
{
	if (stanza && worker_self())
		route(iq->to, iq->from, stanza);
	else if (stanza && worker_count())
		route_post(iq->to, iq->from, stanza);
	stanza_unref(&stanza);
}

void iq_answer_error(const struct iq *iq, enum stanza_condition condition, const char *text)
{
	struct stanza_error error = {.condition = condition, .text = text};
	send_answer(iq, stanza_make_error(iq->stanza, &error, NULL));
}

static void answer_fault(const struct iq *iq, enum iq_fault fault, const char *detail)
{
	iq_fault(entry_of(iq), fault, detail);
	iq_answer_error(iq, SE_internal_server_error, NULL);
}

void iq_answer(struct iq *iq, enum iq_verdict verdict)
{
	struct stanza *result;
	struct err err = {0};
	switch (verdict) {
	case IQ_ANSWER:
		result = result_of(iq, &err);
		if (result)
			send_answer(iq, result);
		else
			answer_fault(iq, IQ_FAULT_REPLY, err.text);
		break;
	case IQ_REFUSE:
		if (error_check(&iq->error, &err) < 0)
			answer_fault(iq, IQ_FAULT_ERROR, err.text);
		else
			send_answer(iq, stanza_make_error(iq->stanza, &iq->error, NULL));
		break;
	case IQ_SILENT:
		break;
	default:
		answer_fault(iq, IQ_FAULT_VERDICT, NULL);
	}
}

/* What a handler returned. */
static void returned(struct iq *iq, enum iq_verdict verdict)
{
	struct owed *owed = iq->call->owed; /* NULL: nothing was copied */
	bool later = owed && owed_is_kept(owed);
	if (later && verdict != IQ_LATER)
		iq_fault(entry_of(iq), IQ_FAULT_BOTH, NULL);
	if (later)
		return;
	if (owed && !owed_close(owed))
		iq_fault(entry_of(iq), IQ_FAULT_TOO_LATE, NULL);
	else if (verdict == IQ_LATER)
		answer_fault(iq, IQ_FAULT_NO_LATER, NULL);
	else
		iq_answer(iq, verdict);
}

static void call_handler(struct iq *iq, struct iq_call *call)
{
	struct xml_writer reply = {.default_ns = NS_CLIENT};
	iq->reply = &reply;
	iq->call = call;
	returned(iq, call->entry->iq.handler(iq));
	xml_writer_fini(&reply);
}

/* --- disciplines ---------------------------------------------------------------------------------------- */

static void job_run(struct job *job)
{
	struct owed *owed = list_entry(job, struct owed, job);
	struct iq iq = owed->iq;
	if (!owed_is_closed(owed))
		call_handler(&iq, &owed->call);
}

static void job_done(struct job *job)
{
	struct owed *owed = list_entry(job, struct owed, job);
	struct module_instance *instance = owed->call.entry->instance;
	owed_unref(owed);
	__atomic_sub_fetch(&instance->calls, 1, __ATOMIC_ACQ_REL);
}

static void run_elsewhere(const struct iq *iq, struct iq_entry *entry)
{
	struct owed *owed = owed_new(iq, entry);
	__atomic_add_fetch(&entry->instance->calls, 1, __ATOMIC_ACQ_REL);
	owed->job.run = job_run;
	owed->job.done = job_done;
	executor_submit(&owed->job, &entry->queue);
}

static void run_here(struct iq *iq, struct iq_entry *entry)
{
	struct iq_call call = {.entry = entry};
	call_handler(iq, &call);
	if (call.owed)
		owed_unref(call.owed);
}

/* False: it has too much to do already. */
static bool has_room(struct iq_entry *entry, const struct jid *from)
{
	unsigned pending = __atomic_load_n(&entry->pending, __ATOMIC_RELAXED);
	if (pending >= IQ_PENDING_SLOW)
		session_slow_sender(from, SESSION_SLOW_MS);
	if (pending < IQ_PENDING_MAX)
		return true;
	iq_fault(entry, IQ_FAULT_FLOOD, NULL);
	return false;
}

static void refuse(const struct jid *from, const struct jid *to, struct stanza *stanza,
    enum stanza_condition condition, const char *text)
{
	struct stanza_error error = {.condition = condition, .text = text};
	route_error(from, to, stanza, &error);
}

void iq_dispatch(struct host *host, enum iq_component component, struct user *user, const struct jid *from,
    const struct jid *to, struct stanza *stanza)
{
	const struct xml *payload = stanza_payload(stanza);
	if (!payload || !stanza->id.ptr) {
		refuse(from, to, stanza, SE_bad_request,
		    "an IQ get or set has an id and exactly one child element");
		return;
	}
	struct iq_entry *entry = host_iq(host, component, payload->ns);
	if (!entry || (user && !user_exists(user) && !entry->iq.for_nobody)) {
		refuse(from, to, stanza, SE_service_unavailable, NULL);
		return;
	}
	TRACE(STAGE_HANDLED, "%s answers %.*s", entry->instance->module->name, STR_FMT(payload->ns));
	if (trace_on())
		return;
	bool own = component == IQ_SM && jid_bare_eq(from, to);
	if (entry->iq.owner_only && !own) {
		refuse(from, to, stanza, SE_forbidden, NULL);
		return;
	}
	if (!has_room(entry, from)) {
		refuse(from, to, stanza, SE_resource_constraint, "too many requests of this kind are waiting");
		return;
	}
	struct str lang = xml_lang(payload);
	struct iq iq = {
	    .from = from,
	    .to = to,
	    .type = stanza->type,
	    .id = stanza->id,
	    .ns = payload->ns,
	    .lang = lang.ptr ? lang : stanza->lang,
	    .payload = payload,
	    .stanza = stanza,
	    .host = host,
	    .instance = entry->instance,
	    .user = entry->iq.discipline == IQ_NO_QUEUE ? user : NULL,
	    .own = own,
	};
	if (entry->iq.discipline == IQ_NO_QUEUE)
		run_here(&iq, entry);
	else
		run_elsewhere(&iq, entry);
}
