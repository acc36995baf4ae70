/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/rsm.h"

enum { SEEN_MAX = 1, SEEN_AFTER = 2, SEEN_BEFORE = 4, SEEN_INDEX = 8 };

static bool is_digits(struct str text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
	return text.len > 0;
}

/* As much as fits, when it is more. */
static int read_number(struct str text, const char *what, uint64_t most, uint64_t *value_r, struct err *err)
{
	struct str digits = str_trim(text);
	uint64_t value;
	if (!is_digits(digits))
		return err_set(err, "<%s/> is not a number", what);
	*value_r = str_to_u64(digits, &value) && value < most ? value : most;
	return 0;
}

static int read_max(struct rsm *rsm, struct str text, struct err *err)
{
	uint64_t value;
	if (read_number(text, "max", UINT32_MAX, &value, err) < 0)
		return -1;
	rsm->has_max = true;
	rsm->max = (uint32_t)value;
	return 0;
}

static int read_index(struct rsm *rsm, struct str text, struct err *err)
{
	rsm->has_index = true;
	return read_number(text, "index", UINT64_MAX, &rsm->index, err);
}

static int read_after(struct rsm *rsm, struct str text, struct err *err)
{
	(void)err;
	rsm->after = text;
	return 0;
}

static int read_before(struct rsm *rsm, struct str text, struct err *err)
{
	(void)err;
	rsm->backwards = true;
	rsm->before = text;
	return 0;
}

static const struct part {
	const char *name;
	unsigned seen;
	int (*read)(struct rsm *rsm, struct str text, struct err *err);
} parts[] = {
    {"max", SEEN_MAX, read_max},
    {"after", SEEN_AFTER, read_after},
    {"before", SEEN_BEFORE, read_before},
    {"index", SEEN_INDEX, read_index},
};

static const struct part *part_of(const struct xml *elem)
{
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (xml_is(elem, parts[i].name, NS_RSM))
			return &parts[i];
	return NULL;
}

/* Without elements in it, character data is one run: a view. */
static int read_part(struct rsm *rsm, const struct xml *elem, const struct part *part, struct err *err)
{
	if (xml_first_element(elem))
		return err_set(err, "<%s/> holds text only", part->name);
	return part->read(rsm, xml_text(elem, NULL), err);
}

int rsm_parse(const struct xml *elem, struct rsm *rsm_r, struct err *err)
{
	const struct xml *set = xml_child(elem, "set", NS_RSM);
	struct rsm rsm = {.wanted = set != NULL};
	unsigned seen = 0;
	if (set && xml_next(set, "set", NS_RSM))
		return err_set(err, "there is more than one <set/>");
	for (const struct xml *child = set ? xml_first_element(set) : NULL; child;
	     child = xml_next_element(child)) {
		const struct part *part = part_of(child);
		if (!part)
			continue;
		if (seen & part->seen)
			return err_set(err, "<%s/> is there twice", part->name);
		seen |= part->seen;
		if (read_part(&rsm, child, part, err) < 0)
			return -1;
	}
	if (rsm.has_index && (rsm.after.len || rsm.backwards))
		return err_set(err, "a page begins at an index or at an id");
	*rsm_r = rsm;
	return 0;
}

uint32_t rsm_max(const struct rsm *rsm, uint32_t usual, uint32_t most)
{
	uint32_t max = rsm->has_max ? rsm->max : usual;
	return max < most ? max : most;
}

static void put_number(struct xml_writer *writer, const char *name, int64_t value)
{
	struct strbuf text = {0};
	strbuf_u64(&text, (uint64_t)value);
	xml_put_element(writer, name, NULL, strbuf_view(&text));
	strbuf_fini(&text);
}

void rsm_write(struct xml_writer *writer, const struct rsm_page *page)
{
	xml_open(writer, "set", NS_RSM);
	if (page->first.ptr) {
		xml_open(writer, "first", NULL);
		if (page->index >= 0)
			xml_put_attr_u64(writer, "index", (uint64_t)page->index);
		xml_put_text(writer, page->first);
		xml_close(writer);
		xml_put_element(writer, "last", NULL, page->last);
	}
	if (page->count >= 0)
		put_number(writer, "count", page->count);
	xml_close(writer);
}
