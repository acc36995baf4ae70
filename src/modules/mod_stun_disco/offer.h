/* SPDX-License-Identifier: Apache-2.0 */
/* The services that the administrator offers: option 'services', entry by entry. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "stanzad/option.h"

/* Its text lives as long as the configuration. */
struct offer {
	struct str host, type, transport;
	uint16_t port;
	bool restricted; /* credentials are needed */
};

/* One entry, with defaults filled in. < 0 with err, which says where in the file the mistake is. */
int offer_read(const struct option_node *entry, struct offer *offer_r, struct err *err);
/* All of them. *restricted_r: one of them needs credentials. */
int offers_check(const struct option_value *services, bool *restricted_r, struct err *err);
