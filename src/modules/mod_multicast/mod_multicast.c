/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/scalar.h"
#include "modules/mod_multicast/addresses.h"
#include "modules/mod_multicast/introduced.h"
#include "modules/service.h"
#include "stanzad/access.h"

#define LIMIT_LOCAL 100
#define LIMIT_REMOTE 20

enum { STANZAS_MULTIPLIED, COPIES_SENT };

/* A stanza that is being multiplied. */
struct copying {
	struct module_instance *instance;
	const struct jid *from;
	const struct addresses *addresses;
	struct stanza *bare; /* without the header */
};

/* --- who may what --------------------------------------------------------------------------------------- */

static bool is_ours(const struct jid *jid)
{
	return host_find(jid_domain(jid)) != NULL;
}

/* limits: {local: {message: 100, presence: 100}, remote: ...}. < 0: it is no number. */
static int read_limit(
    const struct option_node *limits, const char *sender, const char *kind, uint64_t def, uint64_t *limit_r)
{
	const struct option_node *senders = limits ? option_node_get(limits, sender) : NULL;
	const struct option_node *limit = senders ? option_node_get(senders, kind) : NULL;
	*limit_r = def;
	if (!limit)
		return 0;
	if (limit->kind != OPTION_NODE_SCALAR)
		return -1;
	if (scalar_is_infinity(limit->scalar)) {
		*limit_r = UINT64_MAX;
		return 0;
	}
	return str_to_u64(limit->scalar, limit_r) ? 0 : -1;
}

static uint64_t limit_for(
    const struct module_instance *instance, const struct jid *from, const struct stanza *stanza)
{
	bool ours = is_ours(from);
	uint64_t limit;
	read_limit(module_option(instance, "limits")->node, ours ? "local" : "remote",
	    stanza->kind == STANZA_MESSAGE ? "message" : "presence", ours ? LIMIT_LOCAL : LIMIT_REMOTE,
	    &limit);
	return limit;
}

static bool is_allowed(const struct module_instance *instance, const struct jid *from)
{
	struct access_subject subject = {.jid = from};
	return module_allows(instance, "access", &subject);
}

/* 2.2: others may have their stanzas multiplied for our own users, not for third parties. */
static int check_destinations(struct module_instance *instance, const struct jid *from,
    const struct addresses *addresses, enum stanza_condition *condition_r, const char **text_r)
{
	bool ours = is_ours(from);
	for (size_t i = 0; i < addresses->count; i++) {
		const struct jid *jid = &addresses->list[i].jid;
		if (!ours && !is_ours(jid)) {
			*condition_r = SE_forbidden;
			*text_r = "this service does not relay";
			return -1;
		}
		if (service_has_domain(instance, jid_domain(jid))) {
			*condition_r = SE_item_not_found;
			*text_r = "this service is nobody to send it to";
			return -1;
		}
	}
	return 0;
}

/* --- copies --------------------------------------------------------------------------------------------- */

static bool is_header(const struct xml *child, void *arg)
{
	(void)arg;
	return xml_is(child, "addresses", NS_ADDRESS);
}

static struct stanza *with_header(const struct copying *copying, const struct xml *blind)
{
	struct strbuf header = {0};
	addresses_write(&header, copying->addresses, blind);
	struct stanza *stanza =
	    header.len ? stanza_with_tail(copying->bare, strbuf_view(&header)) : stanza_ref(copying->bare);
	strbuf_fini(&header);
	return stanza;
}

/* One stanza for all who are named in the header, and one for each who must not be seen by the others. */
static void send_copies(const struct copying *copying)
{
	const struct addresses *addresses = copying->addresses;
	struct stanza *common = with_header(copying, NULL);
	for (size_t i = 0; i < addresses->count; i++) {
		const struct destination *one = &addresses->list[i];
		struct stanza *stanza = one->bcc ? with_header(copying, one->address) : stanza_ref(common);
		route(copying->from, &one->jid, stanza);
		stanza_unref(&stanza);
	}
	stanza_unref(&common);
	metric_add(copying->instance, STANZAS_MULTIPLIED, 1);
	metric_add(copying->instance, COPIES_SENT, (int64_t)addresses->count);
}

static void send_unavailable(void *arg, const struct jid *jid)
{
	const struct copying *copying = arg;
	for (size_t i = 0; copying->addresses && i < copying->addresses->count; i++)
		if (jid_eq(&copying->addresses->list[i].jid, jid))
			return;
	route(copying->from, jid, copying->bare);
	metric_add(copying->instance, COPIES_SENT, 1);
}

/* 5.1: those who know the sender as available must not keep thinking so, whether they are named now or not.
 */
static void end_presence(struct copying *copying)
{
	introduced_end(module_state(copying->instance), copying->from, send_unavailable, copying);
}

/* --- what arrives --------------------------------------------------------------------------------------- */

static void multiply(struct module_instance *instance, const struct jid *from, const struct jid *to,
    struct stanza *stanza, const struct addresses *addresses)
{
	struct copying copying = {instance, from, addresses, stanza_without(stanza, is_header, NULL)};
	if (xml_child(copying.bare->root, "addresses", NS_ADDRESS)) {
		/* It could not be taken out, and what is blind must not be seen. */
		service_refuse(from, to, stanza, SE_internal_server_error, NULL);
	} else if (stanza->type == PRESENCE_AVAILABLE && stanza->kind == STANZA_PRESENCE &&
		   !introduced_note(module_state(instance), from, addresses)) {
		service_refuse(
		    from, to, stanza, SE_resource_constraint, "too many would have to be told again");
	} else {
		send_copies(&copying);
		if (stanza->kind == STANZA_PRESENCE && stanza->type == PRESENCE_UNAVAILABLE)
			end_presence(&copying);
	}
	stanza_unref(&copying.bare);
}

