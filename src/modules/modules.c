/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/modules.h"

extern const struct module mod_disco, mod_offline, mod_ping, mod_register, mod_time, mod_version;

const struct module *const modules_builtin[] = {
    &mod_disco,
    &mod_offline,
    &mod_ping,
    &mod_register,
    &mod_time,
    &mod_version,
    NULL,
};
