/* SPDX-License-Identifier: Apache-2.0 */
#include "store/settings.h"

#include <stdlib.h>

#include "base/mem.h"
#include "conf/conf.h"
#include "store/store_open.h"

#define EMBEDDED_NAME "stanzad.db"

static char *path_in(const char *directory, struct str name)
{
	struct strbuf path = {0};

	if (name.len > 0 && name.ptr[0] == '/')
		return str_dup(name);
	strbuf_printf(&path, "%s/%.*s", directory, STR_FMT(name));
	return strbuf_take(&path);
}

/* One database for the whole server: of several hosts none can have one of its own. */
static int check_hosts(const struct conf *conf, struct err *err)
{
	static const char *const names[] = {"sql_type", "sql_database"};

	for (size_t host = 0; conf_host_count(conf) > 1 && host < conf_host_count(conf); host++)
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (!str_eq(conf_str(conf, conf_host_at(conf, host), names[i]),
				conf_str(conf, STR_NULL, names[i])))
				return err_set(err,
				    "%s of host %.*s is not that of the others: all hosts share one "
				    "database, with sql_schema_multihost",
				    names[i], STR_FMT(conf_host_at(conf, host)));
	return 0;
}

static enum schema_variant variant(const struct conf *conf, bool sql_given)
{
	const struct option_value *multihost = conf_get(conf, STR_NULL, "sql_schema_multihost");

	if (!sql_given && !multihost->given)
		return VARIANT_ANY;
	return multihost->boolean ? VARIANT_MULTIHOST : VARIANT_SINGLE;
}

int store_settings_read(
    const struct conf *conf, const char *data_dir, struct store_settings *settings_r, struct err *err)
{
	struct str host = conf_host_count(conf) == 1 ? conf_host_at(conf, 0) : STR_NULL;
	const struct option_value *type = conf_get(conf, host, "sql_type");
	const struct option_value *database = conf_get(conf, host, "sql_database");
	const struct driver *driver = type->given ? driver_find(type->string) : &driver_sqlite;

	if (!driver)
		return err_set(err,
		    "sql_type %.*s: this build has a driver for sqlite only; leave sql_type out to use "
		    "the embedded database",
		    STR_FMT(type->string));
	if (check_hosts(conf, err) < 0)
		return -1;
	*settings_r = (struct store_settings){
	    .driver = driver,
	    .target =
		path_in(data_dir, type->given && database->given ? database->string : STR(EMBEDDED_NAME)),
	    .data_dir = str_dup(str_of(data_dir)),
	    .variant = variant(conf, type->given),
	    .hosts = conf_host_count(conf),
	    .may_upgrade = conf_bool(conf, STR_NULL, "update_sql_schema"),
	};
	return 0;
}

int store_open(const struct conf *conf, const char *data_dir, struct err *err)
{
	struct store_settings settings;

	if (store_settings_read(conf, data_dir, &settings, err) < 0 ||
	    store_open_settings(&settings, err) < 0)
		return -1;
#ifdef STANZAD_SANITIZE
	const char *fail_at = getenv("STANZAD_FAIL_DB");
	if (fail_at)
		store_fail_at((unsigned)atoi(fail_at));
#endif
	return 0;
}

int store_explain_upgrade(const struct conf *conf, const char *data_dir, struct strbuf *out, struct err *err)
{
	struct store_settings settings;

	if (store_settings_read(conf, data_dir, &settings, err) < 0)
		return -1;
	int rc = store_explain_settings(&settings, out, err);
	store_settings_fini(&settings);
	return rc;
}
