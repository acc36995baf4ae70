/* SPDX-License-Identifier: Apache-2.0 */
#include "route/host_events.h"

#include "route/host_private.h"
#include "route/hosts.h"

static void up(void *arg, struct host *host)
{
	(void)arg;
	if (host->up)
		return;
	host->up = true;
	hook_run_host_up(host, &(struct hook_host){host});
}

void host_events_in_force(void)
{
	hosts_each(up, NULL);
}

static void reloaded(void *arg, struct host *host)
{
	(void)arg;
	hook_run_config_reloaded(host, &(struct hook_host){host});
}

void host_events_reloaded(void)
{
	hosts_each(reloaded, NULL);
}

static void started(void *arg, struct host *host)
{
	(void)arg;
	hook_run_server_started(host, &(struct hook_host){host});
}

void host_events_started(void)
{
	hosts_each(started, NULL);
}

static void stopping(void *arg, struct host *host)
{
	(void)arg;
	hook_run_server_stopping(host, &(struct hook_host){host});
}

void host_events_stopping(void)
{
	hosts_each(stopping, NULL);
}

void host_event_down(struct host *host)
{
	if (!host->up)
		return;
	host->up = false;
	hook_run_host_down(host, &(struct hook_host){host});
}

static void down(void *arg, struct host *host)
{
	(void)arg;
	host_event_down(host);
}

void host_events_down(void)
{
	hosts_each(down, NULL);
}
