/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Brings a database to this server's schema: an empty one, one of ejabberd 23.01 (which counts no versions,
 * so tables and columns are looked at), one of a later ejabberd, or one of an earlier version of this server.
 */
#pragma once

#include "store/db.h"

enum schema_variant { VARIANT_ANY, VARIANT_SINGLE, VARIANT_MULTIHOST };

struct upgrade;

/*
 * Finds out what is there and what has to be done; changes nothing. VARIANT_ANY takes the variant that is
 * there, multihost for an empty database. Fails when the schema is newer than this server, is of the other
 * variant, or mixes both. Tells the db which variant it is.
 */
int upgrade_plan(struct db *db, enum schema_variant wanted, struct upgrade **upgrade_r, struct err *err);
void upgrade_free(struct upgrade **upgrade);
/* Nothing to be done. */
bool upgrade_empty(const struct upgrade *upgrade);
/* A database with our tables in it has to be changed; recording version numbers does not count, nor does an index
 * that would be good to have. */
bool upgrade_alters(const struct upgrade *upgrade);
/* Tables that are there stay without such indexes. */
void upgrade_forgo_indexes(struct upgrade *upgrade);
/* One line for each thing to do. */
void upgrade_explain(const struct upgrade *upgrade, struct strbuf *out);
/* Each change is a transaction: after a failure the next start goes on from there. */
int upgrade_run(const struct upgrade *upgrade, struct db *db, struct err *err);
/* Reads the beginning of every table, so that gross damage is found at the start. */
int upgrade_probe(struct db *db, struct err *err);

/* Which tables and columns there are: rows of two names. */
extern const char *const upgrade_columns_sql[];
/* Notes the version of an owner in the table schema_version. */
int upgrade_record(struct db *db, const char *owner, int version, struct err *err);
