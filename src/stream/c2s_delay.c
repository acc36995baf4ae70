/* SPDX-License-Identifier: Apache-2.0 */
#include "route/host_private.h"
#include "stream/c2s_private.h"

/* A <delay/> that says it was put there by a host of ours. */
static bool is_forged(const struct xml *child, void *unused)
{
	if (child->name_token != XN_delay || child->ns_token != XNS_DELAY)
		return false;
	return host_find(xml_attr(child, "from")) != NULL;
}

struct stanza *c2s_without_forged_delay(struct stanza *stanza)
{
	for (const struct xml *child = xml_first_element(stanza->root); child;
	     child = xml_next_element(child))
		if (is_forged(child, NULL))
			return stanza_without(stanza, is_forged, NULL);
	return stanza_ref(stanza);
}
