/* SPDX-License-Identifier: Apache-2.0 */
/* When the hooks of hosts and of the server run. Worker 0. */
#pragma once

struct host;

/* The configuration of hosts_apply is in force: hook host_up for those that are new. */
void host_events_in_force(void);
/* It replaced another one: hook config_reloaded. */
void host_events_reloaded(void);
void host_events_started(void);
void host_events_stopping(void);
/* One host is about to go, with its modules still in place; hook host_down, if host_up has run. */
void host_event_down(struct host *host);
/* All of them: no stream is left, and the loops still turn. */
void host_events_down(void);
