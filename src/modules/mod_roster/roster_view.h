/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A roster as its user sees it: the user's own items, and those that other modules add (hook roster_get). On
 * the user's home worker.
 */
#pragma once

#include "modules/mod_roster/roster_data.h"

struct roster_view {
	const struct roster *roster; /* may change with the user's own, when nobody adds anything; NULL: empty */
	struct roster *made;         /* private */
};
/* Close it in any case. */
void roster_view_open(struct user *user, struct roster_view *view_r);
void roster_view_close(struct roster_view *view);
