/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/modules.h"

extern const struct module mod_disco, mod_ping, mod_roster, mod_time, mod_version;

const struct module *const modules_builtin[] = {
    &mod_disco,
    &mod_ping,
    &mod_roster,
    &mod_time,
    &mod_version,
    NULL,
};
