/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer of service discovery holds (XEP-0030): for hooks disco_info and disco_items. */
#pragma once

#include "stanzad/xml.h"

/* 3.1; name may be empty. */
void disco_put_identity(struct xml_writer *reply, const char *category, const char *type, struct str name);
/* Features that a handler or a struct module announces are there already. */
void disco_put_feature(struct xml_writer *reply, const char *feature);
/* 4.1; node and name may be empty. */
void disco_put_item(struct xml_writer *reply, struct str jid, struct str node, struct str name);
