/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/include.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "conf/yaml.h"

/* What an included file may set, and how deep it is included. */
struct include_rules {
	const struct include_rules *outer;
	const struct option_node *allow_only, *disallow; /* lists of names; NULL: no rule */
	const char *file;
	unsigned depth;
};

static void collect(struct loader *loader, const struct option_node *root, const struct include_rules *rules,
    struct entries *entries);

void entries_add(
    struct loader *loader, struct entries *entries, struct str name, const struct option_node *value)
{
	struct entry *entry = arena_zalloc(loader->arena, sizeof(*entry));

	entry->name = name;
	entry->value = value;
	if (entries->last)
		entries->last->next = entry;
	else
		entries->first = entry;
	entries->last = entry;
}

struct entry *entries_find(const struct entries *entries, const char *name)
{
	for (struct entry *entry = entries->first; entry; entry = entry->next) {
		if (str_is(entry->name, name))
			return entry;
	}
	return NULL;
}

static int read_all(int fd, size_t size, struct str *text_r, struct err *err)
{
	char *text = mem_alloc(size + 1);
	size_t len = 0;

	while (len < size) {
		ssize_t got = read(fd, text + len, size - len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			free(text);
			return err_set(err, "cannot be read: %s", strerror(errno));
		}
		if (got == 0)
			break;
		len += (size_t)got;
	}
	*text_r = (struct str){text, len};
	return 0;
}

/* Not blocking: a pipe or a device under that name is refused, not waited for. */
int include_read_file(const char *path, struct str *text_r, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), rc;
	struct stat status;

	if (fd < 0)
		return err_set(err, "cannot be opened: %s", strerror(errno));
	if (fstat(fd, &status) < 0)
		rc = err_set(err, "cannot be read: %s", strerror(errno));
	else if (!S_ISREG(status.st_mode))
		rc = err_set(err, "is not a regular file");
	else if (status.st_size > LOADER_FILE_MAX)
		rc = err_set(err, "is larger than %d MiB", LOADER_FILE_MAX >> 20);
	else
		rc = read_all(fd, (size_t)status.st_size, text_r, err);
	close(fd);
	return rc;
}

const char *include_path_beside(struct loader *loader, const char *directory, struct str path)
{
	if ((path.len > 0 && path.ptr[0] == '/') || strcmp(directory, ".") == 0)
		return arena_str(loader->arena, path).ptr;
	return arena_printf(loader->arena, "%s/%.*s", directory, STR_FMT(path));
}

static const char *directory_of(struct loader *loader, const char *file)
{
	const char *slash = strrchr(file, '/');

	if (!slash)
		return ".";
	return arena_str(loader->arena, (struct str){file, slash == file ? 1 : (size_t)(slash - file)}).ptr;
}

static void include_file(struct loader *loader, const struct option_node *at, struct str name,
    struct include_rules *rules, struct entries *entries)
{
	const char *directory =
	    rules->outer->file ? directory_of(loader, rules->outer->file) : loader->directory;
	struct option_node *root = NULL;
	struct str text = STR_NULL;
	struct err err;

	rules->file = include_path_beside(loader, directory, name);
	if (rules->depth > LOADER_INCLUDE_MAX || loader->file_count >= LOADER_FILES_MAX) {
		problem_error(loader, at, "too many files are included, or a file includes itself");
		return;
	}
	if (include_read_file(rules->file, &text, &err) < 0) {
		problem_error(
		    loader, at, "included file %s %s", problem_quote(loader, str_of(rules->file)), err.text);
		return;
	}
	loader->files[loader->file_count++] = rules->file;
	root = yaml_parse(loader, text, rules->file);
	free((char *)text.ptr);
	if (root)
		collect(loader, root, rules, entries);
}

