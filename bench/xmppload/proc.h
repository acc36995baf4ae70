/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* CPU time that a set of processes and all their descendants have used so far. */
struct proc_cpu {
	uint64_t threads_ns; /* sum over living threads, in nanoseconds: exact while no thread ends */
	uint64_t ticks_ns;   /* whole processes, ended threads and reaped children included: 10 ms steps */
	unsigned processes;
};

/* Reads the processes' and their descendants' CPU time. Processes that are gone count as nothing. */
void proc_cpu_read(const pid_t *pids, size_t n_pids, struct proc_cpu *cpu_r);

/* CPU nanoseconds used between two readings. */
uint64_t proc_cpu_between(const struct proc_cpu *before, const struct proc_cpu *after);

/* Proportional set size (PSS), in bytes, of the processes and all their descendants. */
uint64_t proc_pss_read(const pid_t *pids, size_t n_pids);
