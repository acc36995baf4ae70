/* SPDX-License-Identifier: Apache-2.0 */
/* Its handler waits until somebody opens the other end of a FIFO. */
#include <fcntl.h>
#include <unistd.h>

#include "stanzad/module.h"

extern const struct module mod_slow;

static enum iq_verdict wait_and_answer(struct iq *iq)
{
	char path[1024] = "";
	char byte;
	struct str fifo = module_option(iq->instance, "fifo")->string;

	if (fifo.len >= sizeof(path))
		return iq_refuse(iq, SE_bad_request, NULL);
	memcpy(path, fifo.ptr, fifo.len);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && read(fd, &byte, 1) > 0)
		;
	if (fd >= 0)
		close(fd);
	xml_open(iq->reply, "slow", "urn:test:slow");
	xml_close(iq->reply);
	return IQ_ANSWER;
}

static const struct module_iq iqs[] = {
    {.ns = "urn:test:slow", .component = IQ_LOCAL, .handler = wait_and_answer, .discipline = IQ_PARALLEL},
    {0},
};
static const struct option options[] = {{"fifo", OPTION_PATH, NULL, "What it waits for."}, {0}};

const struct module mod_slow = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_slow",
    .doc = "Takes its time.",
    .iqs = iqs,
    .options = options,
};
