/* SPDX-License-Identifier: Apache-2.0 */
#include "route/router.h"

void s2s_deliver(const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	struct stanza_error error = {
	    .condition = SE_remote_server_not_found,
	    .text = "this server does not talk to other servers",
	};
	route_error(from, to, stanza, &error);
}
