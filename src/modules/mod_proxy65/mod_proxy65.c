/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/crypto.h>
#include <stdlib.h>

#include "auth/auth.h"
#include "auth/digest.h"
#include "base/codec.h"
#include "conf/access.h"
#include "modules/mod_proxy65/relay.h"
#include "modules/service.h"
#include "stanzad/access.h"
#include "stanzad/mem.h"
#include "stanzad/work.h"

#define NS_BYTESTREAMS "http://jabber.org/protocol/bytestreams"
#define SHA1_SIZE 20

enum { STREAMS_ACTIVATED };

static module_deliver on_stanza;

static const char *const features[] = {NS_BYTESTREAMS, NULL};
static const struct service service = {
    .category = "proxy",
    .type = "bytestreams",
    .features = features,
    .deliver = on_stanza,
    .per_domain = true,
};

static bool is_allowed(const struct module_instance *instance, const struct jid *from)
{
	struct access_subject subject = {.jid = from};
	return module_allows(instance, "access", &subject);
}

/* --- where the proxy is: XEP-0065 4 --------------------------------------------------------------------- */

/* What clients connect to; the domain itself when nothing is said. */
static struct str public_name(const struct module_instance *instance, const struct jid *to)
{
	const struct option_value *name = module_option(instance, "hostname"),
				  *ip = module_option(instance, "ip");
	if (name->present)
		return name->string;
	return ip->present ? ip->string : jid_domain(to);
}

static void answer_address(
    struct module_instance *instance, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct xml_writer reply = {.default_ns = NS_CLIENT};
	xml_open(&reply, "query", NS_BYTESTREAMS);
	xml_open(&reply, "streamhost", NULL);
	xml_put_attr(&reply, "jid", jid_domain(to));
	xml_put_attr(&reply, "host", public_name(instance, to));
	xml_put_attr_u64(&reply, "port", (uint64_t)module_option(instance, "port")->integer);
	xml_close(&reply);
	xml_close(&reply);
	struct stanza *result = stanza_make_result(stanza, &reply);
	if (result)
		route(to, from, result);
	stanza_unref(&result);
	xml_writer_fini(&reply);
}

/* --- activation: XEP-0065 6.3.5 ------------------------------------------------------------------------- */

struct activation {
	struct relay_activation relay;
	struct module_instance *instance;
	struct jid from, to; /* their texts are on the heap */
	struct stanza *stanza;
};

static const struct {
	enum stanza_condition condition;
	const char *text;
} refusals[] = {
    [RELAY_UNKNOWN] = {SE_item_not_found, "nobody is connected for this stream"},
    [RELAY_ONE_SIDED] = {SE_not_allowed, "only one party is connected"},
    [RELAY_CONFLICT] = {SE_conflict, "the stream is active"},
    [RELAY_TOO_MANY] = {SE_resource_constraint, "too many streams are active"},
};

/* On the relay's thread. */
static void on_activated(struct relay_activation *relay, enum relay_outcome outcome)
{
	struct activation *activation = (struct activation *)relay;
	struct stanza_error error = {.condition = SE_internal_server_error};
	if (outcome != RELAY_ACTIVE) {
		error.condition = refusals[outcome].condition;
		error.text = refusals[outcome].text;
	}
	struct stanza *reply = outcome == RELAY_ACTIVE
				   ? stanza_make_result(activation->stanza, NULL)
				   : stanza_make_error(activation->stanza, &error, &activation->to);
	if (reply)
		route_post(&activation->to, &activation->from, reply);
	if (outcome == RELAY_ACTIVE)
		metric_add(activation->instance, STREAMS_ACTIVATED, 1);
	stanza_unref(&reply);
	stanza_unref(&activation->stanza);
	free((char *)activation->from.text);
	free((char *)activation->to.text);
	free(activation);
}

static void hash_of(struct str sid, const struct jid *requester, const struct jid *target, char *hash_r)
{
	struct strbuf hex = {0};
	struct digest digest;
	unsigned char hash[SHA1_SIZE];
	struct str from = jid_full(requester), to = jid_full(target);
	digest_init(&digest, AUTH_SHA1);
	digest_update(&digest, sid.ptr, sid.len);
	digest_update(&digest, from.ptr, from.len);
	digest_update(&digest, to.ptr, to.len);
	digest_final(&digest, hash);
	hex_encode(&hex, hash, sizeof(hash));
	memcpy(hash_r, hex.ptr, SOCKS_HASH_SIZE + 1);
	strbuf_fini(&hex);
}

/* The faster one of both parties counts. */
static void set_rate(struct activation *activation, const struct jid *requester, const struct jid *target)
{
	struct str host = host_name(module_host(activation->instance));
	const struct option_value *shaper = module_option(activation->instance, "shaper");
	struct access_subject subjects[] = {{.jid = requester}, {.jid = target}};
	struct shaper_rate one = access_shaper(conf_current(), host, shaper, &subjects[0]);
	struct shaper_rate two = access_shaper(conf_current(), host, shaper, &subjects[1]);
	struct shaper_rate best = one.rate && (!two.rate || two.rate > one.rate) ? two : one;
	activation->relay.rate = best.rate;
	activation->relay.burst = best.burst > best.rate ? best.burst : best.rate;
}

