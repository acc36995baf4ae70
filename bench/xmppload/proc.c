/* SPDX-License-Identifier: Apache-2.0 */
#include "proc.h"

#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	PROC_FAMILY_MAX = 256,
	PROC_ALL_MAX = 8192,
};

struct proc_stat {
	pid_t pid;
	pid_t parent;
	uint64_t ticks;
};

static bool stat_read(const char *pid, struct proc_stat *stat_r)
{
	char path[300];
	char line[1024];
	unsigned long user, kernel;
	long children_user, children_kernel;
	int parent;

	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	FILE *file = fopen(path, "re");
	if (!file)
		return false;
	size_t size = fread(line, 1, sizeof(line) - 1, file);
	fclose(file);
	line[size] = '\0';
	/* the command's name may hold anything, so count fields from the last ')' */
	const char *rest = strrchr(line, ')');
	if (!rest || sscanf(rest + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %ld %ld", &parent,
			 &user, &kernel, &children_user, &children_kernel) != 5)
		return false;
	*stat_r = (struct proc_stat){
	    .pid = (pid_t)atoi(pid),
	    .parent = parent,
	    .ticks = user + kernel + (uint64_t)children_user + (uint64_t)children_kernel,
	};
	return true;
}

static size_t all_read(struct proc_stat *all, size_t size)
{
	size_t n = 0;
	struct dirent *entry;
	DIR *dir = opendir("/proc");

	while (dir && n < size && (entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]) && stat_read(entry->d_name, &all[n]))
			n++;
	if (dir)
		closedir(dir);
	return n;
}

static bool has_pid(const struct proc_stat *family, size_t n, pid_t pid)
{
	for (size_t i = 0; i < n; i++)
		if (family[i].pid == pid)
			return true;
	return false;
}

/* The given processes and whatever descends from them. */
static size_t family_read(const pid_t *pids, size_t n_pids, struct proc_stat family_r[PROC_FAMILY_MAX])
{
	static struct proc_stat all[PROC_ALL_MAX];
	size_t n_all = all_read(all, PROC_ALL_MAX);
	size_t n = 0;
	size_t before;

	for (size_t i = 0; i < n_all; i++)
		for (size_t j = 0; j < n_pids; j++)
			if (all[i].pid == pids[j] && n < PROC_FAMILY_MAX)
				family_r[n++] = all[i];
	do {
		before = n;
		for (size_t i = 0; i < n_all && n < PROC_FAMILY_MAX; i++)
			if (!has_pid(family_r, n, all[i].pid) && has_pid(family_r, n, all[i].parent))
				family_r[n++] = all[i];
	} while (n > before);
	return n;
}

static uint64_t threads_read(pid_t pid)
{
	char path[320];
	uint64_t sum = 0;
	uint64_t run;
	struct dirent *entry;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	DIR *dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", (int)pid, entry->d_name);
		FILE *file = entry->d_name[0] == '.' ? NULL : fopen(path, "re");
		if (file && fscanf(file, "%lu", &run) == 1)
			sum += run;
		if (file)
			fclose(file);
	}
	if (dir)
		closedir(dir);
	return sum;
}

void proc_cpu_read(const pid_t *pids, size_t n_pids, struct proc_cpu *cpu_r)
{
	struct proc_stat family[PROC_FAMILY_MAX];
	size_t n = family_read(pids, n_pids, family);
	uint64_t tick_ns = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);

	*cpu_r = (struct proc_cpu){.processes = (unsigned)n};
	for (size_t i = 0; i < n; i++) {
		cpu_r->ticks_ns += family[i].ticks * tick_ns;
		cpu_r->threads_ns += threads_read(family[i].pid);
	}
}

uint64_t proc_cpu_between(const struct proc_cpu *before, const struct proc_cpu *after)
{
	uint64_t slack = 20000000u * (uint64_t)(after->processes + 1);
	uint64_t ticks = after->ticks_ns > before->ticks_ns ? after->ticks_ns - before->ticks_ns : 0;
	uint64_t threads =
	    after->threads_ns > before->threads_ns ? after->threads_ns - before->threads_ns : 0;

	/* a thread or process that ended takes its own count along; only the coarse one still has it */
	return ticks > threads + slack ? ticks : threads;
}

uint64_t proc_pss_read(const pid_t *pids, size_t n_pids)
{
	struct proc_stat family[PROC_FAMILY_MAX];
	size_t n = family_read(pids, n_pids, family);
	uint64_t sum = 0;
	unsigned long kib;
	char path[64];
	char line[256];

	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)family[i].pid);
		FILE *file = fopen(path, "re");
		while (file && fgets(line, sizeof(line), file))
			if (sscanf(line, "Pss: %lu kB", &kib) == 1)
				sum += (uint64_t)kib * 1024;
		if (file)
			fclose(file);
	}
	return sum;
}
