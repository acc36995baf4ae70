/* SPDX-License-Identifier: Apache-2.0 */
/* Calls itself otherwise than its file. */
#include "stanzad/module.h"

extern const struct module mod_wrong_name;
const struct module mod_wrong_name = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_other",
};
