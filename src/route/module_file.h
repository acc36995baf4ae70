/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared objects with modules: NAME.so, which has a 'const struct module NAME'. An object is open once, however
 * many hosts run its module, and is closed when nothing of it can be called any more. A file that was replaced
 * by another one (install, mv) can be open beside its predecessor: a new edition. Worker 0; before the workers
 * are there, the thread that will be it.
 */
#pragma once

#include "conf/conf.h"
#include "stanzad/module.h"

struct module_file;

/* The conf_module_finder of the server. What it opens is closed by the next module_files_sweep, unless an
 * instance uses it by then. */
int module_file_find(const struct conf_wanted *wanted, struct conf_found *found_r, struct err *err);
/* NULL: no such edition is open. */
const struct module *module_file_module(uint64_t edition);
/* NULL: it is built in. */
struct module_file *module_file_of(const struct module *module);
const char *module_file_path(const struct module_file *file);

/* Of an instance. NULL is harmless. The last unref closes the object, later. */
void module_file_ref(struct module_file *file);
void module_file_unref(struct module_file *file);
/* Closes what no instance uses: after a configuration was put in force, or was not. */
void module_files_sweep(void);
/* After workers_fini: forgets all. The objects stay mapped: the process ends. */
void module_files_fini(void);
