/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A first line of words to look for, and below it a text that they are looked for in: whatever both are, the index
 * takes the text, answers the question and gives the text up again.
 */
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "store/db.h"
#include "store/settings.h"

#define KEY 42
#define TAGS STR("o1 p2")

static char dir[] = "/tmp/stanzad-fuzz-XXXXXX", file[64];
static struct db *db;

static void tear_down(void)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	char path[80];

	db_close(&db);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", file, ends[i]);
		unlink(path);
	}
	rmdir(dir);
}

static void set_up(void)
{
	struct err err = {""};

	fuzz_check(mkdtemp(dir) != NULL);
	snprintf(file, sizeof(file), "%s/db", dir);
	atexit(tear_down);
	fuzz_check(db_open(&driver_sqlite, file, DRIVER_WRITE, &db, &err) == 0);
	fuzz_check(db_text_make(db, &err) == 0);
}

/* How many texts have the words. */
static unsigned found(struct str words, bool backwards)
{
	struct db_text_range range = {.from = 0, .to = INT64_MAX, .backwards = backwards};
	struct err err = {""};
	struct db_rows *rows = db_text_find(db, TAGS, words, &range, &err);
	unsigned count = 0;
	int rc;

	while ((rc = db_next(rows, &err)) > 0) {
		fuzz_check(db_int(rows, 0) == KEY);
		count++;
	}
	db_end(&rows);
	if (rc < 0)
		fprintf(stderr, "%s\n", err.text);
	fuzz_check(rc == 0);
	return count;
}

static void try(struct str words, struct str text)
{
	struct err err = {""};
	unsigned count;

	fuzz_check(db_text_put(db, KEY, TAGS, text, &err) == 0);
	count = found(words, false);
	fuzz_check(count <= 1 && found(words, true) == count);
	fuzz_check(db_text_remove(db, KEY, TAGS, text, &err) == 0);
	fuzz_check(found(words, false) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct str text, words = str_cut((struct str){(const char *)bytes, size}, '\n', &text);
	struct err err;

	if (!db)
		set_up();
	/* As from XML: without zeros. */
	if (memchr(bytes, 0, size))
		return 0;
	fuzz_check(db_begin(db, true, &err) == 0);
	try(words, text);
	db_rollback(db);
	return 0;
}
