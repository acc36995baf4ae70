/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "route/host_private.h"
#include "stream/c2s_private.h"

/* A <delay/> that says it was put there by a host of ours. */
static bool is_forged(const struct xml *child)
{
	if (child->kind != XML_ELEMENT || child->name_token != XN_delay || child->ns_token != XNS_DELAY)
		return false;
	return host_find(xml_attr(child, "from")) != NULL;
}

static bool has_forged(const struct stanza *stanza)
{
	for (const struct xml *child = stanza->root->children; child; child = child->next)
		if (is_forged(child))
			return true;
	return false;
}

struct stanza *c2s_without_forged_delay(struct stanza *stanza)
{
	if (!has_forged(stanza))
		return stanza_ref(stanza);
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	xml_open(&writer, stanza_kind_text(stanza->kind), NULL);
	for (unsigned i = 0; i < stanza->root->attr_count; i++) {
		const struct xml_attr *attr = &stanza->root->attrs[i];
		if (!attr->ns.len && attr->name_token != XN_from && attr->name_token != XN_to) {
			char *name = str_dup(attr->name);
			xml_put_attr(&writer, name, attr->value);
			free(name);
		}
	}
	xml_put_attr(&writer, "xml:lang", stanza->lang);
	for (const struct xml *child = stanza->root->children; child; child = child->next) {
		if (child->kind == XML_TEXT)
			xml_put_text(&writer, child->name);
		else if (!is_forged(child))
			xml_put(&writer, child);
	}
	xml_close(&writer);
	struct stanza *clean = stanza_from_writer(&writer);
	xml_writer_fini(&writer);
	return clean;
}