static void take_header(
    struct module_instance *instance, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct addresses addresses;
	enum stanza_condition condition;
	const char *text;
	if (!is_allowed(instance, from)) {
		service_refuse(from, to, stanza, SE_forbidden, NULL);
		return;
	}
	if (addresses_read(stanza, limit_for(instance, from, stanza), &addresses, &condition, &text) < 0) {
		service_refuse(from, to, stanza, condition, text);
		return;
	}
	if (check_destinations(instance, from, &addresses, &condition, &text) < 0)
		service_refuse(from, to, stanza, condition, text);
	else
		multiply(instance, from, to, stanza, &addresses);
	addresses_fini(&addresses);
}

/* Presence without a header is for the service itself, which has no use for it but to learn that a sender is
 * gone. */
static void on_presence(
    struct module_instance *instance, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct copying copying = {instance, from, NULL, stanza};
	if (stanza->type == PRESENCE_AVAILABLE || stanza->type == PRESENCE_UNAVAILABLE) {
		if (xml_child(stanza->root, "addresses", NS_ADDRESS))
			take_header(instance, from, to, stanza);
		else if (stanza->type == PRESENCE_UNAVAILABLE)
			end_presence(&copying);
	} else if (xml_child(stanza->root, "addresses", NS_ADDRESS)) {
		service_refuse(
		    from, to, stanza, SE_not_acceptable, "presence of this type has one recipient");
	}
}

static module_deliver on_stanza;

static const char *const features[] = {NS_ADDRESS, NULL};
static const struct service service = {
    .category = "service",
    .type = "multicast",
    .features = features,
    .deliver = on_stanza,
};

static void on_stanza(
    struct module_instance *instance, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	if (stanza->type == STANZA_ERROR || stanza->type == IQ_RESULT)
		return;
	if (stanza->type == STANZA_TYPE_INVALID)
		service_refuse(from, to, stanza, SE_bad_request, NULL);
	else if (jid_local(to).len || jid_resource(to).len)
		service_refuse(from, to, stanza, SE_item_not_found, "the service has no users");
	else if (stanza->kind == STANZA_PRESENCE)
		on_presence(instance, from, to, stanza);
	else if (stanza->kind == STANZA_MESSAGE)
		take_header(instance, from, to, stanza);
	else if (!service_answer(instance, &service, from, to, stanza))
		service_refuse(from, to, stanza, SE_service_unavailable, NULL);
}

static enum hook_verdict on_items(struct module_instance *instance, struct hook_disco_items *event)
{
	service_list(instance, &service, event);
	return HOOK_PASS;
}

/* --- the module ----------------------------------------------------------------------------------------- */

static int check_senders(const struct option_node *limits, const char *sender, struct err *err)
{
	uint64_t limit;
	if (read_limit(limits, sender, "message", 0, &limit) < 0 ||
	    read_limit(limits, sender, "presence", 0, &limit) < 0)
		return err_set(err,
		    "%s:%u:%u: limits of %s senders: message and presence, numbers or infinite", limits->file,
		    limits->line, limits->column, sender);
	return 0;
}

static int check_limits(const struct module_instance *instance, struct err *err)
{
	const struct option_node *limits = module_option(instance, "limits")->node;
	if (!limits)
		return 0;
	for (const struct option_node *senders = limits->items; senders; senders = senders->next)
		if (!str_is(senders->key->scalar, "local") && !str_is(senders->key->scalar, "remote"))
			return err_set(err, "%s:%u:%u: limits are for local and remote senders",
			    senders->key->file, senders->key->line, senders->key->column);
	return check_senders(limits, "local", err) < 0 ? -1 : check_senders(limits, "remote", err);
}

static int on_start(struct module_instance *instance, struct err *err)
{
	if (check_limits(instance, err) < 0)
		return -1;
	module_set_state(instance, introduced_new());
	if (service_start(instance, &service, err) == 0)
		return 0;
	struct introduced *introduced = module_state(instance);
	introduced_free(&introduced);
	return -1;
}

static int on_reload(struct module_instance *instance, struct err *err)
{
	return check_limits(instance, err) < 0 ? -1 : service_reload(instance, &service, err);
}

static void on_stop(struct module_instance *instance)
{
	struct introduced *introduced = module_state(instance);
	introduced_free(&introduced);
}

static const struct option options[] = {
    SERVICE_OPTIONS("multicast", "Multicast"),
    {"access", OPTION_ACCESS, "all", "Who may have stanzas multiplied."},
    {"limits", OPTION_MAP, NULL,
	"How many addresses a stanza may have: `local` and `remote` senders, each with `message` and "
	"`presence`, "
	"a number or `infinite`."},
    {0},
};

static const struct hook_entry hooks[] = {
    HOOK_ENTRY(disco_items, on_items, HOOK_NORMAL, NULL),
    {0},
};

static const struct metric metrics[] = {
    [STANZAS_MULTIPLIED] = {.name = "multiplied_stanzas",
	.kind = METRIC_COUNTER,
	.doc = "Stanzas with an address header that were sent on."},
    [COPIES_SENT] = {.name = "sent_copies", .kind = METRIC_COUNTER, .doc = "Copies that came of them."},
    {0},
};

const struct module mod_multicast = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_multicast",
    .doc = "Sends one stanza to many addresses (XEP-0033).",
    .options = options,
    .hooks = hooks,
    .metrics = metrics,
    .start = on_start,
    .stop = on_stop,
    .reload = on_reload,
};
