/* SPDX-License-Identifier: Apache-2.0 */
/* Stanzas from bytes that the server itself has written. */
#pragma once

#include "stanzad/stanza.h"

/* Never NULL: bytes that are no stanza are a fault of this program, which it does not survive. */
struct stanza *stanza_from_bytes(struct str bytes);
