/* SPDX-License-Identifier: Apache-2.0 */
#include "base/program.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

#define PATH_USUAL "/usr/local/bin:/usr/bin:/bin"

/* --- words ---------------------------------------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void add_word(struct program *program, struct strbuf *word)
{
	program->words = mem_realloc_array(program->words, program->count + 2, sizeof(*program->words));
	program->words[program->count++] = strbuf_take(word);
	program->words[program->count] = NULL;
}

/* One word from *at on; *at is then behind it. */
static int read_word(struct str line, size_t *at, struct strbuf *word, struct err *err)
{
	char quote = '\0';

	for (; *at < line.len && (quote || !is_blank(line.ptr[*at])); ++*at) {
		char c = line.ptr[*at];

		if (c == '\0')
			return err_set(err, "there is a NUL character in it");
		if (c == quote)
			quote = '\0';
		else if (!quote && (c == '\'' || c == '"'))
			quote = c;
		else if (c == '\\' && quote != '\'' && *at + 1 < line.len)
			strbuf_char(word, line.ptr[++*at]);
		else
			strbuf_char(word, c);
	}
	return quote ? err_set(err, "a quote (%c) is not closed", quote) : 0;
}

static int split(struct str line, struct program *program, struct err *err)
{
	size_t at = 0;

	for (;;) {
		struct strbuf word = {0};

		while (at < line.len && is_blank(line.ptr[at]))
			at++;
		if (at == line.len)
			return program->count ? 0 : err_set(err, "no program is named");
		if (read_word(line, &at, &word, err) < 0) {
			strbuf_fini(&word);
			return -1;
		}
		add_word(program, &word);
	}
}

/* --- the file ------------------------------------------------------------------------------------------- */

/* < 0 with errno. */
static int is_program(const char *path)
{
	struct stat status;

	if (stat(path, &status) < 0)
		return -1;
	if (!S_ISREG(status.st_mode)) {
		errno = EACCES;
		return -1;
	}
	return access(path, X_OK);
}

static char *find_in_path(const char *name)
{
	struct str rest = str_of(getenv("PATH"));

	if (!rest.len)
		rest = STR(PATH_USUAL);
	while (rest.len) {
		struct str folder = str_cut(rest, ':', &rest);
		struct strbuf path = {0};

		strbuf_str(&path, folder.len ? folder : STR("."));
		strbuf_char(&path, '/');
		strbuf_cstr(&path, name);
		if (is_program(path.ptr) == 0)
			return strbuf_take(&path);
		strbuf_fini(&path);
	}
	return NULL;
}

static int find(struct program *program, struct err *err)
{
	const char *name = program->words[0];

	if (strchr(name, '/')) {
		if (is_program(name) < 0)
			return err_set(err, "%s cannot be run: %s", name, strerror(errno));
		program->path = str_dup(str_of(name));
	} else {
		program->path = find_in_path(name);
		if (!program->path)
			return err_set(err, "there is no program '%s' in PATH", name);
	}
	return 0;
}

int program_parse(struct str line, struct program *program_r, struct err *err)
{
	struct program program = {0};

	*program_r = program;
	if (split(line, &program, err) < 0 || find(&program, err) < 0) {
		program_fini(&program);
		return -1;
	}
	*program_r = program;
	return 0;
}

void program_fini(struct program *program)
{
	for (size_t i = 0; i < program->count; i++)
		free(program->words[i]);
	free(program->words);
	free(program->path);
	*program = (struct program){0};
}
