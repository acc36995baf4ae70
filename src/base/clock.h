/* SPDX-License-Identifier: Apache-2.0 */
/* Time. Tests set a fake clock; everything that reads the time goes through here. Any thread. */
#pragma once

#include <stdint.h>

/* Milliseconds that never step back, from an arbitrary start. For timeouts. */
uint64_t clock_mono_ms(void);
uint64_t clock_mono_us(void);
/* Microseconds since 1970-01-01 UTC. Can step. For stamps that people see. */
int64_t clock_real_us(void);
/*
 * From now on both clocks stand still and move only by clock_fake_advance. Called again it sets the real
 * clock alone, as when an administrator corrects it. Tests only.
 */
void clock_fake(int64_t real_us);
void clock_fake_advance(uint64_t ms);
