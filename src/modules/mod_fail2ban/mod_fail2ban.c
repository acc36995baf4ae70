/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "modules/mod_fail2ban/bans.h"
#include "stanzad/access.h"
#include "stanzad/datetime.h"
#include "stanzad/log.h"
#include "stanzad/module.h"

enum { BANS, REFUSED };

static const struct metric metrics[] = {
    [BANS] = {"banned_addresses", METRIC_COUNTER, "Addresses that were banned."},
    [REFUSED] = {"refused_streams", METRIC_COUNTER, "Streams that were refused because of a ban."},
    {0},
};

static bool is_exempt(struct module_instance *instance, const struct sockaddr *address)
{
	struct access_subject subject = {.address = address};
	return module_allows(instance, "access", &subject);
}

static enum hook_verdict on_auth_result(struct module_instance *instance, struct hook_c2s_auth_result *event)
{
	int64_t max = module_option(instance, "c2s_max_auth_failures")->integer;
	int64_t lifetime_ms = module_option(instance, "c2s_auth_ban_lifetime")->integer;
	int64_t until_us;
	bool banned = bans_check(event->address, &until_us);
	if (event->success) {
		bans_succeeded(event->address);
	} else if (!is_exempt(instance, event->address) && bans_failed(event->address, max, lifetime_ms)) {
		LOG_WARNING("fail2ban.banned", LOG_STR("host", host_name(module_host(instance))),
		    LOG_STR("user", event->user), LOG_INT("failures", max));
		metric_add(instance, BANS, !banned);
		event->disconnect = true;
	}
	return HOOK_PASS;
}

/* Lives until the next call on this thread. */
static const char *refusal_text(int64_t until_us)
{
	static _Thread_local char text[128];
	char until[DATETIME_MAX];
	if (until_us == INT64_MAX)
		return "too many failed log-ins from this address";
	datetime_format(until, until_us, 0);
	snprintf(
	    text, sizeof(text), "too many failed log-ins from this address; it may come again at %s", until);
	return text;
}

static enum hook_verdict on_connect(struct module_instance *instance, struct hook_c2s_connect *event)
{
	int64_t until_us;
	if (!bans_check(event->address, &until_us) || is_exempt(instance, event->address))
		return HOOK_PASS;
	metric_add(instance, REFUSED, 1);
	event->refuse_text = refusal_text(until_us);
	return HOOK_STOP;
}

static enum command_outcome unban_ip(struct command_call *call)
{
	struct str address = command_string(call, "address");
	struct ip_network network;
	if (!ip_network_parse(address, &network))
		return command_say(call, COMMAND_USAGE, "'%.*s' is no address or network", STR_FMT(address));
	call->result = json_integer(bans_lift(&network));
	return COMMAND_OK;
}

static int instances; /* worker 0 */

static int on_start(struct module_instance *instance, struct err *err)
{
	instances++;
	return 0;
}

static void on_stop(struct module_instance *instance)
{
	if (--instances == 0)
		bans_fini();
}

static const struct option options[] = {
    {"access", OPTION_ACCESS, "none", "Addresses that are never banned."},
    {"c2s_auth_ban_lifetime", OPTION_DURATION, "1 hour",
	"How long an address is banned, and after how long failures are forgotten.", NULL, 1000,
	INT64_C(86400000) * 3650, .flags = OPTION_INFINITY},
    {"c2s_max_auth_failures", OPTION_INT, "20", "How many failed log-ins ban an address.", NULL, 1, 1000000},
    {0},
};

static const struct hook_entry hooks[] = {
    HOOK_ENTRY(c2s_auth_result, on_auth_result, HOOK_NORMAL, NULL),
    HOOK_ENTRY(c2s_connect, on_connect, HOOK_EARLY, NULL),
    {0},
};

static const struct command_argument unban_arguments[] = {
    {"address", COMMAND_STRING, "IP address, with or without a network mask", NULL},
    {0},
};

static const struct command commands[] = {
    {"unban_ip", "accounts", "Lift the bans of an address or a network.", unban_arguments, COMMAND_VALUE,
	NULL, unban_ip},
    {0},
};

const struct module mod_fail2ban = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_fail2ban",
    .doc = "Bans addresses that fail to log in too often.",
    .options = options,
    .hooks = hooks,
    .commands = commands,
    .metrics = metrics,
    .start = on_start,
    .stop = on_stop,
    .reload = module_reload_nothing,
};
