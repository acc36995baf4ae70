/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/rsm.h"
#include "tap.h"

#define SET(inside) "<set xmlns='" NS_RSM "'>" inside "</set>"

struct parsed {
	struct xml_tree *tree;
	struct rsm rsm;
	int rc;
};

static struct parsed parse(const char *inside)
{
	struct parsed parsed = {0};
	struct strbuf text = {0};
	struct err err = {""};
	strbuf_printf(&text, "<query xmlns='urn:x'>%s</query>", inside);
	parsed.tree = xml_parse(strbuf_view(&text), STR("jabber:client"), &xml_limits_default, NULL, &err);
	strbuf_fini(&text);
	if (!parsed.tree) {
		printf("Bail out! %s: %s\n", inside, err.text);
		exit(1);
	}
	parsed.rc = rsm_parse(parsed.tree->root, &parsed.rsm, &err);
	tap_check((parsed.rc < 0) == (err.text[0] != '\0'), __FILE__, __LINE__, "a failure has a reason");
	return parsed;
}

/* XEP-0059 2: what each example asks for. */
static void test_requests(void)
{
	static const struct {
		const char *inside;
		struct rsm want;
	} rows[] = {
	    {"", {0}},
	    {"<set xmlns='urn:other'><max>x</max></set>", {0}},
	    {SET(""), {.wanted = true}},
	    {SET("<max>10</max>"), {.wanted = true, .has_max = true, .max = 10}},
	    {SET("<max> 10\n</max>"), {.wanted = true, .has_max = true, .max = 10}},
	    {SET("<max>0</max>"), {.wanted = true, .has_max = true}},
	    {SET("<max>007</max>"), {.wanted = true, .has_max = true, .max = 7}},
	    {SET("<max>10</max><after>a</after>"),
		{.wanted = true, .has_max = true, .max = 10, .after = STR("a")}},
	    {SET("<after/>"), {.wanted = true}},
	    {SET("<before/>"), {.wanted = true, .backwards = true}},
	    {SET("<before>b&amp;c</before>"), {.wanted = true, .backwards = true, .before = STR("b&c")}},
	    {SET("<after>a</after><before>b</before>"),
		{.wanted = true, .backwards = true, .after = STR("a"), .before = STR("b")}},
	    {SET("<index>371</index>"), {.wanted = true, .has_index = true, .index = 371}},
	    {SET("<max>4294967296</max>"), {.wanted = true, .has_max = true, .max = UINT32_MAX}},
	    {SET("<max>99999999999999999999999999</max>"),
		{.wanted = true, .has_max = true, .max = UINT32_MAX}},
	    {SET("<index>99999999999999999999999999</index>"),
		{.wanted = true, .has_index = true, .index = UINT64_MAX}},
	    {SET("<first index='x'>1</first><last/><count>-</count>"), {.wanted = true}},
	    {SET("<max xmlns='urn:other'>x</max><next><max>x</max></next>"), {.wanted = true}},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct parsed parsed = parse(rows[i].inside);
		const struct rsm *want = &rows[i].want, *got = &parsed.rsm;
		tap_check(parsed.rc == 0, __FILE__, __LINE__, rows[i].inside);
		is_int(got->wanted, want->wanted);
		is_int(got->has_max, want->has_max);
		is_int(got->max, want->max);
		is_int(got->backwards, want->backwards);
		is_int(got->has_index, want->has_index);
		ok(got->index == want->index);
		is_str(got->after, want->after);
		is_str(got->before, want->before);
		xml_tree_unref(&parsed.tree);
	}
}

