/* SPDX-License-Identifier: Apache-2.0 */
/* default_room_options of the configuration file. */
#include "modules/mod_muc/config_option.h"

static int join_items(const struct option_node *node, struct strbuf *out, struct err *err)
{
	for (const struct option_node *item = node->items; item; item = item->next) {
		if (item->kind != OPTION_NODE_SCALAR)
			return err_set(
			    err, "option %.*s of a room: wanted a list of words", STR_FMT(node->key->scalar));
		if (out->len)
			strbuf_char(out, ',');
		strbuf_str(out, item->scalar);
	}
	return 0;
}

/* One option. A vCard in YAML is no text and stays out. */
static int set_option(struct room_config *config, const struct option_node *node, struct err *err)
{
	struct str name = node->key->scalar;
	const struct room_option *option = room_option_find(name);
	struct strbuf list = {0};
	bool takes_list = option && (option->kind == ROOM_OPTION_ROLES || option->kind == ROOM_OPTION_JIDS);
	if (node->kind == OPTION_NODE_SCALAR)
		return room_config_set(config, name, node->scalar, err);
	if (node->kind == OPTION_NODE_MAP && str_is(name, "vcard"))
		return 0;
	if (option && (node->kind == OPTION_NODE_MAP || !takes_list))
		return err_set(err, "option %.*s of a room: wanted %s", STR_FMT(name),
		    takes_list ? "a list" : "one value");
	int result = join_items(node, &list, err);
	if (result == 0)
		result = room_config_set(config, name, strbuf_view(&list), err);
	strbuf_fini(&list);
	return result;
}

int room_config_read_options(struct room_config *config, const struct option_node *options, struct err *err)
{
	bool password = false, protection = false;
	for (const struct option_node *node = options ? options->items : NULL; node; node = node->next) {
		if (set_option(config, node, err) < 0)
			return err_prefix(
			    err, "%s:%u:%u", node->key->file, node->key->line, node->key->column);
		password |= str_is(node->key->scalar, "password");
		protection |= str_is(node->key->scalar, "password_protected");
	}
	if (password && !protection)
		config->password_protected = config->password.len > 0;
	return 0;
}

void room_config_init(struct room_config *config, const struct module_instance *instance)
{
	struct err err;
	room_config_init_plain(config);
	if (room_config_read_options(config, module_option(instance, "default_room_options")->node, &err) <
	    0) {
		room_config_fini(config);
		room_config_init_plain(config);
	}
}

int room_config_check_defaults(const struct module_instance *instance, struct err *err)
{
	struct room_config config;
	room_config_init_plain(&config);
	const struct option_node *options = module_option(instance, "default_room_options")->node;
	int result = room_config_read_options(&config, options, err);
	room_config_fini(&config);
	return result;
}
