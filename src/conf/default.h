/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration of a server that was given none. */
#pragma once

#define CONF_DEFAULT_NAME "built-in configuration"

extern const char conf_default_text[];
