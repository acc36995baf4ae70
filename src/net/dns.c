/* SPDX-License-Identifier: Apache-2.0 */
#include "net/dns.h"

#include "conf/conf.h"

void dns_options_read(const struct conf *conf, struct str host, struct dns_options *options_r)
{
	const struct option_value *families = conf_get(conf, host, "outgoing_s2s_families");
	int64_t timeout = conf_int(conf, host, "s2s_dns_timeout");
	int64_t tries = conf_int(conf, host, "s2s_dns_retries");
	*options_r = (struct dns_options){
	    .port = (uint16_t)conf_int(conf, host, "outgoing_s2s_port"),
	    .timeout_ms = timeout == OPTION_INFINITE ? 0
			  : timeout > 0              ? (uint64_t)timeout
						     : 1,
	    .tries = tries > 0 && tries < 100 ? (unsigned)tries : 1,
	    .allow_literal = conf_bool(conf, host, "s2s_allow_literal_addresses"),
	};
	for (size_t i = 0; i < families->string_count && i < 2; i++)
		options_r->families[i] = str_is(families->strings[i], "ipv6") ? AF_INET6 : AF_INET;
	if (options_r->families[0] == options_r->families[1])
		options_r->families[1] = AF_UNSPEC;
}

const char *dns_outcome_text(enum dns_outcome outcome)
{
	switch (outcome) {
	case DNS_FOUND:
		return "found";
	case DNS_NOT_FOUND:
		return "not found";
	case DNS_REFUSED:
		return "the domain says that it has no XMPP server";
	case DNS_LITERAL:
		return "an address is no domain";
	case DNS_BOGUS:
		return "the DNSSEC signature is wrong";
	case DNS_TIMEOUT:
		return "no answer in time";
	default:
		return "the DNS server cannot answer";
	}
}
