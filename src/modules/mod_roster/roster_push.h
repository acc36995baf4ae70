/* SPDX-License-Identifier: Apache-2.0 */
/* How items look to clients (RFC 6121 2.1), and roster pushes (2.1.6). On the user's home worker. */
#pragma once

#include "modules/mod_roster/roster_data.h"

/* <item/>, inside <query xmlns='jabber:iq:roster'/>. */
void roster_put_item(struct xml_writer *writer, const struct roster_item *item);
/* To every session that asked for the roster; with the present version when the host has versioning. */
void roster_push(struct user *user, const struct roster_item *item);
