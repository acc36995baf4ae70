/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc_log/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "stanzad/mem.h"

#define CSS_MAX (1024 * 1024)

/* As all names of files in the configuration: beside it, unless they are absolute or not written by anybody. */
static char *path_of(const struct option_value *value)
{
	const char *file = value->given && value->node && value->node->file ? value->node->file : "";
	const char *slash = strrchr(file, '/');
	struct strbuf path = {0};
	if (slash && !str_starts(value->string, "/"))
		strbuf_add(&path, file, (size_t)(slash - file + 1));
	strbuf_str(&path, value->string);
	return strbuf_take(&path);
}

static bool is_url(struct str text)
{
	const char *at = memmem(text.ptr, text.len, "://", 3);
	return str_starts(text, "//") || (at && at != text.ptr);
}

/* What would end the element that it is put into. */
static bool ends_style(const char *css)
{
	for (const char *at = css; (at = strchr(at, '<')); at++) {
		if (strncasecmp(at, "</style", 7) == 0 || strncmp(at, "<!--", 4) == 0)
			return true;
	}
	return false;
}

static int read_css(struct muclog_settings *settings, const char *path, struct err *err)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return err_set(err, "option 'cssfile': %s cannot be read: %s", path, strerror(errno));
	char *css = mem_alloc(CSS_MAX + 1);
	size_t len = fread(css, 1, CSS_MAX + 1, file);
	bool failed = ferror(file);
	fclose(file);
	css[len <= CSS_MAX ? len : CSS_MAX] = '\0';
	settings->css = css;
	if (failed)
		return err_set(err, "option 'cssfile': %s cannot be read", path);
	if (len > CSS_MAX)
		return err_set(err, "option 'cssfile': %s has more than %d bytes", path, CSS_MAX);
	if (strlen(css) != len || ends_style(css))
		return err_set(err, "option 'cssfile': %s is no style sheet that can be put into a page", path);
	return 0;
}

static int read_style(struct muclog_settings *settings, const struct option_value *value, struct err *err)
{
	if (!value->present || value->string.len == 0)
		return 0;
	if (is_url(value->string)) {
		settings->css_url = str_dup(value->string);
		return 0;
	}
	char *path = path_of(value);
	int result = read_css(settings, path, err);
	free(path);
	return result;
}

/* {URL: text} */
static int read_top_link(struct muclog_settings *settings, const struct option_value *value, struct err *err)
{
	const struct option_node *item = value->present && value->node ? value->node->items : NULL;
	if (!item)
		return 0;
	if (item->next || item->kind != OPTION_NODE_SCALAR)
		return err_set(err, "option 'top_link': one URL with its text is wanted, as in '/: Home'");
	settings->top_url = str_dup(item->key->scalar);
	settings->top_text = str_dup(item->scalar);
	return 0;
}

/* Digits of a number to the base 8, which YAML has no word for: 644. */
static int read_mode(struct muclog_settings *settings, struct str text, struct err *err)
{
	unsigned mode = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '7' || mode > 0777)
			return err_set(err, "option 'file_permissions': mode '%.*s' is none", STR_FMT(text));
		mode = mode * 8 + (unsigned)(text.ptr[i] - '0');
	}
	if (mode > 0777 || (mode & 0600) != 0600)
		return err_set(err, "option 'file_permissions': mode '%.*s' is none that the server could write with",
		    STR_FMT(text));
	settings->mode = mode;
	return 0;
}

static int read_permissions(struct muclog_settings *settings, const struct option_value *value, struct err *err)
{
	const struct option_node *item = value->present && value->node ? value->node->items : NULL;
	uint64_t group;
	for (; item; item = item->next) {
		struct str name = item->key->scalar;
		if (item->kind == OPTION_NODE_SCALAR && str_is(name, "mode")) {
			if (read_mode(settings, item->scalar, err) < 0)
				return -1;
		} else if (item->kind == OPTION_NODE_SCALAR && str_is(name, "group") &&
			   str_to_u64(item->scalar, &group) && group < (gid_t)-1) {
			settings->group = (gid_t)group;
		} else {
			return err_set(err, "option 'file_permissions': '%.*s': it has 'mode' and 'group', two numbers",
			    STR_FMT(name));
		}
	}
	return 0;
}

int muclog_settings_read(struct muclog_settings *settings, const struct module_instance *instance, struct err *err)
{
	struct str url = module_option(instance, "url")->string;
	while (str_ends(url, "/"))
		url.len--;
	*settings = (struct muclog_settings){
	    .outdir = path_of(module_option(instance, "outdir")),
	    .url = url.len ? str_dup(url) : NULL,
	    .room_name = str_is(module_option(instance, "dirname")->string, "room_name"),
	    .plain_dirs = str_is(module_option(instance, "dirtype")->string, "plain"),
	    .plain_text = str_is(module_option(instance, "file_format")->string, "plaintext"),
	    .nofollow = module_option(instance, "spam_prevention")->boolean,
	    .universal = str_is(module_option(instance, "timezone")->string, "universal"),
	    .mode = 0644,
	    .group = (gid_t)-1,
	};
	if (read_style(settings, module_option(instance, "cssfile"), err) < 0 ||
	    read_top_link(settings, module_option(instance, "top_link"), err) < 0)
		return -1;
	return read_permissions(settings, module_option(instance, "file_permissions"), err);
}

void muclog_settings_fini(struct muclog_settings *settings)
{
	free(settings->outdir);
	free(settings->css);
	free(settings->css_url);
	free(settings->top_url);
	free(settings->top_text);
	free(settings->url);
	*settings = (struct muclog_settings){.outdir = NULL};
}
