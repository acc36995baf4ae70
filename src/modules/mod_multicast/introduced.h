/* SPDX-License-Identifier: Apache-2.0 */
/*
 * To whom a sender's available presence went by way of the service: those must hear of it when the sender
 * becomes unavailable (XEP-0033 5.1). Any thread.
 */
#pragma once

#include "modules/mod_multicast/addresses.h"

#define INTRODUCED_PER_SENDER 1000
#define INTRODUCED_IN_ALL 100000

struct introduced;

struct introduced *introduced_new(void);
void introduced_free(struct introduced **introduced);
/* false: there would be too many; nothing is noted then. */
bool introduced_note(
    struct introduced *introduced, const struct jid *sender, const struct addresses *addresses);
/* Forgets the sender, and calls each for everybody who was noted. */
void introduced_end(struct introduced *introduced, const struct jid *sender,
    void (*each)(void *arg, const struct jid *jid), void *arg);
/* How many are noted in all. */
size_t introduced_count(struct introduced *introduced);
