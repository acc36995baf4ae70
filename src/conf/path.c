/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/path.h"

#include <errno.h>
#include <glob.h>
#include <unistd.h>

#include "base/mem.h"
#include "conf/include.h"

bool path_must_exist(const char *option)
{
	static const char *const names[] = {"certfiles", "c2s_cafile", "c2s_dhfile", "s2s_cafile",
	    "s2s_dhfile", "ca_file", "cafile", "dhfile", "sql_ssl_cafile", "sql_ssl_certfile"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(names[i], option) == 0)
			return true;
	}
	return false;
}

bool path_check(struct loader *loader, const char *option, const struct option_node *node, struct str *path_r)
{
	const char *path;

	if (node->scalar.len == 0) {
		problem_error(loader, node, "option '%s': expected the path of a file, got nothing", option);
		return false;
	}
	path = include_path_beside(loader, loader->directory, node->scalar);
	if (path_must_exist(option) && access(path, R_OK) < 0) {
		problem_error(loader, node, "option '%s': file %s cannot be read: %s", option,
		    problem_quote(loader, str_of(path)), strerror(errno));
		return false;
	}
	*path_r = str_of(path);
	return true;
}

bool path_has_wildcards(struct str path)
{
	for (size_t i = 0; i < path.len; i++) {
		if (path.ptr[i] == '*' || path.ptr[i] == '?' || path.ptr[i] == '[')
			return true;
	}
	return false;
}

void path_glob(struct loader *loader, const char *option, const struct option_node *node,
    struct str **strings, size_t *count)
{
	const char *pattern = include_path_beside(loader, loader->directory, node->scalar);
	glob_t found = {0};

	if (glob(pattern, 0, NULL, &found) != 0 || found.gl_pathc == 0)
		problem_warning(loader, node, "option '%s': no file matches %s", option,
		    problem_quote(loader, str_of(pattern)));
	for (size_t i = 0; i < found.gl_pathc; i++) {
		*strings = mem_realloc_array(*strings, *count + 1, sizeof(**strings));
		(*strings)[(*count)++] = arena_str(loader->arena, str_of(found.gl_pathv[i]));
	}
	globfree(&found);
}
