/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf.h"
#include "stanzad/log.h"
#include "test_store.h"

static struct err reason;

/* The settings that a configuration file with these lines gives. */
static int read_settings(const char *text, struct store_settings *settings_r)
{
	struct conf_report report = {0};
	struct conf *conf = NULL;

	if (conf_load_text(str_of(text), "test", &conf, &report) < 0) {
		for (size_t i = 0; i < report.count; i++)
			printf("# %u: %s\n", report.problems[i].line, report.problems[i].text);
		conf_report_fini(&report);
		return 1;
	}
	conf_report_fini(&report);
	int rc = store_settings_read(conf, "/data", settings_r, &reason);
	conf_unref(&conf);
	return rc;
}

static void settings_are(const char *text, const char *target, enum schema_variant variant, size_t hosts)
{
	struct store_settings settings = {0};

	if (!is_int(read_settings(text, &settings), 0))
		printf("# %s\n", reason.text);
	is_cstr(settings.target, target);
	is_cstr(settings.data_dir, "/data");
	is_int(settings.variant, variant);
	is_int(settings.hosts, hosts);
	store_settings_fini(&settings);
}

static void refused(const char *text, const char *words)
{
	struct store_settings settings = {0};

	is_int(read_settings(text, &settings), -1);
	ok(strstr(reason.text, words) != NULL);
}

static void test_embedded(void)
{
	settings_are("hosts: [a.example]\n", "/data/stanzad.db", VARIANT_ANY, 1);
	settings_are("hosts: [a.example, b.example]\n", "/data/stanzad.db", VARIANT_ANY, 2);
	settings_are(
	    "hosts: [a.example]\nsql_schema_multihost: false\n", "/data/stanzad.db", VARIANT_SINGLE, 1);
}

static void test_sqlite(void)
{
	settings_are("hosts: [a.example]\nsql_type: sqlite\nsql_database: /var/lib/e.db\n", "/var/lib/e.db",
	    VARIANT_SINGLE, 1);
	settings_are("hosts: [a.example]\nsql_type: sqlite\nsql_database: e.db\nnew_sql_schema: true\n",
	    "/data/e.db", VARIANT_MULTIHOST, 1);
	settings_are("hosts: [a.example]\nhost_config:\n  a.example:\n    sql_type: sqlite\n"
		     "    sql_database: /var/lib/e.db\n",
	    "/var/lib/e.db", VARIANT_SINGLE, 1);
}

static void test_refused(void)
{
	refused("hosts: [a.example]\nsql_type: pgsql\n", "sql_type pgsql: ");
	refused("hosts: [a.example, b.example]\nhost_config:\n  b.example:\n    sql_type: pgsql\n",
	    "sql_type of host b.example");
}

static void test_open_from_conf(void)
{
	struct conf_report report = {0};
	struct strbuf plan = {0};
	struct conf *conf = NULL;

	fresh_dir();
	is_int(conf_load_text(STR("hosts: [a.example, b.example]\n"), "test", &conf, &report), 0);
	is_int(store_explain_upgrade(conf, test_dir, &plan, &reason), 0);
	ok(strstr(plan.ptr, "make database") && strstr(plan.ptr, "multihost"));
	is_int(store_open(conf, test_dir, &reason), 0);
	store_close();
	strbuf_reset(&plan);
	is_int(store_explain_upgrade(conf, test_dir, &plan, &reason), 0);
	is_int(plan.len, 0);
	strbuf_fini(&plan);
	conf_unref(&conf);
	conf_report_fini(&report);
	remove_dir();
}

int main(void)
{
	log_threshold = LOG_LEVEL_NONE;
	run(test_embedded);
	run(test_sqlite);
	run(test_refused);
	run(test_open_from_conf);
	return tap_done();
}
