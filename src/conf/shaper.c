/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/acl.h"
#include "conf/nearest.h"
#include "conf/scalar.h"
#include "conf/snapshot.h"

/* Bytes per second; infinity and none are no limit. */
static bool read_rate(struct loader *loader, const struct option_node *value, int64_t *rate_r)
{
	if (value->kind == OPTION_NODE_SCALAR) {
		if (scalar_is_infinity(value->scalar) || str_is(value->scalar, "none")) {
			*rate_r = 0;
			return true;
		}
		if (scalar_size(value->scalar, rate_r) && *rate_r > 0)
			return true;
	}
	problem_error(loader, value, "expected a number of bytes per second, or infinity, got %s",
	    problem_got(loader, value));
	return false;
}

static void read_field(struct loader *loader, const struct option_node *value, struct shaper *shaper)
{
	struct nearest nearest = {.word = value->key->scalar};

	if (str_is(value->key->scalar, "rate")) {
		read_rate(loader, value, &shaper->rate);
	} else if (str_is(value->key->scalar, "burst_size")) {
		read_rate(loader, value, &shaper->burst);
	} else {
		nearest_try_words(&nearest, "rate|burst_size");
		problem_error(loader, value->key, "expected rate or burst_size, got %s%s",
		    problem_got(loader, value->key), nearest_hint(loader, &nearest));
	}
}

static struct shaper *build(struct loader *loader, const struct option_node *value)
{
	struct shaper *shaper = arena_zalloc(loader->arena, sizeof(*shaper));

	if (value->kind == OPTION_NODE_MAP) {
		node_check_unique(loader, value, "field");
		for (const struct option_node *field = value->items; field; field = field->next)
			read_field(loader, field, shaper);
		if (!option_node_get(value, "rate"))
			problem_error(loader, value, "expected 'rate' with a number of bytes per second");
	} else {
		read_rate(loader, value, &shaper->rate);
	}
	if (shaper->burst < shaper->rate)
		shaper->burst = shaper->rate;
	return shaper;
}

struct map *shaper_build_all(struct loader *loader, const struct option_node *value)
{
	struct map *shapers = conf_new_map(loader->conf);

	node_check_unique(loader, value, "shaper");
	for (const struct option_node *item = value->items; item; item = item->next) {
		if (item->key->kind != OPTION_NODE_SCALAR || str_is(item->key->scalar, "none"))
			problem_error(loader, item->key,
			    "expected the name of a shaper other than 'none', got %s",
			    problem_got(loader, item->key));
		else
			map_put(shapers, item->key->scalar, build(loader, item));
	}
	return shapers;
}
