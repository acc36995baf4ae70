/* SPDX-License-Identifier: Apache-2.0 */
/* One item of a privacy list as XML: XEP-0016 2.1. */
#pragma once

#include "modules/mod_privacy/list.h"
#include "stanzad/xml.h"

/* <item/>, inside a <list xmlns='jabber:iq:privacy'/>. */
void privacy_item_put(struct xml_writer *writer, const struct privacy_item *item);
/* The text of the item borrows from elem or lives in the arena. < 0: what is wrong with it. */
int privacy_item_read(struct user *user, const struct xml *elem, struct arena *arena,
    struct privacy_item *item_r, struct stanza_error *error_r);
