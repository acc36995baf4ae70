/* SPDX-License-Identifier: Apache-2.0 */
/* Requests of jabber:iq:privacy: XEP-0016 2.3 to 2.8. On the user's home worker. */
#pragma once

#include "modules/mod_privacy/lists.h"

#define NS_PRIVACY "jabber:iq:privacy"

extern const struct command privacy_commands[];

enum iq_verdict privacy_on_iq(struct iq *iq);

/* What a query wants. */
struct privacy_query {
	enum { QUERY_EDIT, QUERY_ACTIVE } what;
	struct privacy_edit edit;    /* QUERY_EDIT; the reference in it belongs to whoever reads this */
	struct privacy_list *active; /* QUERY_ACTIVE; lent; NULL: none */
};
/* Reads a <query/> that sets something. session NULL: no client sent it. < 0: it is refused with the error.
 */
int privacy_query_read(struct user *user, struct session *session, const struct xml *payload,
    struct privacy_query *query_r, struct stanza_error *error_r);
/* Does it, tells the clients, then calls saved. Takes what is in the query. */
void privacy_query_do(struct user *user, struct privacy_query *query, privacy_saved *saved, void *arg);

/* XEP-0016 2.2 rule 10: tells the sessions that this list is not what it was; all, or those that use lists.
 */
void privacy_push(struct user *user, struct str name, bool all);
