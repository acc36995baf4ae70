/* SPDX-License-Identifier: Apache-2.0 */
/* Private XML storage (XEP-0049), the parts of the module. */
#pragma once

#include "stanzad/module.h"

#define NS_PRIVATE "jabber:iq:private"
#define PRIVATE_ELEMENTS_MAX 1000           /* of one user */
#define PRIVATE_BYTES_MAX (2 * 1024 * 1024) /* of one user, all elements together */

extern const struct command private_commands[];

/* May not be stored: no namespace, or one that is the protocol's own. */
bool private_is_reserved(struct str ns);

/* Inside an operation. Puts the element of that namespace into the writer, or elem as it is when there is
 * none. */
int private_read(struct db *db, const struct jid *user, const struct xml *elem, struct xml_writer *writer,
    struct err *err);

int private_write(struct db *db, const struct jid *user, const struct xml *elem, struct err *err);
int private_has_room(struct db *db, const struct jid *user, bool *room_r, struct err *err);
int private_delete(struct db *db, struct str host, struct str user, struct err *err);
