/* SPDX-License-Identifier: Apache-2.0 */
/* Runs only beside mod_good. */
#include "stanzad/module.h"

extern const struct module mod_needy;

static const char *const needs[] = {"mod_good", NULL};

const struct module mod_needy = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_needy",
    .doc = "Needs another one.",
    .needs = needs,
};
