/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/xml.h"

static const struct xml *step_down(const struct xml *elem, const struct xml_step *step)
{
	return step->ns ? xml_child(elem, step->name, step->ns) : xml_subtag(elem, step->name);
}

static struct str step_attr(const struct xml *elem, const struct xml_step *step)
{
	return step->ns ? xml_attr_ns(elem, step->ns, step->name) : xml_attr(elem, step->name);
}

struct xml_found xml_path_steps(const struct xml *elem, struct strbuf *buf, const struct xml_step *steps)
{
	struct xml_found found = {NULL, STR_NULL};

	for (; elem && steps->kind == XML_STEP_ELEM; steps++)
		elem = step_down(elem, steps);
	if (elem && steps->kind == XML_STEP_END)
		found.elem = elem;
	else if (elem && steps[1].kind == XML_STEP_END)
		found.text = steps->kind == XML_STEP_ATTR ? step_attr(elem, steps) : xml_text(elem, buf);
	if (!found.text.ptr)
		found.text = STR("");
	return found;
}