static void activate(struct module_instance *instance, const struct jid *from, const struct jid *to,
    struct stanza *stanza, const struct jid *target)
{
	struct activation *activation = mem_zalloc(sizeof(*activation));
	int64_t idle = module_option(instance, "idle_timeout")->integer;
	activation->instance = instance;
	activation->from = jid_dup_heap(from);
	activation->to = jid_dup_heap(to);
	activation->stanza = stanza_ref(stanza);
	hash_of(xml_attr(stanza_payload(stanza), "sid"), from, target, activation->relay.hash);
	activation->relay.requester = str_dup(jid_bare(from));
	activation->relay.max_streams = module_option(instance, "max_connections")->integer;
	activation->relay.idle_ms = idle == OPTION_INFINITE ? UINT64_MAX : (uint64_t)idle;
	activation->relay.done = on_activated;
	set_rate(activation, from, target);
	relay_activate(&activation->relay);
}

static void on_activate(
    struct module_instance *instance, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	const struct xml *payload = stanza_payload(stanza);
	const struct xml *element = xml_child(payload, "activate", NULL);
	struct arena arena = {0};
	struct strbuf text = {0};
	struct jid target;
	if (!element || xml_attr_s(payload, "sid").len == 0)
		service_refuse(from, to, stanza, SE_bad_request, "sid and activate must be there");
	else if (jid_parse(str_trim(xml_text(element, &text)), &arena, &target, NULL) < 0)
		service_refuse(from, to, stanza, SE_jid_malformed, NULL);
	else
		activate(instance, from, to, stanza, &target);
	strbuf_fini(&text);
	arena_fini(&arena);
}

/* --- what arrives --------------------------------------------------------------------------------------- */

static void on_iq(
    struct module_instance *instance, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	const struct xml *payload = stanza_payload(stanza);
	if (jid_local(to).len || jid_resource(to).len)
		service_refuse(from, to, stanza, SE_item_not_found, "the proxy has no users");
	else if (!payload)
		service_refuse(from, to, stanza, SE_bad_request, NULL);
	else if (!xml_is(payload, "query", NS_BYTESTREAMS)) {
		if (!service_answer(instance, &service, from, to, stanza))
			service_refuse(from, to, stanza, SE_service_unavailable, NULL);
	} else if (!is_allowed(instance, from))
		service_refuse(from, to, stanza, SE_forbidden, NULL);
	else if (stanza->type == IQ_GET)
		answer_address(instance, from, to, stanza);
	else
		on_activate(instance, from, to, stanza);
}

static void on_stanza(
    struct module_instance *instance, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	if (stanza->type == STANZA_ERROR || stanza->type == IQ_RESULT)
		return;
	if (stanza->type == STANZA_TYPE_INVALID)
		service_refuse(from, to, stanza, SE_bad_request, NULL);
	else if (stanza->kind == STANZA_IQ)
		on_iq(instance, from, to, stanza);
	else if (stanza->kind == STANZA_MESSAGE)
		service_refuse(from, to, stanza, SE_service_unavailable, NULL);
}

static enum hook_verdict on_items(struct module_instance *instance, struct hook_disco_items *event)
{
	service_list(instance, &service, event);
	return HOOK_PASS;
}

/* --- names and passwords -------------------------------------------------------------------------------- */

struct login {
	uint64_t id;
	char *name, *password;
	bool good;
};

/* "romeo" or "romeo@example.org". */
static bool is_good(struct module_instance *instance, const struct login *login)
{
	const struct option_value *host = module_option(instance, "server_host");
	struct str domain = host->present ? host->string : host_name(module_host(instance)), local;
	struct arena arena = {0};
	struct jid jid;
	struct err err;
	bool good = true;
	if (strchr(login->name, '@')) {
		good = jid_parse(str_of(login->name), &arena, &jid, &err) == 0 && !jid.resource_len &&
		       str_eq(jid_domain(&jid), domain);
		local = good ? jid_local(&jid) : STR_NULL;
	} else {
		good = jid_prep_local(str_of(login->name), &arena, &local, &err) == 0;
	}
	good =
	    good && local.len && auth_check_password(domain, local, str_of(login->password), &err) == AUTH_OK;
	arena_fini(&arena);
	return good;
}

static void check_login(struct module_instance *instance, void *arg)
{
	struct login *login = arg;
	login->good = is_good(instance, login);
}

static void end_login(struct module_instance *instance, void *arg)
{
	struct login *login = arg;
	(void)instance;
	relay_logged_in(login->id, login->good);
	OPENSSL_cleanse(login->password, strlen(login->password));
	free(login->name);
	free(login->password);
	free(login);
}

