/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/crypto.h>
#include <stdlib.h>

#include "modules/mod_stun_disco/credentials.h"
#include "modules/mod_stun_disco/offer.h"
#include "stanzad/access.h"
#include "stanzad/clock.h"
#include "stanzad/datetime.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"
#include "stanzad/module.h"
#include "stanzad/rand.h"

#define NS_EXTDISCO_1 "urn:xmpp:extdisco:1"
#define NS_EXTDISCO_2 "urn:xmpp:extdisco:2"
#define SECRET_LENGTH 32

enum { CREDENTIALS_GIVEN };

/* What was asked for; an empty string or port 0 is any. */
struct wanted {
	struct str host, type, transport;
	uint64_t port;
	bool restricted_only;
};

static struct str secret_of(const struct module_instance *instance)
{
	const struct option_value *secret = module_option(instance, "secret");
	return secret->present ? secret->string : str_of(module_state(instance));
}

static void put_credentials(struct iq *iq)
{
	struct turn_credentials credentials;
	char date[DATETIME_MAX];
	int64_t expires =
	    (clock_real_us() / 1000 + module_option(iq->instance, "credentials_lifetime")->integer) / 1000;
	turn_credentials_make(secret_of(iq->instance), jid_bare(iq->from), expires, &credentials);
	datetime_format(date, expires * 1000000, 0);
	xml_put_attr(iq->reply, "username", str_of(credentials.username));
	xml_put_attr(iq->reply, "password", str_of(credentials.password));
	xml_put_attr(iq->reply, "expires", str_of(date));
	OPENSSL_cleanse(&credentials, sizeof(credentials));
	metric_add(iq->instance, CREDENTIALS_GIVEN, 1);
}

static void put_service(struct iq *iq, const struct offer *offer)
{
	xml_open(iq->reply, "service", NULL);
	xml_put_attr(iq->reply, "host", offer->host);
	xml_put_attr_u64(iq->reply, "port", offer->port);
	xml_put_attr(iq->reply, "transport", offer->transport);
	xml_put_attr(iq->reply, "type", offer->type);
	xml_put_attr(iq->reply, "restricted", offer->restricted ? STR("true") : STR("false"));
	if (offer->restricted)
		put_credentials(iq);
	xml_close(iq->reply);
}

static bool is_any_or(struct str wanted, struct str offered)
{
	return wanted.len == 0 || str_eq(wanted, offered);
}

static bool is_wanted(const struct offer *offer, const struct wanted *wanted)
{
	return is_any_or(wanted->host, offer->host) && is_any_or(wanted->type, offer->type) &&
	       is_any_or(wanted->transport, offer->transport) &&
	       (wanted->port == 0 || wanted->port == offer->port) &&
	       (!wanted->restricted_only || offer->restricted);
}

/* How many there were. */
static unsigned put_services(struct iq *iq, const struct wanted *wanted)
{
	const struct option_node *list = module_option(iq->instance, "services")->node;
	unsigned count = 0;
	struct offer offer;
	for (const struct option_node *entry = list ? list->items : NULL; entry; entry = entry->next)
		if (offer_read(entry, &offer, NULL) == 0 && is_wanted(&offer, wanted)) {
			put_service(iq, &offer);
			count++;
		}
	return count;
}

/* 3.1, 3.2 */
static enum iq_verdict answer_services(struct iq *iq)
{
	struct wanted wanted = {.type = xml_attr(iq->payload, "type")};
	xml_put_attr(iq->reply, "type", wanted.type);
	put_services(iq, &wanted);
	xml_close(iq->reply);
	return IQ_ANSWER;
}

/* 3.3 */
static enum iq_verdict answer_credentials(struct iq *iq)
{
	const struct xml *service = xml_first_element(iq->payload);
	if (!service || xml_next_element(service) || !str_is(service->name, "service") ||
	    !str_eq(service->ns, iq->payload->ns))
		return iq_refuse(iq, SE_bad_request, "name one service");
	struct wanted wanted = {
	    .host = xml_attr(service, "host"),
	    .type = xml_attr(service, "type"),
	    .transport = xml_attr(service, "transport"),
	    .restricted_only = true,
	};
	struct str port = xml_attr(service, "port");
	if (wanted.host.len == 0 || wanted.type.len == 0)
		return iq_refuse(iq, SE_bad_request, "host and type must be there");
	if (port.ptr && (!str_to_u64(port, &wanted.port) || wanted.port < 1 || wanted.port > UINT16_MAX))
		return iq_refuse(iq, SE_bad_request, "port is no port");
	if (put_services(iq, &wanted) == 0)
		return iq_refuse(iq, SE_item_not_found, "there is no such service with credentials");
	xml_close(iq->reply);
	return IQ_ANSWER;
}

