/* SPDX-License-Identifier: Apache-2.0 */
/* Time. Whatever is timed reads it here, so that tests can set it. Any thread. */
#pragma once

#include <stdint.h>

/* Milliseconds that never step back, from an arbitrary start. For timeouts. */
uint64_t clock_mono_ms(void);
uint64_t clock_mono_us(void);
/* Microseconds since 1970-01-01 UTC. Can step. For stamps that people see. */
int64_t clock_real_us(void);
