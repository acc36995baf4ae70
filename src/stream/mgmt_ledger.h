/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far each managed stream has come, where a process that is killed leaves it: a file in the data directory
 * that is mapped into memory. Writing is two stores and survives kill -9; it does not survive the machine, so after
 * a reboot the file says nothing. Slots are taken and given back on any thread, a slot is written by the
 * worker of its session.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "stanzad/err.h"

#define MGMT_NO_SLOT UINT32_MAX
#define MGMT_SLOTS_MAX (1u << 24)
#define MGMT_LEDGER_SERVER '.' /* the first character of a server's stream; no client's id has it */
#define MGMT_LEDGER_SERVER_LEN 31

struct mgmt_numbers {
	uint64_t handled; /* of what the client sent */
	uint64_t acked;   /* of what it was sent */
};

/* Opens DIR/streams.ledger, made when it is not there. < 0: sessions do not survive a crash, err says why. */
int mgmt_ledger_open(const char *dir, struct err *err);
void mgmt_ledger_close(void);
/* A slot of its own, marked with id; MGMT_NO_SLOT: there is none. */
unsigned mgmt_ledger_take(const char *id);
/* After the start, before anything is taken: the slot of an earlier process. False: it does not hold that id. */
bool mgmt_ledger_retake(unsigned slot, const char *id, struct mgmt_numbers *numbers_r);
/* After the start and from then on: the numbers of a server's stream in the process before this one. Any thread. */
bool mgmt_ledger_find_server(const char *id, struct mgmt_numbers *numbers_r);
/* What was not retaken until now is unused. */
void mgmt_ledger_sweep(void);
void mgmt_ledger_give(unsigned slot);
void mgmt_ledger_write(unsigned slot, const struct mgmt_numbers *numbers);
