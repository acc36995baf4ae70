/* SPDX-License-Identifier: Apache-2.0 */
/* The symbol that the server looks for is not seen from outside. */
#include "stanzad/module.h"

static const struct module mod_no_symbol __attribute__((used)) = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_no_symbol",
};
