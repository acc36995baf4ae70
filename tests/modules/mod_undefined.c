/* SPDX-License-Identifier: Apache-2.0 */
/* Calls a function that nobody has. */
#include "stanzad/module.h"

extern const struct module mod_undefined;
extern int a_function_that_nobody_has(struct module_instance *instance, struct err *err);

const struct module mod_undefined = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_undefined",
    .start = a_function_that_nobody_has,
};
