/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/hats.h"
#include "modules/mod_muc/room.h"
#include "xmpp/stanza_limits.h"

#define NS_SID "urn:xmpp:sid:0"

void room_put_occupant_id(struct strbuf *out, const struct occupant *occupant)
{
	strbuf_str(out, STR("<occupant-id xmlns='" NS_OCCUPANT_ID "' id='"));
	strbuf_cstr(out, occupant->id);
	strbuf_str(out, STR("'/>"));
}

/* XEP-0045 7.2.2, XEP-0421 4, XEP-0317 3.1, XEP-0359 5: only the room says such things. */
static bool is_claim(const struct xml *child, void *arg)
{
	const struct room *room = arg;
	if (str_starts(child->ns, NS_MUC))
		return str_is(child->ns, NS_MUC) || str_is(child->ns, NS_MUC_USER);
	if (str_is(child->ns, NS_OCCUPANT_ID) || str_is(child->ns, NS_HATS))
		return true;
	if (!str_is(child->ns, NS_SID) || !str_is(child->name, "stanza-id"))
		return false;
	struct arena arena = {0};
	struct jid by;
	bool own = jid_parse(xml_attr_s(child, "by"), &arena, &by, NULL) == 0 && jid_bare_eq(&by, &room->jid);
	arena_fini(&arena);
	return own;
}

struct stanza *room_without_claims(const struct room *room, struct stanza *stanza)
{
	for (const struct xml *child = xml_first_element(stanza->root); child; child = xml_next_element(child))
		if (is_claim(child, (void *)room))
			return stanza_without(stanza, is_claim, (void *)room);
	return stanza_ref(stanza);
}

struct stanza *room_with_elements(struct stanza *base, struct str elements)
{
	struct stanza *longer = stanza_with_tail(base, elements);
	struct strbuf bytes = {0};
	stanza_write(&bytes, longer, NULL, NULL);
	struct stanza *read = stanza_parse(strbuf_view(&bytes), &stanza_own_limits, NULL);
	strbuf_fini(&bytes);
	if (!read)
		return longer;
	stanza_unref(&longer);
	return read;
}
