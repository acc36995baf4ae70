/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "load.h"
#include "report.h"
#include "work.h"

enum {
	IDLE_FIRST = 100, /* sessions before the first reading of memory */
};

unsigned work_clients(const struct options *options)
{
	return options->work == WORK_IDLE ? options->users + IDLE_FIRST : options->users;
}

static int work_run(struct load *load)
{
	switch (load->options->work) {
	case WORK_LOGIN:
		return work_login(load);
	case WORK_IDLE:
		return work_idle(load);
	case WORK_CHAT:
		return work_chat(load);
	case WORK_OPEN:
		return work_open(load);
	case WORK_PAGE:
		return work_page(load);
	case WORK_RESUME:
		return work_resume(load);
	case WORK_ROOM:
		return work_room(load);
	case WORK_CROWD:
		return work_crowd(load);
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct options options;
	struct load load;

	int outcome = options_read(argc, argv, &options);
	if (outcome != 0)
		return outcome < 0 ? 2 : 0;
	load_init(&load, &options, work_clients(&options));
	outcome = work_run(&load);
	load_leave(&load);
	if (outcome == 0)
		report_print(&options, &load.result);
	load_fini(&load);
	return outcome < 0;
}
