/* SPDX-License-Identifier: Apache-2.0 */
/* What the service itself answers: parts of service.c that have files of their own. On the home of its domain. */
#pragma once

#include "modules/mod_muc/muc.h"

/*
 * service_items.c: XEP-0045 6.3, the rooms of the service, in pages. Hidden ones are there for administrators of the
 * service, and for those who are in them or belong to them while they are in memory. The node "nonemptyrooms" holds
 * rooms with occupants, "emptyrooms" the others. When there are more than max_rooms_discoitems and no page was asked
 * for, rooms with occupants alone are told.
 */
enum iq_verdict service_items_on_iq(struct iq *iq);
/* service_say.c: what an administrator says to the service is said in all rooms of its domain that are in memory. */
void service_say(
    struct module_instance *instance, const struct jid *from, const struct jid *to, struct stanza *message);
