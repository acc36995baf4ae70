/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_multicast/addresses.h"

#include <stdlib.h>

#include "base/map.h"
#include "stanzad/mem.h"

enum kind { KIND_OTHER, KIND_VISIBLE, KIND_BLIND, KIND_REPLY, KIND_NOREPLY, KIND_UNKNOWN };

static enum kind kind_of(const struct xml *address)
{
	struct str type = xml_attr_s(address, "type");
	if (str_is(type, "to") || str_is(type, "cc"))
		return KIND_VISIBLE;
	if (str_is(type, "bcc"))
		return KIND_BLIND;
	if (str_is(type, "replyto") || str_is(type, "replyroom"))
		return KIND_REPLY;
	if (str_is(type, "noreply"))
		return KIND_NOREPLY;
	return str_is(type, "ofrom") ? KIND_OTHER : KIND_UNKNOWN;
}

static bool is_destination(const struct xml *address)
{
	enum kind kind = kind_of(address);
	return kind == KIND_VISIBLE || kind == KIND_BLIND;
}

static bool is_delivered(const struct xml *address)
{
	return str_is(xml_attr_s(address, "delivered"), "true");
}

static const struct xml *first_address(const struct xml *header)
{
	return xml_child(header, "address", NS_ADDRESS);
}

static const struct xml *next_address(const struct xml *address)
{
	return xml_next(address, "address", NS_ADDRESS);
}

/* --- reading -------------------------------------------------------------------------------------------- */

static int refuse(enum stanza_condition *condition_r, const char **text_r, enum stanza_condition condition,
    const char *text)
{
	*condition_r = condition;
	*text_r = text;
	return -1;
}

static size_t count_destinations(const struct xml *header)
{
	size_t count = 0;
	for (const struct xml *address = first_address(header); address; address = next_address(address))
		count += is_destination(address) && !is_delivered(address);
	return count;
}

/* 4: what an address must and must not have. */
static int check(const struct xml *address, enum stanza_condition *condition_r, const char **text_r)
{
	bool jid = xml_attr(address, "jid").ptr, uri = xml_attr(address, "uri").ptr;
	enum kind kind = kind_of(address);
	if (kind == KIND_UNKNOWN)
		return refuse(condition_r, text_r, SE_bad_request, "an address has no known type");
	if (uri && (jid || xml_attr(address, "node").ptr))
		return refuse(
		    condition_r, text_r, SE_bad_request, "an address has a uri beside a jid or node");
	if (uri && is_destination(address))
		return refuse(condition_r, text_r, SE_jid_malformed, "nothing is sent to a uri here");
	if (!jid && !uri && kind != KIND_NOREPLY)
		return refuse(condition_r, text_r, SE_bad_request, "an address has no jid");
	return 0;
}

static int add(struct addresses *addresses, const struct xml *address, struct map *seen,
    enum stanza_condition *condition_r, const char **text_r)
{
	struct jid jid;
	if (jid_parse(xml_attr(address, "jid"), &addresses->arena, &jid, NULL) < 0)
		return refuse(condition_r, text_r, SE_jid_malformed, "an address is no JID");
	if (is_delivered(address)) {
		addresses->delivered++;
		return 0;
	}
	struct destination *one = &addresses->list[addresses->count];
	if (map_get(seen, jid_full(&jid)))
		return 0;
	*one = (struct destination){jid, address, kind_of(address) == KIND_BLIND};
	map_put(seen, jid_full(&one->jid), one);
	addresses->count++;
	return 0;
}

static int add_all(
    struct addresses *addresses, struct map *seen, enum stanza_condition *condition_r, const char **text_r)
{
	for (const struct xml *address = first_address(addresses->header); address;
	     address = next_address(address)) {
		if (check(address, condition_r, text_r) < 0)
			return -1;
		if (is_destination(address) && add(addresses, address, seen, condition_r, text_r) < 0)
			return -1;
	}
	if (addresses->count + addresses->delivered == 0)
		return refuse(condition_r, text_r, SE_bad_request, "there is nobody to send it to");
	return 0;
}

int addresses_read(const struct stanza *stanza, uint64_t max, struct addresses *addresses_r,
    enum stanza_condition *condition_r, const char **text_r)
{
	struct addresses addresses = {.header = xml_child(stanza->root, "addresses", NS_ADDRESS)};
	struct map seen = {0};
	if (!addresses.header)
		return refuse(condition_r, text_r, SE_bad_request, "there is no address header");
	size_t count = count_destinations(addresses.header);
	if (count > max)
		return refuse(condition_r, text_r, SE_not_acceptable, "there are too many addresses");
	addresses.list = mem_realloc_array(NULL, count + 1, sizeof(*addresses.list));
	int rc = add_all(&addresses, &seen, condition_r, text_r);
	map_fini(&seen);
	if (rc < 0)
		addresses_fini(&addresses);
	else
		*addresses_r = addresses;
	return rc;
}

void addresses_fini(struct addresses *addresses)
{
	free(addresses->list);
	arena_fini(&addresses->arena);
	*addresses = (struct addresses){0};
}

/* --- writing -------------------------------------------------------------------------------------------- */

static void write_address(struct xml_writer *writer, const struct xml *address)
{
	bool visible = kind_of(address) == KIND_VISIBLE;
	xml_open(writer, "address", NULL);
	for (unsigned i = 0; i < address->attr_count; i++) {
		const struct xml_attr *attr = &address->attrs[i];
		char name[16];
		if (attr->ns.len || attr->name.len >= sizeof(name) || str_is(attr->name, "delivered"))
			continue;
		memcpy(name, attr->name.ptr, attr->name.len);
		name[attr->name.len] = '\0';
		xml_put_attr(writer, name, attr->value);
	}
	if (visible || is_delivered(address))
		xml_put_attr(writer, "delivered", STR("true"));
	for (const struct xml *child = address->children; child; child = child->next)
		xml_put(writer, child);
	xml_close(writer);
}

void addresses_write(struct strbuf *out, const struct addresses *addresses, const struct xml *blind)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	bool any = false;
	xml_open(&writer, "addresses", NS_ADDRESS);
	for (const struct xml *address = first_address(addresses->header); address;
	     address = next_address(address))
		if (kind_of(address) != KIND_BLIND || address == blind) {
			write_address(&writer, address);
			any = true;
		}
	xml_close(&writer);
	if (any)
		strbuf_str(out, strbuf_view(&writer.buf));
	xml_writer_fini(&writer);
}
