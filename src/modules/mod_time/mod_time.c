/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <time.h>

#include "stanzad/clock.h"
#include "stanzad/datetime.h"
#include "stanzad/module.h"

/* XEP-0202. */
static enum iq_verdict on_time(struct iq *iq)
{
	if (iq->type == IQ_SET)
		return iq_refuse(iq, SE_not_allowed, NULL);
	int64_t now = clock_real_us();
	time_t seconds = now / 1000000;
	struct tm local;
	localtime_r(&seconds, &local);
	long minutes = labs(local.tm_gmtoff) / 60;
	struct strbuf zone = {0};
	strbuf_printf(&zone, "%c%02ld:%02ld", local.tm_gmtoff < 0 ? '-' : '+', minutes / 60, minutes % 60);
	char utc[DATETIME_MAX];
	datetime_format(utc, now, 0);
	xml_open(iq->reply, "time", "urn:xmpp:time");
	xml_put_element(iq->reply, "tzo", NULL, strbuf_view(&zone));
	xml_put_element(iq->reply, "utc", NULL, str_of(utc));
	xml_close(iq->reply);
	strbuf_fini(&zone);
	return IQ_ANSWER;
}

static const struct module_iq iqs[] = {
    {.ns = "urn:xmpp:time", .component = IQ_LOCAL, .handler = on_time, .announce = true},
    {0},
};

const struct module mod_time = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_time",
    .doc = "Tells the server's time (XEP-0202).",
    .iqs = iqs,
};
