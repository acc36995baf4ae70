/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "modules/mod_last/last.h"

int last_read(
    struct db *db, const struct jid *user, struct arena *arena, struct last_entry *entry_r, struct err *err)
{
	struct db_rows *rows = DB_QUERY(db, err, "SELECT seconds, state FROM last WHERE {host=} username = ?",
	    DB_P_TEXT(jid_domain(user)), DB_P_TEXT(jid_local(user)));
	int rc = rows ? db_next(rows, err) : -1;
	if (rc > 0) {
		entry_r->seconds = 0;
		if (!str_to_i64(db_text(rows, 0), &entry_r->seconds))
			rc = 0;
		entry_r->status = arena_str(arena, db_text(rows, 1));
	}
	db_end(&rows);
	return rc;
}

int last_write(struct db *db, const struct jid *user, const struct last_entry *entry, struct err *err)
{
	char seconds[24];
	snprintf(seconds, sizeof(seconds), "%lld", (long long)entry->seconds);
	return DB_EXEC(db, err,
		   "INSERT INTO last ({host,} username, seconds, state) VALUES ({?,} ?, ?, ?) "
		   "ON CONFLICT ({host,} username) DO UPDATE SET seconds = excluded.seconds, state = "
		   "excluded.state",
		   DB_P_TEXT(jid_domain(user)), DB_P_TEXT(jid_local(user)), DB_P_TEXT(str_of(seconds)),
		   DB_P_TEXT(entry->status)) < 0
		   ? -1
		   : 0;
}

int last_delete(struct db *db, struct str host, struct str user, struct err *err)
{
	return DB_EXEC(db, err, "DELETE FROM last WHERE {host=} username = ?", DB_P_TEXT(host),
		   DB_P_TEXT(user)) < 0
		   ? -1
		   : 0;
}
