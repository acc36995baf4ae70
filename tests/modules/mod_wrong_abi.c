/* SPDX-License-Identifier: Apache-2.0 */
/* Built for a server that does not exist yet. */
#include "stanzad/module.h"

extern const struct module mod_wrong_abi;
const struct module mod_wrong_abi = {
    .abi = STANZAD_MODULE_ABI + 1000,
    .size = sizeof(struct module),
    .name = "mod_wrong_abi",
};
