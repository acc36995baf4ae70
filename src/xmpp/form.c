/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/form.h"

#define NS_DATA "jabber:x:data"

static const char *const type_names[] = {
    [FORM_FORM] = "form", [FORM_SUBMIT] = "submit", [FORM_CANCEL] = "cancel", [FORM_RESULT] = "result"};

static const struct xml *next_field(const struct xml *elem)
{
	while (elem && !(elem->name_token == XN_field && elem->ns_token == XNS_DATA))
		elem = xml_next_element(elem);
	return elem;
}

static int check_fields(const struct xml *x, struct err *err)
{
	for (const struct xml *field = next_field(xml_first_element(x)); field;
	     field = next_field(xml_next_element(field))) {
		/* XEP-0004 3.2: only fixed text goes without a name */
		if (xml_attr(field, "var").len == 0 && !str_is(xml_attr(field, "type"), "fixed"))
			return err_set(err, "a field of the form has no var");
	}
	return 0;
}

int form_type(const struct xml *x, enum form_type *type_r, struct err *err)
{
	struct str type;

	if (!x || !xml_is(x, "x", NS_DATA))
		return err_set(err, "not a data form");
	type = xml_attr(x, "type");
	for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++) {
		if (!str_is(type, type_names[i]))
			continue;
		if (check_fields(x, err) < 0)
			return -1;
		*type_r = (enum form_type)i;
		return 0;
	}
	return err_set(err, type.len ? "the form has an unknown type" : "the form has no type");
}

struct str form_namespace(const struct xml *x)
{
	const struct xml *field = form_field(x, "FORM_TYPE");
	struct str value = field ? form_value_at(field, 0) : STR_NULL;

	/* XEP-0068 3.1: it counts when it is hidden; a submitted form may leave that out */
	if (value.len == 0 ||
	    (!str_is(xml_attr(field, "type"), "hidden") && !str_is(xml_attr(x, "type"), "submit")))
		return STR("");
	return value;
}

const struct xml *form_field(const struct xml *x, const char *var)
{
	const struct xml *field = next_field(xml_first_element(x));

	while (field && !str_is(xml_attr(field, "var"), var))
		field = next_field(xml_next_element(field));
	return field;
}

struct str form_value_at(const struct xml *field, unsigned index)
{
	const struct xml *value = xml_first_element(field);

	for (; value; value = xml_next_element(value)) {
		if (value->name_token != XN_value || value->ns_token != XNS_DATA || index-- > 0)
			continue;
		return value->children && value->children->kind == XML_TEXT ? value->children->name : STR("");
	}
	return STR_NULL;
}

struct str form_value(const struct xml *x, const char *var)
{
	const struct xml *field = form_field(x, var);

	return field ? form_value_at(field, 0) : STR_NULL;
}

int form_value_bool(const struct xml *x, const char *var, bool *value_r)
{
	struct str value = form_value(x, var);
	bool is_true = str_is(value, "1") || str_is(value, "true");

	if (!value.ptr)
		return 1;
	if (!is_true && !str_is(value, "0") && !str_is(value, "false"))
		return -1;
	*value_r = is_true;
	return 0;
}

void form_open(struct xml_writer *writer, enum form_type type, const char *form_ns)
{
	xml_open(writer, "x", NS_DATA);
	xml_put_attr(writer, "type", str_of(type_names[type]));
	if (form_ns)
		form_put1(writer, "FORM_TYPE", "hidden", str_of(form_ns));
}

void form_put(
    struct xml_writer *writer, const struct form_field *field, const struct str *values, size_t count)
{
	xml_open(writer, "field", NULL);
	xml_put_attr(writer, "var", str_of(field->var));
	xml_put_attr(writer, "type", str_of(field->type));
	xml_put_attr(writer, "label", str_of(field->label));
	if (field->required) {
		xml_open(writer, "required", NULL);
		xml_close(writer);
	}
	for (size_t i = 0; i < count; i++)
		xml_put_element(writer, "value", NULL, values[i]);
	xml_close(writer);
}

void form_put1(struct xml_writer *writer, const char *var, const char *type, struct str value)
{
	struct form_field field = {.var = var, .type = type};

	form_put(writer, &field, &value, 1);
}
