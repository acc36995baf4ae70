/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct client;
struct frame;

enum {
	SM_ID_MAX = 256,
};

/* Stream management (XEP-0198) of one client. All zero is a stream without it. Counters roll over at 2^32. */
struct sm {
	bool on;      /* <enabled/> or <resumed/> came: stanzas count */
	bool resumed; /* the stream goes on where an earlier connection left it */
	char id[SM_ID_MAX];
	uint32_t in;	   /* stanzas received */
	uint32_t out;	   /* sent */
	uint32_t acked;	   /* of them, by the server */
	uint32_t asked;	   /* what out was at our last <r/> */
	uint64_t *due;	   /* of stanza n at n modulo size: when it was due, CLOCK_MONOTONIC ns; 0: nobody asks */
	uint32_t due_size; /* a power of two, or 0 */
};

/* Frees the memory; the stream is forgotten. */
void sm_fini(struct sm *sm);

/* Asks the server to enable it, or to resume the stream that sm.id names. */
void sm_enable(struct client *client);
void sm_resume(struct client *client);

/* Takes the server's <enabled/> or <resumed/>; false if the frame is neither, or says something impossible. */
bool sm_enabled(struct client *client, const struct frame *frame);
bool sm_resumed(struct client *client, const struct frame *frame);

/* Notes that a stanza was queued; due_ns as in struct sm. Does nothing on a stream without stream management. */
void sm_sent(struct client *client, uint64_t due_ns);

/* Queues an <r/>. */
void sm_ask(struct client *client);

/* Whether there are stanzas that no <r/> has asked about, and no <r/> waits for its answer. */
bool sm_should_ask(const struct sm *sm);

/*
 * Sees each frame of a ready client: counts stanzas, answers <r/> at once, and tells load->on_acked of each
 * measured stanza that an <a/> covers. Returns whether the frame was meant for it alone.
 */
bool sm_take(struct client *client, const struct frame *frame);
