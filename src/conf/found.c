/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/found.h"

#include "conf/check.h"
#include "conf/keyword.h"
#include "conf/snapshot.h"

enum { OPTIONS_MAX = 1000 };

static conf_module_finder *finder;

void conf_set_module_finder(conf_module_finder *new_finder)
{
	finder = new_finder;
}

static const struct option_value *folders(const struct loader *loader)
{
	return loader->conf->global.values[toplevel_index(STR("modules_path"))];
}

static const char *copy_text(struct arena *arena, const char *text)
{
	return text ? arena_str(arena, str_of(text)).ptr : NULL;
}

/* The snapshot may outlive the code that the table came with. */
static const struct option *copy_options(struct arena *arena, const struct option *options)
{
	size_t count = options ? option_count(options) : 0;
	struct option *copy = arena_zalloc(arena, (count + 1) * sizeof(*copy));

	for (size_t i = 0; i < count; i++) {
		copy[i] = options[i];
		copy[i].name = copy_text(arena, options[i].name);
		copy[i].def = copy_text(arena, options[i].def);
		copy[i].doc = copy_text(arena, options[i].doc);
		copy[i].values = copy_text(arena, options[i].values);
	}
	return copy;
}

static int find(struct loader *loader, const struct founds *founds, struct str name, struct registered *row,
    struct err *err)
{
	const struct option_value *path = folders(loader);
	struct conf_wanted wanted = {arena_str(loader->arena, name).ptr, path->strings, path->string_count,
	    founds->fresh};
	struct conf_found found = {0};
	int result = finder && path->string_count ? finder(&wanted, &found, err) : 1;

	if (result == 0)
		*row = (struct registered){.name = wanted.name,
		    .options = copy_options(loader->arena, found.options),
		    .availability = CONF_AVAILABLE,
		    .edition = found.edition};
	return result;
}

int found_module(struct loader *loader, struct founds *founds, const struct option_node *key,
    const struct registered **found_r)
{
	struct registered *row = map_get(&founds->by_name, key->scalar);
	struct err err = {0};

	if (!row && key->scalar.len > 0) {
		row = arena_zalloc(loader->arena, sizeof(*row));
		if (find(loader, founds, key->scalar, row, &err) < 0) {
			problem_error(loader, key, "module %s: %s", problem_quote(loader, key->scalar), err.text);
			return -1;
		}
		map_put(&founds->by_name, arena_str(loader->arena, key->scalar), row);
	}
	*found_r = row && row->name ? row : NULL;
	return 0;
}

const char *found_nowhere(struct loader *loader, const struct founds *founds, struct str name)
{
	const struct option_value *path = folders(loader);
	struct strbuf text = {0};
	const char *copy;

	if (!path->given || !path->string_count)
		return "";
	strbuf_cstr(&text, "; there is no such file in ");
	for (size_t i = 0; i < path->string_count; i++)
		strbuf_printf(&text, "%s%.*s", i ? ", " : "", STR_FMT(path->strings[i]));
	copy = arena_str(&loader->report->arena, strbuf_view(&text)).ptr;
	strbuf_fini(&text);
	return copy;
}

/* --- tables --------------------------------------------------------------------------------------------- */

static int check_option(struct loader *loader, const struct option *option,
    const struct definitions *definitions, struct err *err)
{
	const struct option_node *def;
	struct option_value value;

	if ((unsigned)option->type > OPTION_ANY)
		return err_set(err, "option '%s' has a type that there is not", option->name);
	if ((option->type == OPTION_ENUM || option->type == OPTION_ENUMS) &&
	    (!option->values || !option->values[0]))
		return err_set(err, "option '%s' lacks the words that it can have", option->name);
	def = check_default_node(loader, option);
	if (def)
		check_value(loader, option, definitions_expand(loader, definitions, def), &value);
	if (loader->report->errors)
		return err_set(err, "the default of option '%s' is none: %s", option->name,
		    loader->report->problems[0].text);
	return 0;
}

int conf_check_options(const struct option *options, struct err *err)
{
	struct conf_report report = {0};
	struct conf *conf = conf_new();
	struct loader loader = {.conf = conf, .arena = &conf->arena, .report = &report, .directory = "."};
	struct definitions predefined = {0}, of_host = {.parent = &predefined};
	int result = 0;

	loader.files[loader.file_count++] = "options";
	keyword_predefine(&loader, &predefined);
	keyword_predefine_host(&loader, &of_host, STR("localhost"));
	for (size_t i = 0; options[i].name && result == 0; i++)
		result = i < OPTIONS_MAX ? check_option(&loader, &options[i], &of_host, err)
					 : err_set(err, "it has more than %d options", OPTIONS_MAX);
	definitions_fini(&of_host);
	definitions_fini(&predefined);
	map_fini(&loader.seen);
	conf_report_fini(&report);
	conf_unref(&conf);
	return result;
}
