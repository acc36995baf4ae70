/* SPDX-License-Identifier: Apache-2.0 */
/* A worker whose DNS is the one of dns_server.h, and a clock that stands still. */
#pragma once

#include "base/clock.h"
#include "conf_load.h"
#include "dns_server.h"
#include "loop/worker.h"
#include "test_net.h"

static struct conf *dns_conf;

/* rest: more lines of the configuration. */
static inline void dns_configure(const char *rest)
{
	struct strbuf text = {0};
	struct err err;

	strbuf_printf(&text, "hosts: [probe.example]\ns2s_dnssec: false\ns2s_dns_servers: 127.0.0.1@%u\n%s",
	    dns_server.port, rest);
	struct conf *old = dns_conf;
	dns_conf = must_load(text.ptr);
	if (!dns_conf || dns_apply(dns_conf, &err) < 0)
		abort();
	conf_install(dns_conf);
	conf_unref(&old);
	strbuf_fini(&text);
}

static inline void dns_start(void)
{
	clock_fake(INT64_C(1767225600000000));
	dns_server_start();
	start_worker();
	dns_configure("");
}

static inline void dns_stop(void)
{
	dns_fini();
	stop_worker();
	dns_server_stop();
	conf_install(NULL);
	conf_unref(&dns_conf);
}
