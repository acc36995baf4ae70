/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that is compiled in: modules, listeners, their options. */
#pragma once

/* Tells conf and route what there is. Once, before anything else. */
void catalog_register(void);
