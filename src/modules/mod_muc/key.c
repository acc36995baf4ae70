/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/key.h"

#include <pthread.h>

#include "base/codec.h"
#include "stanzad/rand.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int read_key(struct muc *muc, struct db *db, struct str host, bool *found_r, struct err *err)
{
	struct strbuf bytes = {0};
	struct db_rows *rows =
	    DB_QUERY(db, err, "SELECT value FROM mod_muc_key WHERE {host=} name = 'occupants'", DB_P_TEXT(host));
	int rc = db_next(rows, err);
	*found_r = rc > 0 && base64_decode(&bytes, db_text(rows, 0)) == 0 && bytes.len == sizeof(muc->key);
	if (*found_r)
		memcpy(muc->key, bytes.ptr, sizeof(muc->key));
	db_end(&rows);
	strbuf_fini(&bytes);
	return rc < 0 ? -1 : 0;
}

static int make_key(struct muc *muc, struct db *db, struct str host, struct err *err)
{
	struct strbuf text = {0};
	rand_bytes(muc->key, sizeof(muc->key));
	base64_encode(&text, muc->key, sizeof(muc->key));
	int64_t rc = DB_EXEC(
	    db, err, "DELETE FROM mod_muc_key WHERE {host=} name = 'occupants'", DB_P_TEXT(host));
	if (rc >= 0)
		rc = DB_EXEC(db, err, "INSERT INTO mod_muc_key ({host,} name, value) VALUES ({?,} 'occupants', ?)",
		    DB_P_TEXT(host), DB_P_TEXT(strbuf_view(&text)));
	strbuf_fini(&text);
	return rc < 0 ? -1 : 0;
}

int muc_key_ensure(struct muc *muc, struct db *db, struct err *err)
{
	struct str host = host_name(module_host(muc->instance));
	bool found = true;
	int rc = 0;
	pthread_mutex_lock(&lock);
	if (!muc->key_known) {
		rc = read_key(muc, db, host, &found, err);
		if (rc == 0 && !found)
			rc = make_key(muc, db, host, err);
		if (rc == 0)
			__atomic_store_n(&muc->key_known, true, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&lock);
	return rc;
}
