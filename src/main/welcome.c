/* SPDX-License-Identifier: Apache-2.0 */
#include "main/welcome.h"

#include <stdio.h>

#include "conf/conf.h"
#include "net/listener.h"

static void on_listener(void *arg, const char *module, const char *address, unsigned port, bool tls)
{
	(void)arg;
	printf("  %-14s %s port %u%s\n", module, address, port, tls ? " (TLS from the first byte)" : "");
}

void welcome_print(const struct server_options *options)
{
	const struct conf *conf = conf_current();
	struct str host = conf_host_at(conf, 0), log = conf_str(conf, STR_NULL, "log_file");
	printf("\nstanzad is running for %.*s.\n", STR_FMT(host));
	printf("  data: %s   log: %.*s   configuration: %s\n", options->data_dir,
	    STR_FMT(log.len ? log : STR("standard error")), options->config ? options->config : "built in");
	listeners_each(on_listener, NULL);
	printf("\nWhat next, in another terminal:\n"
	       "  build/stanzactl --data-dir %s register romeo %.*s secret\n"
	       "  build/stanzactl --data-dir %s register juliet %.*s secret\n"
	       "  profanity\n"
	       "    then in it: /connect romeo@%.*s server 127.0.0.1 tls trust\n"
	       "                /msg juliet@%.*s hello\n"
	       "Any XMPP client works; the certificate is self-signed, so it will ask whether to trust it.\n"
	       "Ctrl-C ends the server.\n\n",
	    options->data_dir, STR_FMT(host), options->data_dir, STR_FMT(host), STR_FMT(host), STR_FMT(host));
	fflush(stdout);
}
