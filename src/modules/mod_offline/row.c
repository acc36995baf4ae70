/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "modules/mod_offline/offline.h"
#include "stanzad/clock.h"
#include "stanzad/datetime.h"

/* What was let in once is let out, whatever the limits are today. */
static const struct xml_limits row_limits = {
    .max_bytes = 64u * 1024 * 1024,
    .max_depth = 255,
    .max_attrs = 4096,
    .max_elements = 1024 * 1024,
};

void offline_node(char *out, int64_t seq)
{
	snprintf(out, OFFLINE_NODE_MAX, "%019lld", (long long)seq);
}

bool offline_node_parse(struct str node, int64_t *seq_r)
{
	uint64_t seq;
	char text[OFFLINE_NODE_MAX];
	if (!str_to_u64(node, &seq) || seq > INT64_MAX)
		return false;
	offline_node(text, (int64_t)seq);
	if (!str_is(node, text))
		return false;
	*seq_r = (int64_t)seq;
	return true;
}

/* "2026-11-22 10:09:08", with or without a fraction. */
static int64_t created_us(struct str created)
{
	char text[DATETIME_MAX + 2];
	int64_t us;
	if (created.len < 19 || created.len >= DATETIME_MAX)
		return clock_real_us();
	snprintf(text, sizeof(text), "%.*sZ", STR_FMT(created));
	text[10] = 'T';
	return datetime_parse(str_of(text), &us) < 0 ? clock_real_us() : us;
}

static const struct xml *delay_of(const struct stanza *stanza, struct str host)
{
	const struct xml *delay = xml_child_token(stanza->root, XN_delay, XNS_DELAY);
	for (; delay; delay = xml_next(delay, "delay", "urn:xmpp:delay"))
		if (!xml_attr(delay, "from").ptr || str_eq(xml_attr(delay, "from"), host))
			return delay;
	return NULL;
}

/* When it was kept; adds the stamp to a message that another program kept without one. */
static int64_t stamp(struct offline_message *message, const struct offline_row *row)
{
	struct str host = jid_domain(&message->to);
	const struct xml *delay = delay_of(message->stanza, host);
	int64_t us = 0;
	if (delay && datetime_parse(xml_attr(delay, "stamp"), &us) == 0)
		return us;
	us = created_us(row->created);
	struct strbuf tail = {0};
	datetime_delay(&tail, host, us, STR_NULL);
	struct stanza *plain = message->stanza;
	message->stanza = stanza_with_tail(plain, strbuf_view(&tail));
	stanza_unref(&plain);
	strbuf_fini(&tail);
	return us;
}

static bool is_expired(const struct stanza *stanza, int64_t kept_us)
{
	const struct xml *expire = xml_child(stanza->root, "x", "jabber:x:expire");
	uint64_t seconds;
	if (!expire || !str_to_u64(xml_attr(expire, "seconds"), &seconds) || seconds > INT32_MAX)
		return false;
	return kept_us + (int64_t)seconds * 1000000 < clock_real_us();
}

int offline_message_read(const struct offline_row *row, struct offline_message *message_r, struct err *err)
{
	*message_r = (struct offline_message){0};
	struct stanza *stanza = message_r->stanza = stanza_parse(row->xml, &row_limits, err);
	if (!stanza)
		return -1;
	if (stanza->kind != STANZA_MESSAGE)
		return err_set(err, "it is no message");
	if (jid_parse(xml_attr(stanza->root, "from"), &message_r->arena, &message_r->from, err) < 0 ||
	    jid_parse(xml_attr(stanza->root, "to"), &message_r->arena, &message_r->to, err) < 0)
		return -1;
	message_r->expired = is_expired(stanza, stamp(message_r, row));
	return 0;
}

void offline_message_fini(struct offline_message *message)
{
	stanza_unref(&message->stanza);
	arena_fini(&message->arena);
}
