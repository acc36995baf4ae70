/* SPDX-License-Identifier: Apache-2.0 */
#include "words.h"

/* Where the reading stands. */
struct reader {
	const char *at, *end;
	struct strbuf word;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Behind the opening quote. */
static int read_quoted(struct reader *reader, char quote, struct err *err)
{
	for (; reader->at < reader->end; reader->at++) {
		char c = *reader->at;
		if (c == quote) {
			reader->at++;
			return 0;
		}
		if (quote == '"' && c == '\\' && reader->at + 1 < reader->end &&
		    (reader->at[1] == '"' || reader->at[1] == '\\'))
			c = *++reader->at;
		strbuf_char(&reader->word, c);
	}
	return err_set(err, "a quotation mark (%c) is not closed", quote);
}

static int read_word(struct reader *reader, struct err *err)
{
	strbuf_reset(&reader->word);
	while (reader->at < reader->end && !is_space(*reader->at)) {
		char c = *reader->at++;
		if (c == '\'' || c == '"') {
			if (read_quoted(reader, c, err) < 0)
				return -1;
			continue;
		}
		if (c == '\\') {
			if (reader->at == reader->end)
				return err_set(err, "there is nothing behind the backslash at the end");
			c = *reader->at++;
		}
		strbuf_char(&reader->word, c);
	}
	return 0;
}

static int add_word(struct reader *reader, json_t *words, struct err *err)
{
	const char *text = reader->word.len ? reader->word.ptr : "";
	json_t *word = memchr(text, '\0', reader->word.len) ? NULL : json_stringn(text, reader->word.len);

	if (!word)
		return err_set(err, "word %zu is not text in UTF-8", json_array_size(words) + 1);
	json_array_append_new(words, word);
	return 0;
}

json_t *words_split(struct str line, struct err *err)
{
	struct reader reader = {.at = line.ptr, .end = line.ptr + line.len};
	json_t *words = json_array();
	int result = 0;

	while (result == 0) {
		while (reader.at < reader.end && is_space(*reader.at))
			reader.at++;
		if (reader.at == reader.end || *reader.at == '#')
			break;
		result = read_word(&reader, err);
		if (result == 0)
			result = add_word(&reader, words, err);
	}
	strbuf_fini(&reader.word);
	if (result == 0)
		return words;
	json_decref(words);
	return NULL;
}
