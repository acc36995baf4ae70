/* SPDX-License-Identifier: Apache-2.0 */
/* The clock from the side of tests; stanzad/clock.h is for everyone. */
#pragma once

#include "stanzad/clock.h"

/*
 * From now on both clocks stand still and move only by clock_fake_advance. Called again it sets the real
 * clock alone, as when an administrator corrects it. Tests only.
 */
void clock_fake(int64_t real_us);
void clock_fake_advance(uint64_t ms);
