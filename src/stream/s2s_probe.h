/* SPDX-License-Identifier: Apache-2.0 */
/* check_domain: whether another server can be reached, step by step. */
#pragma once

#include <stdbool.h>

#include "stanzad/str.h"

/*
 * Tries a domain as if there was something to send, and says what it does, line by line, each with the seconds since
 * the beginning; nothing is sent but the negotiation. Ends within a minute. On the calling worker; done is called
 * there once, later. lines: until done returns.
 */
void s2s_probe(struct str local, struct str remote,
    void (*done)(void *arg, bool works, struct str lines), void *arg);
/* Ends those of the calling worker. */
void s2s_probes_end(void);
