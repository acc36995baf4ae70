/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that is compiled in: modules, listeners, their options. */
#pragma once

/* Tells conf and route what there is, and conf what its keywords mean. Once, before anything else. */
void catalog_register(const char *data_dir);
