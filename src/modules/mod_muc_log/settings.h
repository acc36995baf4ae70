/* SPDX-License-Identifier: Apache-2.0 */
/* How an instance of mod_muc_log logs: its options, read once. Immutable from then on; any thread. */
#pragma once

#include <sys/types.h>

#include "stanzad/module.h"

/* Text in here is on the heap; NULL: not set. */
struct muclog_settings {
	char *outdir;    /* absolute, or where the server runs */
	char *css;       /* of cssfile when that is a file; NULL: the style that is built in */
	char *css_url;   /* of cssfile when that is a URL */
	char *top_url, *top_text;
	char *url;       /* without a slash at the end */
	bool room_name;  /* folders are named without the service */
	bool plain_dirs; /* one folder for each room; else a folder for each year and month */
	bool plain_text; /* else HTML */
	bool nofollow;
	bool universal; /* UTC; else local time */
	mode_t mode;
	gid_t group; /* (gid_t)-1: as it comes */
};

/* < 0 with err: an option makes no sense, or a file of it cannot be read. To be given to fini in any case. */
int muclog_settings_read(struct muclog_settings *settings, const struct module_instance *instance, struct err *err);
void muclog_settings_fini(struct muclog_settings *settings);