static enum iq_verdict on_extdisco(struct iq *iq)
{
	struct access_subject subject = {.jid = iq->from};
	const char *ns = str_is(iq->payload->ns, NS_EXTDISCO_1) ? NS_EXTDISCO_1 : NS_EXTDISCO_2;
	bool credentials = str_is(iq->payload->name, "credentials");
	if (iq->type == IQ_SET)
		return iq_refuse(iq, SE_not_allowed, NULL);
	if (!module_allows(iq->instance, "access", &subject))
		return iq_refuse(iq, SE_forbidden, NULL);
	if (!credentials && !str_is(iq->payload->name, "services"))
		return iq_refuse(iq, SE_bad_request, NULL);
	xml_open(iq->reply, credentials ? "credentials" : "services", ns);
	return credentials ? answer_credentials(iq) : answer_services(iq);
}

/* --- the module ----------------------------------------------------------------------------------------- */

static int check_options(struct module_instance *instance, struct err *err)
{
	const struct option_value *secret = module_option(instance, "secret");
	bool restricted;
	if (offers_check(module_option(instance, "services"), &restricted, err) < 0)
		return -1;
	if (secret->present && secret->string.len == 0)
		return err_set(err, "the secret is empty");
	if (restricted && !secret->present)
		LOG_WARNING("stun_disco.no_secret", LOG_STR("host", host_name(module_host(instance))),
		    LOG_CSTR("reason", "services need credentials, but no secret is shared with them"));
	return 0;
}

static int on_start(struct module_instance *instance, struct err *err)
{
	if (check_options(instance, err) < 0)
		return -1;
	char *secret = mem_alloc(SECRET_LENGTH + 1);
	rand_id(secret, SECRET_LENGTH);
	module_set_state(instance, secret);
	return 0;
}

static void on_stop(struct module_instance *instance)
{
	char *secret = module_state(instance);
	OPENSSL_cleanse(secret, SECRET_LENGTH);
	free(secret);
}

static const struct option options[] = {
    {"access", OPTION_ACCESS, "local", "Who may ask for services and credentials."},
    {"credentials_lifetime", OPTION_DURATION, "12 hours", "For how long credentials count.", NULL, 1000,
	INT64_C(3660) * 24 * 3600 * 1000},
    {"offer_local_services", OPTION_BOOL, "true",
	"Whether the server's own STUN and TURN listeners are offered.", .flags = OPTION_LATER},
    {"secret", OPTION_STRING, NULL,
	"What credentials are made with: the same text as in the TURN servers. One that nobody knows is made "
	"up when it is left out."},
    {"services", OPTION_ANY, "[]",
	"What is offered: a list of maps with `host`, `port`, `type` (`stun`, `turn`, `stuns`, `turns`), "
	"`transport` (`udp`, `tcp`) and `restricted`."},
    {0},
};

static const struct module_iq iqs[] = {
    {.ns = NS_EXTDISCO_1, .component = IQ_LOCAL, .handler = on_extdisco, .announce = true},
    {.ns = NS_EXTDISCO_2, .component = IQ_LOCAL, .handler = on_extdisco, .announce = true},
    {0},
};

static const struct metric metrics[] = {
    [CREDENTIALS_GIVEN] = {.name = "credentials_given",
	.kind = METRIC_COUNTER,
	.doc = "Temporary credentials that were handed out."},
    {0},
};

const struct module mod_stun_disco = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_stun_disco",
    .doc = "Tells clients which STUN and TURN servers to use, with credentials (XEP-0215).",
    .options = options,
    .iqs = iqs,
    .metrics = metrics,
    .start = on_start,
    .stop = on_stop,
    .reload = check_options,
};
