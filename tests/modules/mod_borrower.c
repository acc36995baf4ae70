/* SPDX-License-Identifier: Apache-2.0 */
/* Gives back a stanza that it was only lent: what AddressSanitizer is there to catch. */
#include "stanzad/module.h"

extern const struct module mod_borrower;
enum iq_verdict give_back_what_was_lent(struct iq *iq);

enum iq_verdict give_back_what_was_lent(struct iq *iq)
{
	struct stanza *lent = iq->stanza;

	stanza_unref(&lent);
	return IQ_ANSWER;
}

static const struct module_iq iqs[] = {
    {.ns = "urn:test:borrower", .component = IQ_LOCAL, .handler = give_back_what_was_lent},
    {0},
};

const struct module mod_borrower = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_borrower",
    .iqs = iqs,
};
