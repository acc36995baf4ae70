/* SPDX-License-Identifier: Apache-2.0 */
#include "main/server.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "admin/control.h"
#include "admin/server_control.h"
#include "auth/credentials.h"
#include "auth/extauth.h"
#include "base/list.h"
#include "base/log_sink.h"
#include "base/mem.h"
#include "base/version.h"
#include "conf/conf.h"
#include "loop/executor.h"
#include "loop/signals.h"
#include "loop/timer.h"
#include "loop/worker.h"
#include "main/modules.h"
#include "main/report.h"
#include "main/welcome.h"
#include "net/dns.h"
#include "net/listener.h"
#include "net/tls.h"
#include "route/account.h"
#include "route/component.h"
#include "route/host_events.h"
#include "route/hosts.h"
#include "route/iq_request.h"
#include "route/module_file.h"
#include "route/s2s.h"
#include "route/user_private.h"
#include "store/store_open.h"
#include "stream/c2s.h"
#include "stream/component.h"
#include "stream/mgmt_ledger.h"
#include "stream/peer.h"
#include "stream/s2s_probe.h"
#include "stream/s2s_stream.h"

#define STOP_PATIENCE_MS 5000 /* for clients to answer the closing tag and for storage to finish */
#define STOP_CHECK_MS 10
#define WORKERS_MOST 256 /* of workers_init */
#define RETIRE_CHECK_MS 100

static struct {
	struct server_options options;
	struct timer stopping;
	uint64_t stop_waited_ms;
	unsigned said; /* on_said */
	unsigned streams;
	bool is_stopping, restart;
} server;

static void tell_systemd(const char *state)
{
#ifdef HAVE_SYSTEMD
	sd_notify(0, state);
#else
	(void)state;
#endif
}

/* --- ending --------------------------------------------------------------------------------------------- */

static void close_streams(void *arg)
{
	(void)arg;
	const char *text = server.restart ? "the server restarts" : "the server is being shut down";
	c2s_close_all("system-shutdown", text);
	s2s_probes_end();
	peers_close(STREAM_system_shutdown, text);
}

static void count_streams(void *arg)
{
	(void)arg;
	__atomic_add_fetch(&server.streams, c2s_count() + peers_count(), __ATOMIC_RELAXED);
}

static void on_stop_check(struct timer *timer);

static void on_counted(void *arg)
{
	(void)arg;
	struct store_stats store;
	store_stats(&store);
	bool quiet = server.streams == 0 && control_load() == 0 && executor_load() == 0 &&
		     store.waiting == 0 && store.writing == 0;
	server.stop_waited_ms += STOP_CHECK_MS;
	if (quiet || server.stop_waited_ms > STOP_PATIENCE_MS) {
		host_events_down();
		workers_stop();
	} else {
		timer_start(&server.stopping, STOP_CHECK_MS, on_stop_check);
	}
}

static void on_stop_check(struct timer *timer)
{
	(void)timer;
	server.streams = 0;
	workers_each(count_streams, on_counted, NULL);
}

static void on_streams_closed(void *arg)
{
	(void)arg;
	timer_start(&server.stopping, STOP_CHECK_MS, on_stop_check);
}

static void pass(void *arg)
{
	(void)arg;
}

/* What modules had to say at the end, on one worker after the other, reaches the streams before they are closed. */
static void on_said(void *arg)
{
	(void)arg;
	if (++server.said < worker_count()) {
		workers_each(pass, on_said, NULL);
		return;
	}
	s2s_streams_stop();
	workers_each(close_streams, on_streams_closed, NULL);
}

void server_stop(bool restart)
{
	if (server.is_stopping)
		return;
	server.is_stopping = true;
	server.restart = restart;
	LOG_INFO("server.stopping", LOG_BOOL("restart", restart));
	tell_systemd("STOPPING=1");
	host_events_stopping();
	listeners_close();
	workers_each(pass, on_said, NULL);
}

/* --- configuration -------------------------------------------------------------------------------------- */

/* ejabberd's finer words; everything else log_level_parse knows. */
static struct str log_word(struct str word)
{
	if (str_is(word, "emergency") || str_is(word, "alert"))
		return STR("critical");
	return str_is(word, "notice") ? STR("warning") : word;
}

static int log_configure(const struct conf *conf, struct err *err)
{
	enum log_level level;
	struct str path = conf_str(conf, STR_NULL, "log_file");
	char *file = path.len ? str_dup(path) : NULL;
	int rc = log_set_file(file, err);
	free(file);
	if (rc < 0)
		return -1;
	if (log_level_parse(log_word(conf_str(conf, STR_NULL, "loglevel")), &level) == 0)
		log_set_level(level);
	bool json = str_is(conf_str(conf, STR_NULL, "log_format"), "json");
	log_set_format(json ? LOG_FORMAT_JSON : LOG_FORMAT_LOGFMT);
	return 0;
}

