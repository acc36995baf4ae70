/* SPDX-License-Identifier: Apache-2.0 */
/* Modules come and go on a host while the server runs. Worker 0. */
#pragma once

#include "admin/server_control.h"

/* server_control's change_module. */
int modules_change(const struct module_order *order, struct strbuf *report);
