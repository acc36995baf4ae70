/* SPDX-License-Identifier: Apache-2.0 */
/* The "modules" option of one host. */
#pragma once

#include "conf/found.h"
#include "conf/macro.h"
#include "conf/snapshot.h"

/* Modules that came out the same for several hosts are made once: by the node of their options. */
struct modules_shared {
	struct map by_node; /* to struct conf_module */
	struct founds founds;
};
void modules_shared_fini(struct modules_shared *shared);

/* Fills scope's modules. value is the option's node with macros replaced, keywords not; NULL: no modules. */
void modules_build(struct loader *loader, struct conf_scope *scope, const struct option_node *value,
    const struct definitions *definitions, struct modules_shared *shared);
/* One of them: value has the name as its key. NULL after a problem was reported. */
const struct conf_module *module_build(struct loader *loader, struct conf_scope *scope,
    const struct option_node *value, const struct definitions *definitions, struct modules_shared *shared);
