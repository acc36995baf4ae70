/* SPDX-License-Identifier: Apache-2.0 */
/* What commands ask of the program as a whole: main provides it, before control_open. */
#pragma once

#include "stanzad/err.h"
#include "stanzad/str.h"

struct module_order {
	enum { MODULE_LOAD, MODULE_UNLOAD, MODULE_RELOAD } kind;
	struct str host, name; /* a served host; to be unloaded or reloaded: what runs there */
	struct str options;    /* YAML; ptr NULL: see conf_change */
};

/* All are called on worker 0. */
struct server_control {
	const char *version;
	/* Begins an orderly stop and returns. For its answer to get out the loops turn until control_load is
	 * 0, and only then comes control_close. */
	void (*stop)(void);
	void (*restart)(void); /* the same, and then the server starts again */
	/* Reads the configuration again. < 0: nothing has changed. report: problems and what was done, lines
	 * for a person; may stay empty. */
	int (*reload)(struct strbuf *report);
	int (*reopen_log)(struct err *err);
	/* < 0: nothing has changed. report: problems, or what was done and how long it stays so. */
	int (*change_module)(const struct module_order *order, struct strbuf *report);
	/* An orderly stop has begun. Any thread. */
	bool (*is_stopping)(void);
};

/* control must stay. Also notes the time of the start. */
void server_control_set(const struct server_control *control);

/* Registers all commands of this folder; < 0 when a name is taken. Before control_open. */
int admin_commands_register(struct err *err);
void admin_commands_unregister(void);
