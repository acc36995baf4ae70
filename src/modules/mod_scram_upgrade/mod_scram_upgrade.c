/* SPDX-License-Identifier: Apache-2.0 */
/* The tasks are part of the log-in: src/stream/c2s_upgrade.c looks at the option. */
#include "stanzad/module.h"

static const struct option options[] = {
    {"offered_upgrades", OPTION_ENUMS, "[]", "Hashes of which clients may add keys to their passwords.",
	"sha256|sha512"},
    {0},
};

const struct module mod_scram_upgrade = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_scram_upgrade",
    .doc = "Lets clients add keys of stronger hashes to what is stored of their passwords (XEP-0480).",
    .options = options,
    .reload = module_reload_nothing,
};
