/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers of a module. One belongs to the instance and to the worker that makes it (in .start that is worker 0),
 * fires there, and is used there only. Starting and stopping costs next to nothing, however many there are.
 *
 * When the module leaves the host, the core stops its timers on every worker before .leave is called: nothing
 * fires from then on, and starting one does nothing. They may still be freed, in .leave, .stop or elsewhere;
 * those that are not are freed by the core after .stop.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct module_instance;
struct module_timer;

/* May start, stop and free its timer. Must not block. */
typedef void module_timer_fire(struct module_instance *instance, void *arg);

/* Never NULL; not running. On a worker. */
struct module_timer *module_timer_new(struct module_instance *instance, module_timer_fire *fire, void *arg);
/* Fires once, in ms milliseconds, but not before the caller has returned to the loop. Starting one that runs moves
 * it. */
void module_timer_start(struct module_timer *timer, uint64_t ms);
/* Fires every ms milliseconds, the first time in ms; a turn that was missed is left out. ms at least 1. */
void module_timer_repeat(struct module_timer *timer, uint64_t ms);
/* Harmless when it is not running. */
void module_timer_stop(struct module_timer *timer);
bool module_timer_is_running(const struct module_timer *timer);
/* Stops it. *timer may be NULL, and is NULL afterwards. */
void module_timer_free(struct module_timer **timer);
