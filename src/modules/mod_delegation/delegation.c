/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_delegation/delegation.h"

#include <stdlib.h>

#include "stanzad/access.h"
#include "stanzad/mem.h"

static char **words_of(const struct option_node *node)
{
	const struct option_node *first = node && node->kind == OPTION_NODE_LIST ? node->items : node;
	size_t count = 0;
	char **words = mem_zalloc(sizeof(*words));
	for (const struct option_node *word = first; word; word = node == first ? NULL : word->next) {
		words[count++] = str_dup(word->scalar);
		words = mem_realloc_array(words, count + 1, sizeof(*words));
		words[count] = NULL;
	}
	return words;
}

static int check_entry(const struct module_instance *instance, const struct option_node *entry, struct err *err)
{
	struct str ns = entry->key->scalar;
	if (str_starts(ns, "urn:xmpp:delegation:") && !str_is(ns, ALL_INFO) && !str_is(ns, ALL_ITEMS))
		return err_set(err, "%s:%u: delegation itself cannot be delegated", entry->file, entry->key->line);
	if (entry->kind != OPTION_NODE_MAP)
		return err_set(err, "%s:%u: expected a map with 'access'", entry->file, entry->line);
	for (const struct option_node *word = entry->items; word; word = word->next)
		if (!str_is(word->key->scalar, "access") && !str_is(word->key->scalar, "filtering"))
			return err_set(err, "%s:%u: unknown option '%.*s' (access, filtering)", entry->file,
			    word->key->line, STR_FMT(word->key->scalar));
	const struct option_node *rule = option_node_get(entry, "access");
	if (rule && rule->kind != OPTION_NODE_SCALAR)
		return err_set(err, "%s:%u: expected the name of an access rule", rule->file, rule->line);
	if (rule && !module_rule_exists(instance, rule->scalar))
		return err_set(err, "%s:%u: there is no access rule '%.*s'", rule->file, rule->line,
		    STR_FMT(rule->scalar));
	return 0;
}

struct delegations *delegations_new(struct module_instance *instance, struct err *err)
{
	const struct option_node *map = module_option(instance, "namespaces")->node;
	struct delegations *delegations = mem_zalloc(sizeof(*delegations));
	pthread_mutex_init(&delegations->lock, NULL);
	list_init(&delegations->pending);
	for (const struct option_node *entry = map ? map->items : NULL; entry; entry = entry->next) {
		if (check_entry(instance, entry, err) < 0) {
			delegations_free(&delegations);
			return NULL;
		}
		const struct option_node *rule = option_node_get(entry, "access");
		delegations->list = mem_realloc_array(
		    delegations->list, delegations->count + 1, sizeof(*delegations->list));
		delegations->list[delegations->count++] = (struct delegation){
		    .ns = str_dup(entry->key->scalar),
		    .rule = str_dup(rule ? rule->scalar : STR("none")),
		    .filtering = words_of(option_node_get(entry, "filtering")),
		};
	}
	return delegations;
}

void delegations_free(struct delegations **delegations)
{
	if (!*delegations)
		return;
	for (size_t i = 0; i < (*delegations)->count; i++) {
		struct delegation *delegation = &(*delegations)->list[i];
		for (char **word = delegation->filtering; *word; word++)
			free(*word);
		free(delegation->filtering);
		free(delegation->ns);
		free(delegation->rule);
		free(delegation->domain);
		strbuf_fini(&delegation->info[IQ_LOCAL]);
		strbuf_fini(&delegation->info[IQ_SM]);
	}
	pthread_mutex_destroy(&(*delegations)->lock);
	free((*delegations)->list);
	free(*delegations);
	*delegations = NULL;
}

struct delegation *delegation_of(struct delegations *delegations, struct str ns)
{
	for (size_t i = 0; i < delegations->count; i++)
		if (str_is(ns, delegations->list[i].ns))
			return &delegations->list[i];
	return NULL;
}
