/* SPDX-License-Identifier: Apache-2.0 */
/* get_roster, get_roster_count, add_rosteritem, delete_rosteritem: for stanzactl and scripts. */
#pragma once

#include "stanzad/command.h"

extern const struct command roster_commands[];