/*
 * A snapshot that is no longer in force is freed when nobody can still read it: each worker has passed its
 * loop since, and at some moment after that no job was running and no storage operation was under way.
 */
struct retired {
	struct timer timer;
	struct list link;
	struct conf *conf;
};

static struct list retired_list = {&retired_list, &retired_list};

static void retired_free(struct retired *retired)
{
	list_remove(&retired->link);
	conf_unref(&retired->conf);
	free(retired);
}

static void on_retire_check(struct timer *timer)
{
	struct retired *retired = list_entry(timer, struct retired, timer);
	struct store_stats store;
	store_stats(&store);
	if (executor_load() || control_load() || store.waiting || store.writing) {
		timer_start(timer, RETIRE_CHECK_MS, on_retire_check);
		return;
	}
	retired_free(retired);
}

static void on_passed(void *arg)
{
	struct retired *retired = arg;
	timer_start(&retired->timer, RETIRE_CHECK_MS, on_retire_check);
}

static void nothing(void *arg)
{
	(void)arg;
}

static void retire(struct conf *conf)
{
	if (!conf)
		return;
	struct retired *retired = mem_zalloc(sizeof(*retired));
	retired->conf = conf;
	list_add_before(&retired_list, &retired->link);
	workers_each(nothing, on_passed, retired);
}

/* The same for a snapshot that differs from the one in force in modules only. */
static int apply_modules(struct conf *conf, struct err *err)
{
	if (hosts_apply(conf, err) < 0)
		return -1;
	retire(conf_install(conf_ref(conf)));
	return 0;
}

/* Puts conf in force; on failure everything is as it was under 'old' (NULL at the start). */
static int apply(struct conf *conf, struct conf *old, struct err *err)
{
	struct err ignored;
	if (old && conf_of_file(conf) == conf_of_file(old))
		return apply_modules(conf, err);
	if (tls_apply(conf, server.options.data_dir, err) < 0)
		return -1;
	components_drop(conf);
	if (dns_apply(conf, err) < 0 || hosts_apply(conf, err) < 0)
		goto undo;
	struct conf *previous = conf_install(conf_ref(conf));
	if (listeners_apply(conf, true, err) == 0) {
		components_expect(conf);
		extauth_apply(conf);
		retire(previous);
		host_events_in_force();
		return 0;
	}
	if (previous) {
		struct conf *failed = conf_install(previous);
		hosts_apply(previous, &ignored);
		retire(failed);
	}
undo:
	if (old) {
		components_expect(old);
		tls_apply(old, server.options.data_dir, &ignored);
		dns_apply(old, &ignored);
	}
	return -1;
}

static void close_gone(void *arg)
{
	(void)arg;
	c2s_close_gone_hosts();
	s2s_streams_close_gone();
	components_close_gone();
}

static void tell_restart(const struct conf *old, const struct conf *conf, struct strbuf *out)
{
	size_t position = 0;
	const char *name;
	while ((name = conf_next_restart_change(old, conf, &position))) {
		strbuf_printf(out, "option '%s' has changed: that counts after a restart\n", name);
		LOG_WARNING("config.needs_restart", LOG_CSTR("option", name));
	}
}

/* The log goes first: what cannot be opened must be known before anything has changed. */
static int reload_to(struct conf *conf, struct strbuf *out, struct err *err)
{
	struct conf *old = conf_ref(conf_current());
	struct err ignored;
	int rc = log_configure(conf, err);
	if (rc == 0 && (rc = apply(conf, old, err)) < 0)
		log_configure(old, &ignored);
	if (rc == 0) {
		host_events_reloaded();
		tell_restart(old, conf, out);
		if (hosts_refusal()[0])
			strbuf_printf(out, "%s\n", hosts_refusal());
	}
	conf_unref(&old);
	return rc;
}

int server_reload(struct strbuf *out)
{
	struct conf *conf = NULL;
	struct conf_report report = {0};
	struct err err = {0};
	tell_systemd("RELOADING=1");
	int rc = conf_load(server.options.config, &conf, &report);
	report_write(&report, out);
	report_log(&report);
	if (rc == 0)
		rc = reload_to(conf, out, &err);
	if (err.text[0])
		strbuf_printf(out, "%s\n", err.text);
	if (rc == 0) {
		workers_each(close_gone, nothing, NULL);
		LOG_INFO("server.reloaded");
	} else {
		LOG_ERROR("server.reload_refused",
		    LOG_CSTR("reason", err.text[0] ? err.text : "see the problems above"));
	}
	conf_report_fini(&report);
	conf_unref(&conf);
	module_files_sweep();
	tell_systemd("READY=1");
	return rc;
}

int server_put_in_force(struct conf *conf, struct err *err)
{
	struct conf *old = conf_ref(conf_current());
	int rc = apply(conf, old, err);
	conf_unref(&old);
	module_files_sweep();
	return rc;
}

const char *server_config(void)
{
	return server.options.config;
}

/* --- signals -------------------------------------------------------------------------------------------- */

