/* SPDX-License-Identifier: Apache-2.0 */
/* Its struct module is shorter than the server's. */
#include "stanzad/module.h"

extern const struct module mod_wrong_size;
const struct module mod_wrong_size = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module) - sizeof(void *),
    .name = "mod_wrong_size",
};
