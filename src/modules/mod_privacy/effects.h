/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What contacts and clients must see when another list counts for a session: XEP-0016 2.10 and 2.11,
 * XEP-0191 3.3 and 3.4. First it is found out, by the old and the new list, then what goes is sent while the
 * old list is in force, and what comes behind it. On the user's home worker.
 */
#pragma once

#include "modules/mod_privacy/list.h"

struct privacy_effect;

/* Zeroed at the beginning. */
struct privacy_effects {
	const struct jid *only; /* contacts that match none of these stay as they are; NULL: look at all */
	size_t only_count;
	struct privacy_effect *effects; /* private, as the rest */
	size_t count, room;
	struct arena arena;
};

/* Nothing when the session is not available, or the lists are the same. Either may be NULL: none. */
void privacy_effects_collect(struct privacy_effects *effects, struct session *session,
    const struct privacy_list *old, const struct privacy_list *new);
void privacy_effects_before(struct user *user, const struct privacy_effects *effects);
void privacy_effects_behind(struct user *user, const struct privacy_effects *effects);
void privacy_effects_fini(struct privacy_effects *effects);
