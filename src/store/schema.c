/* SPDX-License-Identifier: Apache-2.0 */
#include "store/schema.h"

#include "store/marks.h"

static const char *const type_names[][DIALECT_COUNT] = {
    [TEXT] = {"text", "text", "text"},
    [KEY] = {"text", "text", "varchar(191)"},
    [LONG] = {"text", "text", "mediumtext"},
    [TEXT10] = {"text", "text", "varchar(10)"},
    [TEXT32] = {"varchar(32)", "varchar(32)", "varchar(32)"},
    [TEXT128] = {"text", "text", "varchar(128)"},
    [CHAR1] = {"character(1)", "character(1)", "character(1)"},
    [INT] = {"integer", "integer", "integer"},
    [BIG] = {"bigint", "bigint", "bigint"},
    [UBIG] = {"bigint unsigned", "bigint", "bigint unsigned"},
    [SMALL] = {"smallint", "smallint", "smallint"},
    [TINY] = {"smallint", "smallint", "tinyint"},
    [SECONDS] = {"bigint", "bigint", "int unsigned"},
    [BOOL] = {"boolean", "boolean", "boolean"},
    [NUM] = {"numeric", "numeric", "numeric"},
    [BYTES] = {"blob", "bytea", "blob"},
    [SERIAL] = {"integer primary key autoincrement", "bigserial primary key",
	"bigint unsigned not null auto_increment primary key"},
    [TIME] = {"timestamp", "timestamp", "timestamp"},
};

/* How much of a text MySQL indexes: it has room for 3072 bytes in all. */
enum { MYSQL_PREFIX = 191, MYSQL_PREFIX_OF_MANY = 75, MYSQL_FEW = 3 };

static void column_sql(const struct schema_column *column, enum dialect dialect, struct strbuf *out)
{
	bool mysql_text = dialect == DIALECT_MYSQL && (column->type == TEXT || column->type == LONG);

	strbuf_printf(out, "%s %s", column->name, type_names[column->type][dialect]);
	if (column->type == SERIAL)
		return;
	if (!column->nullable)
		strbuf_cstr(out, " NOT NULL");
	if (column->type == TIME)
		strbuf_cstr(out, " DEFAULT CURRENT_TIMESTAMP");
	else if (column->def && !mysql_text)
		strbuf_printf(out, " DEFAULT %s", column->def);
	if (column->references && dialect != DIALECT_MYSQL)
		strbuf_printf(out, " REFERENCES %s ON DELETE CASCADE", column->references);
}

void schema_column_sql(const struct schema_table *table, const struct schema_column *column,
    enum dialect dialect, struct strbuf *out)
{
	strbuf_printf(out, "ALTER TABLE %s ADD COLUMN ", table->name);
	column_sql(column, dialect, out);
	strbuf_cstr(out, ";\n");
}

static const struct schema_column *column_find(const struct schema_table *table, struct str name)
{
	for (const struct schema_column *column = table->columns; column->name; column++)
		if (str_is(name, column->name))
			return column;
	return NULL;
}

static unsigned text_count(const struct schema_table *table, struct str list)
{
	unsigned count = 0;

	while (list.len > 0) {
		const struct schema_column *column = column_find(table, str_trim(str_cut(list, ',', &list)));
		count += column && (column->type == TEXT || column->type == LONG);
	}
	return count;
}

/* The columns of an index: MySQL wants to be told how much of a text. */
static void index_columns(
    const struct schema_table *table, enum dialect dialect, struct str list, struct strbuf *out)
{
	unsigned prefix = text_count(table, list) > MYSQL_FEW ? MYSQL_PREFIX_OF_MANY : MYSQL_PREFIX;
	const char *separator = "";

	while (list.len > 0) {
		struct str name = str_trim(str_cut(list, ',', &list));
		const struct schema_column *column = column_find(table, name);
		strbuf_printf(out, "%s%.*s", separator, STR_FMT(name));
		if (dialect == DIALECT_MYSQL && column && (column->type == TEXT || column->type == LONG))
			strbuf_printf(out, "(%u)", prefix);
		separator = ", ";
	}
}

static void index_name(const struct schema_table *table, struct str list, struct strbuf *out)
{
	strbuf_printf(out, "i_%s", table->name);
	while (list.len > 0) {
		struct str name = str_trim(str_cut(list, ',', &list));
		if (!table->multihost || !str_is(name, "server_host"))
			strbuf_printf(out, "_%.*s", STR_FMT(name));
	}
}

static void index_sql(const struct schema_table *table, const struct schema_index *index,
    enum dialect dialect, bool multihost, struct strbuf *out)
{
	struct strbuf columns = {0};
	struct marks marks;

	if (index->kind == FULLTEXT && dialect != DIALECT_MYSQL)
		return;
	marks_rewrite(index->columns, multihost, &columns, &marks, NULL);
	strbuf_printf(out, "CREATE %sINDEX ",
	    index->kind == UNIQUE     ? "UNIQUE "
	    : index->kind == FULLTEXT ? "FULLTEXT "
				      : "");
	index_name(table, strbuf_view(&columns), out);
	strbuf_printf(out, " ON %s (", table->name);
	index_columns(table, index->kind == FULLTEXT ? DIALECT_SQLITE : dialect, strbuf_view(&columns), out);
	strbuf_cstr(out, ");\n");
	strbuf_fini(&columns);
}

void schema_table_sql(
    const struct schema_table *table, enum dialect dialect, bool multihost, struct strbuf *out)
{
	static const struct schema_column server_host = {"server_host", KEY};
	struct marks marks;

	strbuf_printf(out, "CREATE TABLE %s (\n", table->name);
	for (const struct schema_column *column = table->columns; column->name; column++) {
		strbuf_cstr(out, column == table->columns ? "\t" : ",\n\t");
		column_sql(column, dialect, out);
		if (column == table->columns && table->multihost && multihost) {
			strbuf_cstr(out, ",\n\t");
			column_sql(&server_host, dialect, out);
		}
	}
	if (table->key) {
		strbuf_cstr(out, ",\n\tPRIMARY KEY (");
		marks_rewrite(table->key, multihost, out, &marks, NULL);
		strbuf_cstr(out, ")");
	}
	strbuf_printf(out, "\n)%s;\n", dialect == DIALECT_MYSQL ? " CHARACTER SET utf8mb4" : "");
	for (const struct schema_index *index = table->indexes; index && index->kind; index++)
		index_sql(table, index, dialect, multihost, out);
}

const struct schema_table *schema_table_find(struct str name)
{
	for (const struct schema_table *table = schema_tables; table->name; table++)
		if (str_is(name, table->name))
			return table;
	return NULL;
}

int schema_version(struct str owner)
{
	for (const struct schema_owner *known = schema_owners; known->name; known++)
		if (str_is(owner, known->name))
			return known->version;
	return 0;
}
