/* SPDX-License-Identifier: Apache-2.0 */
/* Which database, as the configuration says it: the one place of this folder that reads options. */
#pragma once

#include "store/upgrade.h"

struct conf;

struct store_settings {
	const struct driver *driver;
	char *target; /* as the driver's open wants it */
	char *data_dir;
	enum schema_variant variant;
	size_t hosts; /* virtual hosts: the single-host schema holds one */
	bool may_upgrade;
};

/*
 * sql_type not given: the embedded database, DATA_DIR/stanzad.db, whose schema is multihost unless
 * sql_schema_multihost says otherwise. Fails when another database is asked for than this build can use.
 */
int store_settings_read(
    const struct conf *conf, const char *data_dir, struct store_settings *settings_r, struct err *err);
void store_settings_fini(struct store_settings *settings);

/* store_open and store_explain_upgrade once the options are read; the former takes the settings over. */
int store_open_settings(struct store_settings *settings, struct err *err);
int store_explain_settings(const struct store_settings *settings, struct strbuf *out, struct err *err);
