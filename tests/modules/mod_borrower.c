/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gives back a stanza that it was only lent: what AddressSanitizer is there to catch. Before that it waits until
 * somebody opens the other end of a FIFO, so that a test knows that nobody else holds the stanza.
 */
#include <fcntl.h>
#include <unistd.h>

#include "stanzad/module.h"

extern const struct module mod_borrower;
enum iq_verdict give_back_what_was_lent(struct iq *iq);

static void wait_at(struct str fifo)
{
	char path[1024] = "";

	memcpy(path, fifo.ptr, fifo.len < sizeof(path) ? fifo.len : 0);
	close(open(path, O_RDONLY | O_CLOEXEC));
}

enum iq_verdict give_back_what_was_lent(struct iq *iq)
{
	struct stanza *lent = iq->stanza;

	wait_at(module_option(iq->instance, "fifo")->string);
	stanza_unref(&lent);
	return IQ_ANSWER;
}

static const struct module_iq iqs[] = {
    {.ns = "urn:test:borrower", .handler = give_back_what_was_lent, .discipline = IQ_PARALLEL},
    {0},
};
static const struct option options[] = {{"fifo", OPTION_PATH, "/dev/null", "What it waits for."}, {0}};

const struct module mod_borrower = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_borrower",
    .iqs = iqs,
    .options = options,
};
