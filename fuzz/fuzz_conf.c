/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a configuration file: it is refused with at least one error, or gives a snapshot whose parts
 * can all be read and that is the same when it is loaded again.
 */
#include "conf/access.h"

#include <netinet/in.h>
#include <string.h>

#include "fuzz.h"

static void ask(const struct conf *conf, struct str host)
{
	static const char *const rules[] = {"all", "none", "local", "c2s", "configure", "trusted_network"};
	struct sockaddr_in loopback = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct jid jid = {.text = "admin@localhost/r", .local_len = 5, .domain_len = 9, .resource_len = 1};
	struct access_subject subject = {&jid, (struct sockaddr *)&loopback};

	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		access_rule_allowed(conf, host, str_of(rules[i]), &subject);
		access_acl_match(conf, host, rules[i], &subject);
		access_rule_number(conf, host, rules[i], &subject, -1);
	}
	fuzz_check(access_rule_allowed(conf, host, STR("all"), &subject));
	fuzz_check(!access_rule_allowed(conf, host, STR("none"), &subject));
}

static void compare(const struct conf *a, const struct conf *b)
{
	fuzz_check(conf_host_count(a) == conf_host_count(b) && conf_host_count(a) > 0);
	fuzz_check(conf_listener_count(a) == conf_listener_count(b));
	for (size_t i = 0; i < conf_listener_count(a); i++) {
		const struct conf_listener *listener = conf_listener_at(a, i);
		struct access_subject nobody = {0};

		fuzz_check(conf_listener_same(listener, conf_listener_at(b, i)));
		fuzz_check(conf_listener_get(listener, "port")->present && *conf_listener_label(listener));
		if (strcmp(conf_listener_module(listener), "ejabberd_c2s") == 0)
			access_shaper(a, STR_NULL, conf_listener_get(listener, "shaper"), &nobody);
	}
	for (size_t i = 0; i < conf_host_count(a); i++) {
		struct str host = conf_host_at(a, i);

		fuzz_check(str_eq(host, conf_host_at(b, i)) && conf_is_host(a, host));
		fuzz_check(conf_module_count(a, host) == conf_module_count(b, host));
		for (size_t j = 0; j < conf_module_count(a, host); j++)
			fuzz_check(conf_module_same(conf_module_at(a, host, j), conf_module_at(b, host, j)));
		ask(a, host);
	}
}

/* Wildcards of certfiles would search this machine's disk, which says nothing and takes long. */
static bool searches_disk(struct str text)
{
	return memmem(text.ptr, text.len, "certfile", 8) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct str text = {(const char *)bytes, size};
	struct conf *conf = NULL, *again = NULL;
	struct conf_report report, second;
	int rc;

	if (size > 0 && searches_disk(text))
		return 0;
	rc = conf_load_text(text, "fuzz", &conf, &report);
	fuzz_check((rc == 0) == (report.errors == 0) && (rc == 0) == (conf != NULL));
	if (rc == 0) {
		fuzz_check(conf_load_text(text, "fuzz", &again, &second) == 0);
		compare(conf, again);
		conf_report_fini(&second);
	}
	conf_report_fini(&report);
	conf_unref(&conf);
	conf_unref(&again);
	return 0;
}
