/* SPDX-License-Identifier: Apache-2.0 */
/* Whether what a shared object brings can be a module at all. Pure functions, any thread. */
#pragma once

#include "stanzad/module.h"

/*
 * An ELF file for this machine that holds all that it says it holds: the dynamic linker maps what is missing
 * and dies of it. < 0 with err, which names the path.
 */
int module_check_elf(const char *path, struct err *err);
/* size: bytes that the symbol has, of which no more are looked at. ABI, size and name come first, then its
 * rows. */
int module_check(const struct module *module, size_t size, const char *name, struct err *err);
