/* SPDX-License-Identifier: Apache-2.0 */
#include "store/db.h"
#include "store/internal.h"

#define WORDS_MAX 32 /* of one question; what is behind them is not looked for */

/* Nothing but the index: the texts themselves stay where they are, and nothing is ranked. */
static const char make_sql[] =
    "CREATE VIRTUAL TABLE IF NOT EXISTS archive_text USING fts5(tags, body, content='', columnsize=0, "
    "tokenize='unicode61 remove_diacritics 2'); "
    "CREATE TABLE IF NOT EXISTS archive_text_mark (id bigint NOT NULL); "
    "INSERT INTO archive_text_mark (id) SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM archive_text_mark)";

int db_text_state(struct db *db, enum db_text_state *state_r, struct err *err)
{
	if (db_dialect(db) != DIALECT_SQLITE) {
		*state_r = DB_TEXT_NEVER;
		return 0;
	}
	struct db_rows *rows =
	    DB_QUERY(db, err, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?",
		DB_P_TEXT(STR("archive_text_mark")));
	int rc = db_next(rows, err);
	db_end(&rows);
	if (rc >= 0)
		*state_r = rc > 0                       ? DB_TEXT_THERE
			   : store.settings.may_upgrade ? DB_TEXT_CAN_BE
							: DB_TEXT_NEVER;
	return rc < 0 ? -1 : 0;
}

int db_text_make(struct db *db, struct err *err)
{
	return db_script(db, make_sql, err);
}

int db_text_mark(struct db *db, int64_t *id_r, struct err *err)
{
	struct db_rows *rows = db_query_params(db, "SELECT id FROM archive_text_mark", NULL, 0, err);
	int rc = db_next(rows, err);
	if (rc > 0)
		*id_r = db_int(rows, 0);
	db_end(&rows);
	return rc > 0 ? 0 : rc < 0 ? -1 : err_set(err, "the index of texts has lost its mark");
}

int db_text_set_mark(struct db *db, int64_t id, struct err *err)
{
	return DB_EXEC(db, err, "UPDATE archive_text_mark SET id = ?", DB_P_INT(id)) < 0 ? -1 : 0;
}

/* --- words ---------------------------------------------------------------------------------------------- */

/* The code point at *at, which moves behind it. What is no UTF-8 counts byte by byte. */
static uint32_t next_char(struct str text, size_t *at)
{
	unsigned char lead = (unsigned char)text.ptr[*at];
	size_t more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
	if (more == 0 || *at + more >= text.len) {
		*at += 1;
		return lead;
	}
	uint32_t c = lead & (0x3fu >> more);
	for (size_t i = 1; i <= more; i++)
		c = c << 6 | ((unsigned char)text.ptr[*at + i] & 0x3f);
	*at += more + 1;
	return c;
}

/* Of a script that puts no spaces between words. */
static bool is_dense(uint32_t c)
{
	return (c >= 0x0e00 && c <= 0x0eff) || (c >= 0x1000 && c <= 0x109f) || (c >= 0x1780 && c <= 0x17ff) ||
	       (c >= 0x3040 && c <= 0x30ff) || (c >= 0x3400 && c <= 0x9fff) || (c >= 0xf900 && c <= 0xfaff) ||
	       (c >= 0x20000 && c <= 0x3ffff);
}

/* Something that words are made of; what is not in ASCII is taken for that unless it is known better. */
static bool is_letter(uint32_t c)
{
	if (c < 0x80)
		return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
	return c >= 0xc0 && !(c >= 0x2000 && c <= 0x2bff) && !(c >= 0x3000 && c <= 0x303f) &&
	       !(c >= 0xff00 && c <= 0xff0f);
}

/* Each character of such a script counts as a word: then a phrase of them is found wherever it is. */
static void put_spaced(struct strbuf *out, struct str text)
{
	for (size_t at = 0; at < text.len;) {
		size_t from = at;
		bool dense = is_dense(next_char(text, &at));
		if (dense)
			strbuf_char(out, ' ');
		strbuf_add(out, text.ptr + from, at - from);
		if (dense)
			strbuf_char(out, ' ');
	}
}

