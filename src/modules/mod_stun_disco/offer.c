/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_stun_disco/offer.h"

#include "conf/scalar.h"

#define TYPES "stun|turn|stuns|turns"
#define TRANSPORTS "tcp|udp"
#define KEYS "host|port|type|transport|restricted"

static int wrong(const struct option_node *node, struct err *err, const char *what)
{
	return err_set(err, "%s:%u:%u: %s", node->file, node->line, node->column, what);
}

static int check_keys(const struct option_node *entry, struct err *err)
{
	if (entry->kind != OPTION_NODE_MAP)
		return wrong(entry, err, "a service is a map with host, port, type, transport, restricted");
	for (const struct option_node *value = entry->items; value; value = value->next)
		if (scalar_word(KEYS, value->key->scalar) < 0)
			return wrong(value->key, err,
			    "a service has host, port, type, transport and restricted, nothing else");
	return 0;
}

/* One of words; or, when there is no such key, the default. */
static int read_word(
    const struct option_node *value, const char *words, struct str def, struct str *word_r, struct err *err)
{
	if (!value) {
		*word_r = def;
		return 0;
	}
	int place = value->kind == OPTION_NODE_SCALAR ? scalar_word(words, value->scalar) : -1;
	if (place < 0)
		return wrong(value, err,
		    str_is(STR(TYPES), words) ? "type is stun, turn, stuns or turns"
					      : "transport is tcp or udp");
	*word_r = scalar_word_at(words, place);
	return 0;
}

static int read_port(const struct option_node *value, struct offer *offer, struct err *err)
{
	uint64_t port = str_ends(offer->type, "s") ? 5349 : 3478;
	if (value && (value->kind != OPTION_NODE_SCALAR || !str_to_u64(value->scalar, &port) || port < 1 ||
			 port > UINT16_MAX))
		return wrong(value, err, "port is a number from 1 to 65535");
	offer->port = (uint16_t)port;
	return 0;
}

static int read_restricted(const struct option_node *value, struct offer *offer, struct err *err)
{
	offer->restricted = str_starts(offer->type, "turn");
	if (value && (value->kind != OPTION_NODE_SCALAR || !scalar_bool(value->scalar, &offer->restricted)))
		return wrong(value, err, "restricted is true or false");
	return 0;
}

int offer_read(const struct option_node *entry, struct offer *offer_r, struct err *err)
{
	struct offer offer = {0};
	if (check_keys(entry, err) < 0)
		return -1;
	const struct option_node *host = option_node_get(entry, "host");
	if (!host || host->kind != OPTION_NODE_SCALAR || host->scalar.len == 0)
		return wrong(entry, err, "a service needs a host");
	offer.host = host->scalar;
	if (read_word(option_node_get(entry, "type"), TYPES, STR("stun"), &offer.type, err) < 0)
		return -1;
	struct str transport = str_ends(offer.type, "s") ? STR("tcp") : STR("udp");
	if (read_word(option_node_get(entry, "transport"), TRANSPORTS, transport, &offer.transport, err) <
		0 ||
	    read_port(option_node_get(entry, "port"), &offer, err) < 0 ||
	    read_restricted(option_node_get(entry, "restricted"), &offer, err) < 0)
		return -1;
	*offer_r = offer;
	return 0;
}

int offers_check(const struct option_value *services, bool *restricted_r, struct err *err)
{
	bool restricted = false;
	struct offer offer;
	if (services->node && services->node->kind != OPTION_NODE_LIST)
		return wrong(services->node, err, "services is a list");
	for (const struct option_node *entry = services->node ? services->node->items : NULL; entry;
	     entry = entry->next) {
		if (offer_read(entry, &offer, err) < 0)
			return -1;
		restricted |= offer.restricted;
	}
	*restricted_r = restricted;
	return 0;
}
