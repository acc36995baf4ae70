/* SPDX-License-Identifier: Apache-2.0 */
/*
 * muc#admin (XEP-0045 8, 9, 10.3 - 10.8): admin.c checks what is asked and does it, admin_item.c reads the
 * items, admin_list.c answers who has a role or an affiliation.
 */
#pragma once

#include "modules/mod_muc/room.h"

#define ADMIN_ITEMS_MAX 1000 /* of one request */

/* One item of a request. */
struct admin_item {
	bool is_role;
	enum room_affiliation affiliation;
	enum room_role role;
	struct jid jid;  /* affiliation: bare, or a domain */
	struct str nick; /* role: of somebody who is in the room. Affiliation: the one to reserve; ptr NULL:
			    says nothing */
	struct str reason;
};

/* What it lives in is arena and the element. False with error_r: what is wrong with it. */
bool admin_item_read(const struct room *room, const struct xml *element, struct arena *arena,
    struct admin_item *item_r, struct stanza_error *error_r);

/* A get: of one list. */
enum iq_verdict admin_list(struct room *room, struct iq *iq);
