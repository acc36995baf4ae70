/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any XML as a data form: every way of reading is tried, and what can be read is written anew as a form, in
 * which the same must be found.
 */
#include "fuzz.h"
#include "stanzad/form.h"

static const char *const vars[] = {"FORM_TYPE", "a", "b"};

#define VARS (sizeof(vars) / sizeof(vars[0]))

static void write_values(struct xml_writer *writer, const struct xml *x, const char *var)
{
	struct form_field out = {.var = var, .type = "hidden"};
	const struct xml *field = form_field(x, var);
	struct str values[4];
	unsigned count = 0;

	while (field && count < 4 && form_value_at(field, count).ptr) {
		values[count] = form_value_at(field, count);
		count++;
	}
	if (field)
		form_put(writer, &out, values, count);
}

static void compare(const struct xml *x, const struct xml *again)
{
	for (size_t i = 0; i < VARS; i++) {
		const struct xml *field = form_field(x, vars[i]), *copy = form_field(again, vars[i]);
		bool value = false, copied = false;

		fuzz_check(!field == !copy);
		for (unsigned j = 0; field && j < 4; j++)
			fuzz_check(str_eq(form_value_at(field, j), form_value_at(copy, j)));
		fuzz_check(form_value_bool(x, vars[i], &value) == form_value_bool(again, vars[i], &copied));
		fuzz_check(value == copied);
	}
}

static void check(const struct xml *x, enum form_type type)
{
	struct xml_writer writer = {.default_ns = STR("jabber:client")};
	enum form_type type_again;
	struct xml_tree *tree;
	size_t offset;

	form_open(&writer, type, NULL);
	for (size_t i = 0; i < VARS; i++)
		write_values(&writer, x, vars[i]);
	xml_close(&writer);
	tree = xml_parse(strbuf_view(&writer.buf), writer.default_ns, &xml_limits_default, &offset, NULL);
	fuzz_check(tree && form_type(tree->root, &type_again, NULL) == 0 && type == type_again);
	compare(x, tree->root);
	if (form_namespace(x).len > 0)
		fuzz_check(str_eq(form_namespace(x), form_namespace(tree->root)));
	xml_tree_unref(&tree);
	xml_writer_fini(&writer);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct str text = {(const char *)bytes, size};
	enum form_type type;
	struct err err;
	size_t offset;
	struct xml_tree *tree = xml_parse(text, STR("jabber:client"), &xml_limits_default, &offset, &err);

	if (tree && form_type(tree->root, &type, &err) == 0)
		check(tree->root, type);
	xml_tree_unref(&tree);
	return 0;
}