static void on_stop_signal(int signum)
{
	(void)signum;
	server_stop(false);
}

static void on_reload_signal(int signum)
{
	(void)signum;
	struct strbuf report = {0};
	server_reload(&report);
	strbuf_fini(&report);
}

static void on_reopen_signal(int signum)
{
	(void)signum;
	struct err err = {0};
	if (log_reopen(&err) < 0)
		LOG_ERROR("log.reopen_failed", LOG_CSTR("reason", err.text));
}

static void watch_signals(void)
{
	signal(SIGPIPE, SIG_IGN);
	signals_watch(SIGTERM, on_stop_signal);
	signals_watch(SIGINT, on_stop_signal);
	signals_watch(SIGHUP, on_reload_signal);
	signals_watch(SIGUSR1, on_reopen_signal);
}

/* --- starting ------------------------------------------------------------------------------------------- */

static unsigned cores(void)
{
	long count = sysconf(_SC_NPROCESSORS_ONLN);
	return count < 1 ? 1 : count > WORKERS_MOST ? WORKERS_MOST : (unsigned)count;
}

static unsigned worker_number(const struct conf *conf)
{
	int64_t wanted = conf_int(conf, STR_NULL, "workers");
	return wanted > 0 ? (unsigned)wanted : cores();
}

static void stop(void)
{
	server_stop(false);
}

static void restart(void)
{
	server_stop(true);
}

static bool is_stopping(void)
{
	return server.is_stopping;
}

static int start(struct conf *conf, struct err *err)
{
	static const struct server_control control = {
	    .version = STANZAD_VERSION,
	    .stop = stop,
	    .restart = restart,
	    .reload = server_reload,
	    .reopen_log = log_reopen,
	    .change_module = modules_change,
	    .is_stopping = is_stopping,
	};
	if (workers_init(worker_number(conf), err) < 0 || executor_init(cores() + 2, err) < 0)
		return -1;
	if (store_open(conf, server.options.data_dir, err) < 0 ||
	    auth_secret_load(server.options.data_dir, err) < 0)
		return -1;
	if (mgmt_ledger_open(server.options.data_dir, err) < 0)
		return -1;
	watch_signals();
	listeners_set_directory(server.options.data_dir);
	if (apply(conf, NULL, err) < 0)
		return -1;
	server_control_set(&control);
	if (admin_commands_register(err) < 0 || control_open(server.options.data_dir, err) < 0)
		return -1;
	host_events_started();
	return 0;
}

static void finish(void)
{
	control_close();
	admin_commands_unregister();
	listeners_close();
	extauth_fini();
	if (!control_fini()) {
		/* A command waits for a worker that will never answer: what it could touch must stay. Storage
		 * must not. */
		executor_fini();
		store_close();
		_exit(1);
	}
	executor_fini();
	store_close();
	workers_visit(iq_requests_fini, NULL);
	workers_visit(s2s_fini, NULL);
	workers_visit(s2s_streams_fini, NULL);
	workers_visit(accounts_fini, NULL);
	workers_visit(users_fini, NULL);
	dns_fini();
	workers_fini();
	hosts_fini();
	components_fini();
	tls_fini();
	conn_pools_fini();
	c2s_fini();
	mgmt_ledger_close();
	while (!list_empty(&retired_list))
		retired_free(list_entry(retired_list.next, struct retired, link));
	struct conf *conf = conf_install(NULL);
	conf_unref(&conf);
}

static int load(struct conf **conf_r)
{
	struct conf_report report = {0};
	struct strbuf out = {0};
	int rc = conf_load(server.options.config, conf_r, &report);
	report_write(&report, &out);
	if (out.len)
		fwrite(out.ptr, 1, out.len, stderr);
	if (rc < 0)
		fprintf(stderr, "stanzad: not started: %zu error%s in the configuration\n", report.errors,
		    report.errors == 1 ? "" : "s");
	strbuf_fini(&out);
	conf_report_fini(&report);
	return rc;
}

int server_run(const struct server_options *options)
{
	struct conf *conf = NULL;
	struct err err = {0};
	server.options = *options;
	if (load(&conf) < 0)
		return 1;
	int rc = log_configure(conf, &err);
	if (rc == 0)
		rc = start(conf, &err);
	conf_unref(&conf);
	if (rc < 0) {
		fprintf(stderr, "stanzad: not started: %s\n", err.text);
		LOG_CRITICAL("server.not_started", LOG_CSTR("reason", err.text));
		return 1;
	}
	module_files_sweep();
	LOG_INFO("server.started", LOG_INT("pid", getpid()), LOG_INT("workers", worker_count()),
	    LOG_CSTR("data_dir", options->data_dir));
	tell_systemd("READY=1");
	if (options->welcome)
		welcome_print(options);
	workers_run();
	bool restart = server.restart;
	LOG_INFO("server.stopped");
	finish();
	return restart ? SERVER_RESTART : 0;
}
