/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Explaining one stanza: while a trace is on, the router and the session manager say at each stage what they
 * decided, and do nothing that lasts or leaves the server. A trace follows its stanza from worker to worker.
 */
#pragma once

#include <stdarg.h>

#include "stanzad/str.h"

enum stage {
#define STAGE(token, word, story) STAGE_##token,
#include "route/STAGES.h"
#undef STAGE
	STAGE_COUNT
};

const char *stage_word(enum stage stage);
const char *stage_story(enum stage stage);

struct trace {
	void (*step)(struct trace *trace, enum stage stage, struct str decision);
	/* Called once when nothing that carries the trace is left. */
	void (*end)(struct trace *trace);
	int carriers; /* pieces of work that carry it, the starter included; atomic */
};

/* The trace of what this thread is doing right now; NULL when it is not being explained. */
extern _Thread_local struct trace *trace_now;

static inline bool trace_on(void)
{
	return __builtin_expect(trace_now != NULL, 0);
}
void trace_step(enum stage stage, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define TRACE(stage, ...)                                                                                    \
	do {                                                                                                 \
		if (trace_on())                                                                              \
			trace_step((stage), __VA_ARGS__);                                                    \
	} while (0)

/* Another piece of work carries the present trace: returns it (or NULL) to be kept there. */
struct trace *trace_carry(void);
/* That piece of work begins: its trace is the thread's. trace_leave ends it and puts the thread's back as it
 * was. */
void trace_enter(struct trace *carried, struct trace **before_r);
void trace_leave(struct trace *before);
