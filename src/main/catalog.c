/* SPDX-License-Identifier: Apache-2.0 */
#include "main/catalog.h"

#include "base/version.h"
#include "conf/conf.h"
#include "modules/modules.h"
#include "route/module_file.h"
#include "route/offered.h"
#include "stream/c2s.h"
#include "stream/component.h"
#include "stream/s2s_stream.h"

void catalog_register(const char *data_dir)
{
	static const struct option none[] = {{0}};
	for (size_t i = 0; modules_builtin[i]; i++) {
		const struct option *options = modules_builtin[i]->options;
		conf_register_module(modules_builtin[i]->name, options ? options : none, CONF_AVAILABLE);
	}
	modules_offer(modules_builtin);
	conf_set_module_finder(module_file_find);
	conf_set_keyword("VERSION", STANZAD_VERSION);
	conf_set_keyword("SEMVER", STANZAD_VERSION);
	conf_set_keyword("DATABASE_PATH", data_dir);
	conf_set_keyword("LOG_PATH", data_dir);
	c2s_init();
	component_init();
	s2s_streams_init();
}