static void begin_login(struct module_instance *instance, void *arg)
{
	module_run(instance, check_login, end_login, arg);
}

/* On the relay's thread. */
static void on_login(void *owner, uint64_t id, struct str name, struct str password)
{
	struct login *login = mem_zalloc(sizeof(*login));
	login->id = id;
	login->name = str_dup(name);
	login->password = str_dup(password);
	module_post(owner, STR_NULL, begin_login, login);
}

/* --- the module ----------------------------------------------------------------------------------------- */

typedef const struct option_value *option_of(const struct module_instance *instance, const char *name);
typedef int listen_there(
    void *owner, struct str ip, uint16_t port, const struct relay_settings *settings, struct err *err);

static int listen_as_configured(
    struct module_instance *instance, option_of *option, listen_there *there, struct err *err)
{
	const struct option_value *ip = option(instance, "ip");
	struct relay_settings settings = {
	    .plain = str_is(option(instance, "auth_type")->string, "plain"),
	    .activation_ms = (uint64_t)option(instance, "activation_timeout")->integer,
	    .recbuf = (int)option(instance, "recbuf")->integer,
	    .sndbuf = (int)option(instance, "sndbuf")->integer,
	    .login = on_login,
	};
	return there(instance, ip->present ? ip->string : STR("::"),
	    (uint16_t)option(instance, "port")->integer, &settings, err);
}

static void on_leave(struct module_instance *instance)
{
	relay_leave(instance);
}

static void on_stop(struct module_instance *instance)
{
	relay_leave(instance);
	relay_part();
}

static int on_start(struct module_instance *instance, struct err *err)
{
	if (listen_as_configured(instance, module_option, relay_join, err) < 0)
		return -1;
	if (service_start(instance, &service, err) == 0)
		return 0;
	on_stop(instance);
	return -1;
}

static int on_reload(struct module_instance *instance, struct err *err)
{
	if (listen_as_configured(instance, module_option, relay_move, err) < 0)
		return -1;
	if (service_reload(instance, &service, err) == 0)
		return 0;
	listen_as_configured(instance, module_option_before, relay_move, NULL);
	return -1;
}

static const struct option options[] = {
    SERVICE_OPTIONS("proxy", "SOCKS5 Bytestreams"),
    {"append_module_config", OPTION_MAP, NULL,
	"Another `name` or `vcard` for one of `hosts`: a map by domain."},
    {"access", OPTION_ACCESS, "all", "Who may have streams activated and learn the address."},
    {"auth_type", OPTION_ENUM, "anonymous",
	"With `plain` connections need the name and password of an account.", "anonymous|plain"},
    {"ip", OPTION_IP, NULL, "Where it listens; all addresses when it is left out."},
    {"port", OPTION_INT, "7777", "Where it listens.", NULL, 1, 65535},
    {"hostname", OPTION_STRING, NULL,
	"What clients are told to connect to. Without it that is `ip`, or else the domain of the service."},
    {"server_host", OPTION_DOMAIN, NULL, "Whose accounts `auth_type: plain` is about; the virtual host's."},
    {"max_connections", OPTION_INT, "infinity", "Active streams of one requester.", NULL, 1, 0,
	OPTION_INFINITY},
    {"shaper", OPTION_SHAPER, "none",
	"How fast a stream is in each direction. That of requester and target with the larger rate counts."},
    {"recbuf", OPTION_INT, "65536", "Bytes that the kernel may hold of what comes in.", NULL, 1024, 1 << 30},
    {"sndbuf", OPTION_INT, "65536", "Bytes that the kernel may hold of what goes out.", NULL, 1024, 1 << 30},
    {"activation_timeout", OPTION_DURATION, "1 minute",
	"How long a connection may take until its stream is active.", NULL, 1000, 3600 * 1000},
    {"idle_timeout", OPTION_DURATION, "10 minutes", "When a stream ends that carries nothing.", NULL, 1000,
	INT64_C(365) * 24 * 3600 * 1000, OPTION_INFINITY},
    {"ram_db_type", OPTION_ENUM, NULL, "Connections are in memory.", "internal|mnesia|sql|redis",
	.flags = OPTION_IGNORED},
    {0},
};

static const struct hook_entry hooks[] = {
    HOOK_ENTRY(disco_items, on_items, HOOK_NORMAL, NULL),
    {0},
};

static const struct metric metrics[] = {
    [STREAMS_ACTIVATED] = {.name = "activated_streams",
	.kind = METRIC_COUNTER,
	.doc = "Bytestreams that were activated."},
    {0},
};

const struct module mod_proxy65 = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_proxy65",
    .doc = "Carries files between clients that cannot reach each other (XEP-0065).",
    .options = options,
    .hooks = hooks,
    .metrics = metrics,
    .start = on_start,
    .leave = on_leave,
    .stop = on_stop,
    .reload = on_reload,
};
