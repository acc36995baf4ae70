/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_privacy/item.h"

#include "modules/mod_privacy/query.h"
#include "modules/mod_roster/roster.h"

static const struct {
	const char *name;
	enum privacy_kind kind;
} kinds[] = {
    {"message", PRIVACY_MESSAGE},
    {"iq", PRIVACY_IQ},
    {"presence-in", PRIVACY_PRESENCE_IN},
    {"presence-out", PRIVACY_PRESENCE_OUT},
};

static const char *type_word(enum privacy_type type)
{
	static const char *const words[] = {NULL, "jid", "group", "subscription"};
	return words[type];
}

void privacy_item_put(struct xml_writer *writer, const struct privacy_item *item)
{
	xml_open(writer, "item", NULL);
	if (item->type != PRIVACY_ANY) {
		xml_put_attr(writer, "type", str_of(type_word(item->type)));
		xml_put_attr(writer, "value", privacy_item_value(item));
	}
	xml_put_attr(writer, "action", item->deny ? STR("deny") : STR("allow"));
	xml_put_attr_u64(writer, "order", item->order);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!(item->kinds & PRIVACY_ALL) && item->kinds & kinds[i].kind)
			xml_put_element(writer, kinds[i].name, NULL, STR_NULL);
	xml_close(writer);
}

/* --- reading -------------------------------------------------------------------------------------------- */

static int refuse(struct stanza_error *error, enum stanza_condition condition, const char *text)
{
	*error = (struct stanza_error){.condition = condition, .text = text};
	return -1;
}

static int read_kinds(const struct xml *elem, struct privacy_item *item, struct stanza_error *error)
{
	for (const struct xml *child = xml_first_element(elem); child; child = xml_next_element(child)) {
		size_t i = 0, count = sizeof(kinds) / sizeof(kinds[0]);
		while (i < count && !xml_is(child, kinds[i].name, NS_PRIVACY))
			i++;
		if (i == count)
			return refuse(
			    error, SE_bad_request, "an item holds a kind of stanza that there is not");
		item->kinds |= (uint8_t)kinds[i].kind;
	}
	if (!item->kinds)
		item->kinds = PRIVACY_ALL;
	return 0;
}

static int read_subscription(struct str value, struct privacy_item *item, struct stanza_error *error)
{
	item->subscription = ROSTER_NONE;
	while (
	    item->subscription <= ROSTER_BOTH && !str_is(value, roster_subscription_text(item->subscription)))
		item->subscription++;
	if (item->subscription > ROSTER_BOTH)
		return refuse(error, SE_bad_request, "a subscription is none, to, from or both");
	return 0;
}

static int read_value(struct user *user, struct str value, struct arena *arena, struct privacy_item *item,
    struct stanza_error *error)
{
	struct err ignored;
	switch (item->type) {
	case PRIVACY_JID:
		if (jid_parse(value, arena, &item->jid, &ignored) < 0)
			return refuse(error, SE_jid_malformed, "the value of an item is no address");
		break;
	case PRIVACY_GROUP:
		item->group = value;
		if (!value.len)
			return refuse(error, SE_bad_request, "a group has a name");
		if (!roster_has_group(user, value))
			return refuse(error, SE_item_not_found, "the roster has no such group");
		break;
	case PRIVACY_SUBSCRIPTION:
		return read_subscription(value, item, error);
	case PRIVACY_ANY:
		break;
	}
	return 0;
}

static int read_type(const struct xml *elem, struct privacy_item *item, struct stanza_error *error)
{
	struct str type = xml_attr(elem, "type");
	if (!type.ptr)
		return 0;
	for (item->type = PRIVACY_JID; item->type <= PRIVACY_SUBSCRIPTION; item->type++)
		if (str_is(type, type_word(item->type)))
			break;
	if (item->type > PRIVACY_SUBSCRIPTION)
		return refuse(error, SE_bad_request, "the type of an item is jid, group or subscription");
	if (!xml_attr(elem, "value").ptr)
		return refuse(error, SE_bad_request, "an item with a type has a value");
	return 0;
}

int privacy_item_read(struct user *user, const struct xml *elem, struct arena *arena,
    struct privacy_item *item_r, struct stanza_error *error_r)
{
	struct str action = xml_attr(elem, "action");
	uint64_t order;
	*item_r = (struct privacy_item){.deny = str_is(action, "deny")};
	if (!xml_is(elem, "item", NS_PRIVACY))
		return refuse(error_r, SE_bad_request, "a list holds items");
	if (!item_r->deny && !str_is(action, "allow"))
		return refuse(error_r, SE_bad_request, "the action of an item is allow or deny");
	if (!str_to_u64(xml_attr_s(elem, "order"), &order) || order > UINT32_MAX)
		return refuse(
		    error_r, SE_bad_request, "the order of an item is a number from 0 to 4294967295");
	item_r->order = (uint32_t)order;
	if (read_type(elem, item_r, error_r) < 0 ||
	    read_value(user, xml_attr_s(elem, "value"), arena, item_r, error_r) < 0)
		return -1;
	return read_kinds(elem, item_r, error_r);
}