static void test_malformed(void)
{
	static const char *const rows[] = {
	    SET("<max/>"),
	    SET("<max>-1</max>"),
	    SET("<max>+1</max>"),
	    SET("<max>1.5</max>"),
	    SET("<max>0x10</max>"),
	    SET("<max>ten</max>"),
	    SET("<max>1 0</max>"),
	    SET("<max>\xd9\xa1</max>"),
	    SET("<max><b/></max>"),
	    SET("<max>1</max><max>1</max>"),
	    SET("<before/><before/>"),
	    SET("<after>a</after><after/>"),
	    SET("<after>a<b/>c</after>"),
	    SET("<before><b/></before>"),
	    SET("<index/>"),
	    SET("<index>-1</index>"),
	    SET("<index>1</index><before/>"),
	    SET("<index>1</index><after>a</after>"),
	    SET("") SET(""),
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct parsed parsed = parse(rows[i]);
		tap_check(parsed.rc < 0, __FILE__, __LINE__, rows[i]);
		xml_tree_unref(&parsed.tree);
	}
}

/* A failure leaves what the caller had. */
static void test_untouched(void)
{
	struct xml_tree *tree = xml_parse(STR("<q>" SET("<max>5</max><index>-</index>") "</q>"), STR("urn:x"),
	    &xml_limits_default, NULL, NULL);
	struct rsm rsm = {.max = 77};
	ok(rsm_parse(tree->root, &rsm, NULL) < 0);
	is_int(rsm.max, 77);
	xml_tree_unref(&tree);
}

static void test_limits(void)
{
	is_int(rsm_max(&(struct rsm){0}, 50, 250), 50);
	is_int(rsm_max(&(struct rsm){.has_max = true}, 50, 250), 0);
	is_int(rsm_max(&(struct rsm){.has_max = true, .max = 3}, 50, 250), 3);
	is_int(rsm_max(&(struct rsm){.has_max = true, .max = UINT32_MAX}, 50, 250), 250);
	is_int(rsm_max(&(struct rsm){0}, 500, 250), 250);
}

static void is_written(struct rsm_page page, const char *want)
{
	struct xml_writer writer = {.default_ns = STR("jabber:client")};
	rsm_write(&writer, &page);
	ok(xml_writer_complete(&writer));
	is_text(strbuf_view(&writer.buf), want);
	xml_writer_fini(&writer);
}

static void test_answers(void)
{
	is_written(
	    (struct rsm_page){.index = RSM_UNKNOWN, .count = RSM_UNKNOWN}, "<set xmlns='" NS_RSM "'/>");
	is_written(
	    (struct rsm_page){.index = 0, .count = 790}, "<set xmlns='" NS_RSM "'><count>790</count></set>");
	is_written((struct rsm_page){STR("a<b"), STR("c"), 0, RSM_UNKNOWN},
	    "<set xmlns='" NS_RSM "'><first index='0'>a&lt;b</first><last>c</last></set>");
	is_written((struct rsm_page){STR("a"), STR("a"), RSM_UNKNOWN, 1},
	    "<set xmlns='" NS_RSM "'><first>a</first><last>a</last><count>1</count></set>");
}

/* Whatever is in a set, it is either refused with a reason or within its bounds. */
static void test_random(void)
{
	static const char *const names[] = {"max", "after", "before", "index", "first", "x"};
	static const char *const texts[] = {
	    "", "1", "-1", "99999999999999999999", "a", " 5 ", "<max>1</max>", "&lt;"};
	uint32_t seed = 1;
	for (unsigned i = 0; i < 500; i++) {
		struct strbuf text = {0};
		strbuf_cstr(&text, "<set xmlns='" NS_RSM "'>");
		for (unsigned n = (seed >> 20) % 5; n > 0; n--) {
			seed = seed * 1664525 + 1013904223;
			const char *name = names[(seed >> 10) % 6], *inside = texts[(seed >> 20) % 8];
			strbuf_printf(&text, "<%s>%s</%s>", name, inside, name);
		}
		strbuf_cstr(&text, "</set>");
		struct parsed parsed = parse(text.ptr);
		if (parsed.rc == 0)
			ok(parsed.rsm.wanted && rsm_max(&parsed.rsm, 50, 250) <= 250);
		xml_tree_unref(&parsed.tree);
		strbuf_fini(&text);
		seed = seed * 1664525 + 1013904223;
	}
}

int main(void)
{
	run(test_requests);
	run(test_malformed);
	run(test_untouched);
	run(test_limits);
	run(test_answers);
	run(test_random);
	return tap_done();
}
