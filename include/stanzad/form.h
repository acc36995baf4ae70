/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data forms: XEP-0004 (with XEP-0068 FORM_TYPE). Reading validates against a table of fields; writing
 * follows the same table.
 */
#pragma once

#include "stanzad/err.h"
#include "stanzad/xml.h"

enum form_type { FORM_FORM, FORM_SUBMIT, FORM_CANCEL, FORM_RESULT };

struct form_field {
	const char *var;
	const char *type;  /* "text-single", "jid-multi", ... */
	const char *label; /* NULL: none */
	bool required;
};

/* <x xmlns='jabber:x:data'>: what kind it is; < 0 with a reason when it is malformed. */
int form_type(const struct xml *x, enum form_type *type_r, struct err *err);
/* The hidden FORM_TYPE value; empty when there is none. */
struct str form_namespace(const struct xml *x);
/* The <field/> with that var; NULL when it is not there. */
const struct xml *form_field(const struct xml *x, const char *var);
/* Its first value; ptr NULL when there is no such field or no value. */
struct str form_value(const struct xml *x, const char *var);
/* Its index-th value; ptr NULL when there is none. */
struct str form_value_at(const struct xml *field, unsigned index);
/* 1, 0, true, false (XEP-0004 3.3); < 0 when it is none of them, 1 when the field is not there. */
int form_value_bool(const struct xml *x, const char *var, bool *value_r);
/* Opens <x type='…'/> with the FORM_TYPE field unless form_ns is NULL; close it with xml_close. */
void form_open(struct xml_writer *writer, enum form_type type, const char *form_ns);
/* One field; values is an array of count. */
void form_put(
    struct xml_writer *writer, const struct form_field *field, const struct str *values, size_t count);
void form_put1(struct xml_writer *writer, const char *var, const char *type, struct str value);
