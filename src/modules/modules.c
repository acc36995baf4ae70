/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/modules.h"

#define BUILTIN(name) extern const struct module name;
#include "modules/modules.def"
#undef BUILTIN

const struct module *const modules_builtin[] = {
#define BUILTIN(name) &name,
#include "modules/modules.def"
#undef BUILTIN
    NULL,
};
