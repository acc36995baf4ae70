/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema as data: ejabberd's tables, so that either server can take over the other's database. Two
 * variants, one description: the mark {host,} in a key or an index is where the multihost variant has
 * server_host.
 */
#pragma once

#include "stanzad/str.h"
#include "store/driver.h"

/* The name of each type per dialect is in schema.c. */
enum column_type {
	TEXT = 1,
	KEY,    /* text of a length that MySQL can index */
	LONG,   /* text without a useful limit */
	TEXT10, /* text of at most so many characters, where the dialect minds */
	TEXT32,
	TEXT128,
	CHAR1,
	INT,
	BIG,
	UBIG, /* 64 bits, not negative */
	SMALL,
	TINY,
	SECONDS,
	BOOL, /* 0 or 1 */
	NUM,
	BYTES,
	SERIAL, /* numbered by the database, the primary key */
	TIME,   /* of the insertion when it is not given */
};

struct schema_column {
	const char *name; /* NULL ends */
	enum column_type type;
	const char *def; /* SQL, when it may be left out */
	bool nullable;
	const char *references; /* a table's column; rows go when the one they name goes */
};

enum index_kind { INDEX = 1, UNIQUE, FULLTEXT /* MySQL only */ };

struct schema_index {
	enum index_kind kind; /* 0 ends */
	const char *columns;  /* with marks */
};

struct schema_table {
	const char *name;  /* NULL ends */
	const char *owner; /* whose row in schema_version counts its changes; NULL: none */
	bool multihost;    /* has server_host in the multihost variant */
	const struct schema_column *columns;
	const char *key;                    /* primary key, with marks; NULL: none, or a SERIAL column */
	const struct schema_index *indexes; /* NULL: none */
};

struct schema_owner {
	const char *name; /* NULL ends */
	int version;
};

extern const struct schema_table schema_tables[];
/* The versions that this server knows: ejabberd's own names and numbers, and ours. */
extern const struct schema_owner schema_owners[];

/* Appends the statements that make the table and its indexes. */
void schema_table_sql(
    const struct schema_table *table, enum dialect dialect, bool multihost, struct strbuf *out);
/* Appends the statement that adds a column to a table that is there. */
void schema_column_sql(const struct schema_table *table, const struct schema_column *column,
    enum dialect dialect, struct strbuf *out);
/* NULL when there is none. */
const struct schema_table *schema_table_find(struct str name);
/* The version that we know; 0 for an owner that we do not know. */
int schema_version(struct str owner);
