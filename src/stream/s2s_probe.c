/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/s2s_probe.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "conf/conf.h"
#include "loop/worker.h"
#include "stream/s2s_out.h"

#define PROBE_MS 60000

struct probe {
	struct list link; /* all of the worker */
	struct s2s_attempt *attempt;
	struct strbuf lines;
	uint64_t began_ms;
	struct timer timer;
	void (*done)(void *arg, bool works, struct str lines);
	void *arg;
};

static struct list probes[256]; /* one a worker */

static struct list *probes_here(void)
{
	struct list *list = &probes[worker_index(worker_self())];
	if (!list->next)
		list_init(list);
	return list;
}

static void line(struct probe *probe, const char *format, ...)
{
	uint64_t ms = clock_mono_ms() - probe->began_ms;
	va_list args;
	strbuf_printf(&probe->lines, "%3u.%03u  ", (unsigned)(ms / 1000), (unsigned)(ms % 1000));
	va_start(args, format);
	strbuf_vprintf(&probe->lines, format, args);
	va_end(args);
	strbuf_char(&probe->lines, '\n');
}

static void end(struct probe *probe, bool works)
{
	s2s_attempt_cancel(&probe->attempt);
	timer_stop(&probe->timer);
	list_remove(&probe->link);
	probe->done(probe->arg, works, strbuf_view(&probe->lines));
	strbuf_fini(&probe->lines);
	free(probe);
}

static void on_late(struct timer *timer)
{
	struct probe *probe = list_entry(timer, struct probe, timer);
	if (probe->attempt)
		line(probe, "it takes too long: given up");
	end(probe, false);
}

static void on_ready(void *owner, struct s2s_out *out)
{
	struct probe *probe = owner;
	bool tls = conn_is_tls(out->peer.conn);
	probe->attempt = NULL;
	line(probe, "%s, authenticated by %s%s%s", tls ? "encrypted" : "NOT encrypted",
	    s2s_authentication_text(out->authentication), out->bidi ? ", both directions" : "",
	    out->features.sm ? ", stream management" : "");
	line(probe, "works: stanzas from %.*s to %.*s can be sent", STR_FMT(out->local),
	    STR_FMT(out->remote));
	peer_close(&out->peer);
	end(probe, true);
}

static void on_failed(void *owner, const struct s2s_failure *failure)
{
	struct probe *probe = owner;
	probe->attempt = NULL;
	line(probe, "does not work: %s", failure->text);
	line(probe, "senders get <%s/>", stanza_condition_text(failure->condition));
	end(probe, false);
}

static void on_step(void *owner, const char *text)
{
	line(owner, "%s", text);
}

static const struct s2s_attempt_ops probe_ops = {.ready = on_ready, .failed = on_failed, .step = on_step};

void s2s_probe(struct str local, struct str remote,
    void (*done)(void *arg, bool works, struct str lines), void *arg)
{
	struct probe *probe = mem_zalloc(sizeof(*probe));
	probe->began_ms = clock_mono_ms();
	probe->done = done;
	probe->arg = arg;
	list_add_before(probes_here(), &probe->link);
	line(probe, "from %.*s to %.*s, s2s_use_starttls: %.*s, dialback: %s", STR_FMT(local),
	    STR_FMT(remote), STR_FMT(conf_str(conf_current(), local, "s2s_use_starttls")),
	    s2s_dialback_allowed(conf_current(), local, remote) ? "yes" : "no");
	if (s2s_allowed(local, remote)) {
		probe->attempt = s2s_attempt_start(local, remote, &probe_ops, probe);
		timer_start(&probe->timer, PROBE_MS, on_late);
	} else {
		line(probe, "does not work: s2s_access does not allow it");
		timer_start(&probe->timer, 0, on_late);
	}
}

void s2s_probes_end(void)
{
	while (!list_empty(probes_here())) {
		struct probe *probe = list_entry(probes_here()->next, struct probe, link);
		line(probe, "the server is being shut down");
		end(probe, false);
	}
}