static bool has_letter(struct str word)
{
	for (size_t at = 0; at < word.len;)
		if (is_letter(next_char(word, &at)))
			return true;
	return false;
}

/* A phrase of the language of FTS5; in it nothing but quotation marks has a meaning. */
static void put_phrase(struct strbuf *out, const char *column, struct str text)
{
	struct strbuf spaced = {0};
	bool prefix = str_ends(text, "*");
	put_spaced(&spaced, text);
	strbuf_printf(out, "%s%s:\"", out->len ? " AND " : "", column);
	for (size_t i = 0; i < spaced.len; i++) {
		if (spaced.ptr[i] == '"')
			strbuf_char(out, '"');
		strbuf_char(out, spaced.ptr[i]);
	}
	strbuf_cstr(out, prefix ? "\"*" : "\"");
	strbuf_fini(&spaced);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The next word, or what stands in quotation marks; false at the end. */
static bool next_word(struct str *rest, struct str *word_r)
{
	while (rest->len && is_space(rest->ptr[0]))
		*rest = (struct str){rest->ptr + 1, rest->len - 1};
	if (!rest->len)
		return false;
	bool quoted = rest->ptr[0] == '"';
	size_t from = quoted, at = from;
	while (at < rest->len && (quoted ? rest->ptr[at] != '"' : !is_space(rest->ptr[at])))
		at++;
	*word_r = (struct str){rest->ptr + from, at - from};
	at += quoted && at < rest->len;
	*rest = (struct str){rest->ptr + at, rest->len - at};
	return true;
}

static unsigned put_question(struct strbuf *out, struct str tags, struct str words)
{
	unsigned count = 0;
	for (struct str word; next_word(&tags, &word);)
		put_phrase(out, "tags", word);
	for (struct str word; count < WORDS_MAX && next_word(&words, &word);) {
		if (!has_letter(word))
			continue;
		put_phrase(out, "body", word);
		count++;
	}
	return count;
}

/* --- the index ------------------------------------------------------------------------------------------ */

int db_text_put(struct db *db, int64_t key, struct str tags, struct str text, struct err *err)
{
	struct strbuf spaced = {0};
	put_spaced(&spaced, text);
	int64_t rc = DB_EXEC(db, err, "INSERT INTO archive_text (rowid, tags, body) VALUES (?, ?, ?)",
	    DB_P_INT(key), DB_P_TEXT(tags), DB_P_TEXT(strbuf_view(&spaced)));
	strbuf_fini(&spaced);
	return rc < 0 ? -1 : 0;
}

int db_text_remove(struct db *db, int64_t key, struct str tags, struct str text, struct err *err)
{
	struct strbuf spaced = {0};
	put_spaced(&spaced, text);
	int64_t rc = DB_EXEC(db, err,
	    "INSERT INTO archive_text (archive_text, rowid, tags, body) VALUES ('delete', ?, ?, ?)",
	    DB_P_INT(key), DB_P_TEXT(tags), DB_P_TEXT(strbuf_view(&spaced)));
	strbuf_fini(&spaced);
	return rc < 0 ? -1 : 0;
}

#define FIND                                                                                                 \
	"SELECT rowid FROM archive_text WHERE archive_text MATCH ? AND rowid BETWEEN ? AND ? "               \
	"AND ? ORDER BY rowid "

struct db_rows *db_text_find(
    struct db *db, struct str tags, struct str words, const struct db_text_range *range, struct err *err)
{
	struct strbuf question = {0};
	bool any = put_question(&question, tags, words) > 0;
	struct db_param params[] = {
	    DB_P_TEXT(strbuf_view(&question)), DB_P_INT(range->from), DB_P_INT(range->to), DB_P_INT(any)};
	struct db_rows *rows = range->backwards ? db_query_params(db, FIND "DESC", params, 4, err)
						: db_query_params(db, FIND "ASC", params, 4, err);
	strbuf_fini(&question);
	return rows;
}
