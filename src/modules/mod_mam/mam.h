/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The archive of users' messages: XEP-0313, with XEP-0441, XEP-0359 and the tombstones of XEP-0424.
 */
#pragma once

#include "stanzad/module.h"

#define NS_MAM "urn:xmpp:mam:2"

extern const struct module mod_mam;
