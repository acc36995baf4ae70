/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions that survive a restart of the server (XEP-0198 5): for the module mod_stream_mgmt, which has the tables. */
#pragma once

struct host;

/* The host is served from now on: reads what the last process left behind. On worker 0. */
void mgmt_restore_start(struct host *host);
