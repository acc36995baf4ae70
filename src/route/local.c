/* SPDX-License-Identifier: Apache-2.0 */
#include "route/iq_request.h"
#include "route/router.h"

/* RFC 6120 10.5.2, 10.5.3: stanzas for the server itself, or for a resource of it. */
static void local_iq(struct host *host, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	if (!stanza_is_request(stanza)) {
		iq_request_answered(from, to, stanza);
		return;
	}
	iq_dispatch(host, IQ_LOCAL, NULL, from, to, stanza);
}

static void local_presence(const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	if (stanza->type != PRESENCE_SUBSCRIBE) {
		TRACE(STAGE_DROPPED, "presence to the server itself has no meaning");
		return;
	}
	/* RFC 6121 3.2: an error would leave the request pending in the roster of who asks. */
	TRACE(STAGE_BOUNCED, "unsubscribed: the server has no presence");
	if (trace_on())
		return;
	struct jid contact = jid_to_bare(to), user = jid_to_bare(from);
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	xml_open(&writer, "presence", NULL);
	xml_put_attr(&writer, "type", str_of(stanza_type_text(PRESENCE_UNSUBSCRIBED)));
	xml_close(&writer);
	struct stanza *unsubscribed = stanza_from_writer(&writer);
	xml_writer_fini(&writer);
	route(&contact, &user, unsubscribed);
	stanza_unref(&unsubscribed);
}

static void local_message(const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	if (stanza->type == MESSAGE_HEADLINE || stanza->type == STANZA_ERROR) {
		TRACE(STAGE_DROPPED, "a %s message to the server itself is ignored",
		    stanza_type_text(stanza->type));
		return;
	}
	struct stanza_error error = {.condition = SE_service_unavailable};
	route_error(from, to, stanza, &error);
}

void local_deliver(struct host *host, const struct jid *from, const struct jid *to, struct stanza *stanza)
{
	switch (stanza->kind) {
	case STANZA_IQ:
		local_iq(host, from, to, stanza);
		break;
	case STANZA_PRESENCE:
		local_presence(from, to, stanza);
		break;
	case STANZA_MESSAGE:
		local_message(from, to, stanza);
		break;
	}
}
