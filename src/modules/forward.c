/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/forward.h"

void forward_put(struct xml_writer *writer, const struct stanza *stanza, const struct jid *from,
    const struct jid *to, struct str id)
{
	xml_open(writer, "forwarded", NS_FORWARD);
	xml_open(writer, stanza_kind_text(stanza->kind), "jabber:client");
	xml_put_attr(writer, "from", jid_full(from));
	xml_put_attr(writer, "to", jid_full(to));
	xml_put_attr(writer, "id", id);
	if (stanza_type_text(stanza->type)[0])
		xml_put_attr(writer, "type", str_of(stanza_type_text(stanza->type)));
	xml_put_attr(writer, "xml:lang", stanza->lang);
	xml_put_raw(writer, stanza->root->inner);
	xml_put_raw(writer, stanza->tail);
	xml_close(writer);
	xml_close(writer);
}

const struct xml *forward_only_child(const struct xml *elem)
{
	const struct xml *child = elem ? xml_first_element(elem) : NULL;
	return child && !xml_next_element(child) ? child : NULL;
}

const struct xml *forward_get(const struct xml *elem, const char *name)
{
	const struct xml *forwarded = elem ? xml_child(elem, "forwarded", NS_FORWARD) : NULL;
	if (!forwarded || xml_next(forwarded, "forwarded", NS_FORWARD))
		return NULL;
	const struct xml *child = xml_child(forwarded, name, "jabber:client");
	return child && !xml_next(child, name, "jabber:client") ? child : NULL;
}
