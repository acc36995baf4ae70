/* SPDX-License-Identifier: Apache-2.0 */
/* The predefined keywords: @HOME@, @CONFIG_PATH@, ... for all, @HOST@ and @HOST_URL_ENCODE@ for one host. */
#pragma once

#include "conf/macro.h"

void keyword_predefine(struct loader *loader, struct definitions *definitions);
void keyword_predefine_host(struct loader *loader, struct definitions *definitions, struct str host);
