/* SPDX-License-Identifier: Apache-2.0 */
/* The choice to use one stream in both directions; src/stream asks whether it is made. */
#include "stanzad/module.h"

const struct module mod_s2s_bidi = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_s2s_bidi",
    .doc = "Uses one stream between two servers in both directions (XEP-0288).",
};
