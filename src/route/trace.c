/* SPDX-License-Identifier: Apache-2.0 */
#include "route/trace.h"

#include <stdio.h>

_Thread_local struct trace *trace_now;

static const struct {
	const char *word, *story;
} stages[] = {
#define STAGE(token, word, story) {word, story},
#include "route/STAGES.h"
#undef STAGE
};

const char *stage_word(enum stage stage)
{
	return stages[stage].word;
}

const char *stage_story(enum stage stage)
{
	return stages[stage].story;
}

void trace_step(enum stage stage, const char *format, ...)
{
	char text[512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	trace_now->step(trace_now, stage, str_of(text));
}

struct trace *trace_carry(void)
{
	if (trace_now)
		__atomic_add_fetch(&trace_now->carriers, 1, __ATOMIC_RELAXED);
	return trace_now;
}

void trace_enter(struct trace *carried, struct trace **before_r)
{
	*before_r = trace_now;
	trace_now = carried;
}

void trace_leave(struct trace *before)
{
	struct trace *trace = trace_now;
	trace_now = before;
	if (trace && __atomic_sub_fetch(&trace->carriers, 1, __ATOMIC_ACQ_REL) == 0)
		trace->end(trace);
}
