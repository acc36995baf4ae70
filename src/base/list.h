/* SPDX-License-Identifier: Apache-2.0 */
/* What the server itself uses is what modules use. */
#pragma once

#include "stanzad/list.h"
