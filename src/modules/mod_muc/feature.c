/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/feature.h"

#define ROOM_FEATURE(name) extern const struct room_feature room_feature_##name;
#include "modules/mod_muc/room_features.def"
#undef ROOM_FEATURE

const struct room_feature *const room_features[] = {
#define ROOM_FEATURE(name) &room_feature_##name,
#include "modules/mod_muc/room_features.def"
#undef ROOM_FEATURE
    NULL,
};
