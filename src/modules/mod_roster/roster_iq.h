/* SPDX-License-Identifier: Apache-2.0 */
/* jabber:iq:roster, RFC 6121 2: getting the roster, setting and removing an item. */
#pragma once

#include "stanzad/module.h"

enum iq_verdict roster_on_iq(struct iq *iq);
