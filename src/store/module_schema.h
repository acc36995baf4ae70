/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of a module's own (struct db_schema in stanzad/store.h): checked, made, extended. */
#pragma once

#include "store/schema.h"

/*
 * Brings the database to the module's schema, or says why not: a description that is wrong, a database whose
 * version is later, update_sql_schema that forbids it. On any thread while the store is open, except the
 * writer; blocks for as long as it takes to look, and to make what is missing. It has a connection of its own,
 * so that what a database commits by itself (MySQL: every table) takes no operation along.
 */
int module_schema_apply(const char *module, const struct db_schema *schema, struct err *err);
/* Appends the statements that make the table. */
void module_table_sql(
    const struct db_table *table, enum dialect dialect, bool multihost, struct strbuf *out);
