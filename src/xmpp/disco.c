/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/disco.h"

static void put_unless_empty(struct xml_writer *reply, const char *name, struct str value)
{
	if (value.len)
		xml_put_attr(reply, name, value);
}

void disco_put_identity(struct xml_writer *reply, const char *category, const char *type, struct str name)
{
	xml_open(reply, "identity", NULL);
	xml_put_attr(reply, "category", str_of(category));
	xml_put_attr(reply, "type", str_of(type));
	put_unless_empty(reply, "name", name);
	xml_close(reply);
}

void disco_put_feature(struct xml_writer *reply, const char *feature)
{
	xml_open(reply, "feature", NULL);
	xml_put_attr(reply, "var", str_of(feature));
	xml_close(reply);
}

void disco_put_item(struct xml_writer *reply, struct str jid, struct str node, struct str name)
{
	xml_open(reply, "item", NULL);
	xml_put_attr(reply, "jid", jid);
	put_unless_empty(reply, "node", node);
	put_unless_empty(reply, "name", name);
	xml_close(reply);
}
