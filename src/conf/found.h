/* SPDX-License-Identifier: Apache-2.0 */
/* Modules that no code has registered and the finder knows: each is looked for once in a load. */
#pragma once

#include "conf/registry.h"

struct founds {
	struct map by_name; /* to struct registered; one without a name: it is nowhere */
	bool fresh;         /* conf_wanted */
};

/* *found_r NULL: there is none of that name. < 0 after a problem was reported at key. */
int found_module(struct loader *loader, struct founds *founds, const struct option_node *key,
    const struct registered **found_r);
/* " and not in /one, /two"; empty when the file has no modules_path. Lives in the report. */
const char *found_nowhere(struct loader *loader, const struct founds *founds, struct str name);
