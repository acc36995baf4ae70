/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/hooks.h"

#include "route/host_private.h"

#define HOOK(name, what)                                                                                     \
	enum hook_verdict hook_run_##name(struct host *host, struct hook_##name *event)                      \
	{                                                                                                    \
		const struct hook_table *table = host_hooks(host, HOOK_##name);                              \
		for (unsigned i = 0; i < table->count; i++) {                                                \
			const struct hook_slot *slot = &table->slots[i];                                     \
			enum hook_verdict verdict = slot->entry.fn.name(slot->instance, event);             \
			if (verdict != HOOK_PASS)                                                            \
				return verdict;                                                              \
		}                                                                                            \
		return HOOK_PASS;                                                                            \
	}
#include "stanzad/hooks.def"
#undef HOOK
