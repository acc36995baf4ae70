/* SPDX-License-Identifier: Apache-2.0 */
/* The blocking command (XEP-0191) and its reports (XEP-0377), the parts of the module. */
#pragma once

#include "stanzad/module.h"

#define NS_BLOCKING "urn:xmpp:blocking"
#define NS_REPORTING "urn:xmpp:reporting:1"

extern const struct command blocking_commands[];

/* --- reports: XEP-0377 ---------------------------------------------------------------------------------- */

struct report {
	struct jid jid; /* who is reported */
	struct str reason, text;
	struct str stanza_ids; /* <stanza-id/> elements, as XML */
	bool report_origin, third_party;
};

extern const struct db_schema report_schema;

/* The report of an <item/> that blocks jid: false when there is none, or it has no reason. Lives in the arena
 * or borrows from item. */
bool report_read(const struct xml *item, const struct jid *jid, struct arena *arena, struct report *report_r);
/* Stores them when the user has room for so many; what does not fit is left out and logged. Takes nothing
 * over. On the user's home worker. */
void reports_store(const struct jid *reporter, const struct report *reports, size_t count, int64_t most);
int reports_delete_of(struct db *db, struct str host, struct str user, struct err *err);
