/* SPDX-License-Identifier: Apache-2.0 */
/* The choice to let dialback vouch for servers; src/stream asks whether it is made. */
#include "stanzad/module.h"

static const struct option options[] = {
    {"access", OPTION_ACCESS, "all", "Which servers dialback may vouch for; the others need a certificate."},
    {0},
};

const struct module mod_s2s_dialback = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_s2s_dialback",
    .doc = "Lets servers without a good certificate prove who they are by server dialback (XEP-0220).",
    .options = options,
};
