/* SPDX-License-Identifier: Apache-2.0 */
/* The "listen" option. */
#pragma once

#include "conf/macro.h"
#include "conf/snapshot.h"

/* Fills the snapshot's listeners. */
void listeners_build(
    struct loader *loader, const struct option_node *value, const struct definitions *definitions);
/* Adds the files of old "certfile" options to a list node, which may be NULL; returns the list. */
const struct option_node *listeners_certfiles(
    struct loader *loader, const struct option_node *value, const struct option_node *certfiles);
