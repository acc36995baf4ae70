/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "stanzad/xml.h"

/* For what the server writes itself: only what the types of struct xml can count. */
extern const struct xml_limits stanza_own_limits;
