/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The slots of users and sessions for modules that were not there at the start: beside the structs, which have
 * room for the others only. On the worker of the owner; nothing is taken for an owner without such a slot.
 */
#pragma once

#include "stanzad/module.h"

/* owner: a struct user or a struct session. NULL until set. */
void *late_slot(const void *owner, const struct module *module);
/* state NULL gives the room back. */
void late_slot_set(const void *owner, const struct module *module, void *state);
/* The owner is about to be freed. */
void late_slots_forget(const void *owner);
/* Frees those of the calling worker: for workers_visit, after the last user is gone. */
void late_slots_fini(void);