static void read_rules(struct loader *loader, const struct option_node *options, struct include_rules *rules)
{
	if (options->kind != OPTION_NODE_MAP) {
		if (!node_is_null(options))
			problem_error(loader, options,
			    "expected 'allow_only' or 'disallow' with a list of options, got %s",
			    problem_got(loader, options));
		return;
	}
	for (const struct option_node *value = options->items; value; value = value->next) {
		if (value->kind != OPTION_NODE_LIST)
			problem_error(
			    loader, value, "expected a list of options, got %s", problem_got(loader, value));
		else if (str_is(value->key->scalar, "allow_only"))
			rules->allow_only = value;
		else if (str_is(value->key->scalar, "disallow"))
			rules->disallow = value;
		else
			problem_error(loader, value->key, "expected 'allow_only' or 'disallow', got %s",
			    problem_got(loader, value->key));
	}
}

static void include_all(struct loader *loader, const struct option_node *value,
    const struct include_rules *outer, struct entries *entries)
{
	const struct option_node *item = value->kind == OPTION_NODE_SCALAR ? value : value->items;

	for (; item; item = item == value ? NULL : item->next) {
		const struct option_node *name = value->kind == OPTION_NODE_MAP ? item->key : item;
		struct include_rules rules = {.outer = outer, .depth = outer->depth + 1};

		if (name->kind != OPTION_NODE_SCALAR || name->scalar.len == 0) {
			problem_error(
			    loader, name, "expected the name of a file, got %s", problem_got(loader, name));
			continue;
		}
		if (value->kind == OPTION_NODE_MAP)
			read_rules(loader, item, &rules);
		include_file(loader, name, name->scalar, &rules, entries);
	}
}

static bool list_has(const struct option_node *list, struct str name)
{
	for (const struct option_node *item = list->items; item; item = item->next) {
		if (item->kind == OPTION_NODE_SCALAR && str_eq(item->scalar, name))
			return true;
	}
	return false;
}

static bool allowed(const struct include_rules *rules, struct str name)
{
	for (; rules; rules = rules->outer) {
		if ((rules->allow_only && !list_has(rules->allow_only, name)) ||
		    (rules->disallow && list_has(rules->disallow, name)))
			return false;
	}
	return true;
}

static bool is_joined(struct str name)
{
	return str_is(name, "define_macro") || str_is(name, "define_keyword") ||
	       str_is(name, "host_config") || str_is(name, "append_host_config");
}

static void collect_one(struct loader *loader, const struct option_node *value,
    const struct include_rules *rules, struct entries *entries)
{
	struct str name = value->key->scalar;
	const struct entry *first;

	if (value->key->kind != OPTION_NODE_SCALAR) {
		problem_error(loader, value->key, "expected the name of an option, got %s",
		    problem_got(loader, value->key));
		return;
	}
	if (!allowed(rules, name)) {
		problem_warning(loader, value->key,
		    "option %s is not allowed in this included file and is left out",
		    problem_quote(loader, name));
		return;
	}
	if (str_is(name, "include_config_file")) {
		include_all(loader, value, rules, entries);
		return;
	}
	first = is_joined(name) ? NULL : entries_find(entries, name.ptr);
	if (first)
		problem_error(loader, value->key, "option %s is given twice, first in %s line %u",
		    problem_quote(loader, name), first->value->key->file, first->value->key->line);
	else
		entries_add(loader, entries, name, value);
}

static void collect(struct loader *loader, const struct option_node *root, const struct include_rules *rules,
    struct entries *entries)
{
	if (root->kind != OPTION_NODE_MAP) {
		if (!node_is_null(root))
			problem_error(loader, root, "expected options as 'name: value', got %s",
			    problem_got(loader, root));
		return;
	}
	for (const struct option_node *value = root->items; value; value = value->next)
		collect_one(loader, value, rules, entries);
}

void include_collect(struct loader *loader, const struct option_node *root, struct entries *entries)
{
	struct include_rules rules = {0};

	collect(loader, root, &rules, entries);
}
