/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/stanza.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"
#include "stanzad/datetime.h"
#include "stanzad/log.h"
#include "xmpp/stanza_limits.h"

/*
 * Who owns what. The bytes of a stanza are in one of three places:
 *   - taken: in the tree behind the stanza, in one block, which goes with the tree;
 *   - parsed from text: in a tree apart;
 *   - derived: in another stanza, base; there is no tree, and what differs lies behind the struct in the same
 * block.
 */
const size_t stanza_head_room = (sizeof(struct stanza) + 15) / 16 * 16;

const struct xml_limits stanza_own_limits = {
    .max_bytes = UINT32_MAX, .max_depth = UINT8_MAX, .max_attrs = UINT16_MAX, .max_elements = UINT32_MAX};

static const struct type_word {
	const char *text;
	enum stanza_kind kind;
} type_words[] = {
    [MESSAGE_NORMAL] = {"normal", STANZA_MESSAGE},
    [MESSAGE_CHAT] = {"chat", STANZA_MESSAGE},
    [MESSAGE_GROUPCHAT] = {"groupchat", STANZA_MESSAGE},
    [MESSAGE_HEADLINE] = {"headline", STANZA_MESSAGE},
    [PRESENCE_AVAILABLE] = {"", STANZA_PRESENCE},
    [PRESENCE_UNAVAILABLE] = {"unavailable", STANZA_PRESENCE},
    [PRESENCE_SUBSCRIBE] = {"subscribe", STANZA_PRESENCE},
    [PRESENCE_SUBSCRIBED] = {"subscribed", STANZA_PRESENCE},
    [PRESENCE_UNSUBSCRIBE] = {"unsubscribe", STANZA_PRESENCE},
    [PRESENCE_UNSUBSCRIBED] = {"unsubscribed", STANZA_PRESENCE},
    [PRESENCE_PROBE] = {"probe", STANZA_PRESENCE},
    [IQ_GET] = {"get", STANZA_IQ},
    [IQ_SET] = {"set", STANZA_IQ},
    [IQ_RESULT] = {"result", STANZA_IQ},
};

#define TYPE_WORDS (sizeof(type_words) / sizeof(type_words[0]))

const char *stanza_type_text(enum stanza_type type)
{
	if (type == STANZA_ERROR)
		return "error";
	return type == MESSAGE_NORMAL || type == STANZA_TYPE_INVALID ? "" : type_words[type].text;
}

const char *stanza_kind_text(enum stanza_kind kind)
{
	static const char *const texts[] = {
	    [STANZA_MESSAGE] = "message", [STANZA_PRESENCE] = "presence", [STANZA_IQ] = "iq"};

	return texts[kind];
}

static bool kind_of(const struct xml *root, enum stanza_kind *kind_r)
{
	if (root->ns_token != XNS_CLIENT)
		return false;
	switch (root->name_token) {
	case XN_message:
		*kind_r = STANZA_MESSAGE;
		return true;
	case XN_presence:
		*kind_r = STANZA_PRESENCE;
		return true;
	case XN_iq:
		*kind_r = STANZA_IQ;
		return true;
	default:
		return false;
	}
}

static enum stanza_type type_of(enum stanza_kind kind, struct str text)
{
	enum stanza_type other = kind == STANZA_MESSAGE ? MESSAGE_NORMAL : STANZA_TYPE_INVALID;

	if (!text.ptr && kind == STANZA_PRESENCE)
		return PRESENCE_AVAILABLE;
	if (text.len == 0)
		return other;
	if (str_is(text, "error"))
		return STANZA_ERROR;
	for (size_t i = 0; i < TYPE_WORDS; i++) {
		if (type_words[i].kind == kind && str_is(text, type_words[i].text))
			return (enum stanza_type)i;
	}
	return other;
}

static void describe(struct stanza *stanza, const struct xml *root, enum stanza_kind kind)
{
	struct str type = STR_NULL;

	for (size_t i = 0; i < root->attr_count; i++) {
		const struct xml_attr *attr = &root->attrs[i];

		if (attr->ns.len > 0)
			continue;
		if (attr->name_token == XN_type)
			type = attr->value;
		else if (attr->name_token == XN_id)
			stanza->id = attr->value;
	}
	stanza->refs = 1;
	stanza->kind = kind;
	stanza->type = type_of(kind, type);
	stanza->lang = xml_lang(root);
	stanza->root = root;
}

struct stanza *stanza_take(struct xml_tree **tree)
{
	struct stanza *stanza = (struct stanza *)((char *)*tree - stanza_head_room);
	const struct xml *root = (*tree)->root;
	enum stanza_kind kind;

	assert((*tree)->head_room == stanza_head_room);
	if (!kind_of(root, &kind)) {
		xml_tree_unref(tree);
		return NULL;
	}
	stanza->tree = *tree;
	*tree = NULL;
	describe(stanza, root, kind);
	return stanza;
}

struct stanza *stanza_parse(struct str text, const struct xml_limits *limits, struct err *err)
{
	size_t offset;
	struct xml_tree *tree = xml_parse(text, NS_CLIENT, limits, &offset, err);
	enum stanza_kind kind;
	struct stanza *stanza;

	if (!tree)
		return NULL;
	if (!kind_of(tree->root, &kind)) {
		xml_tree_unref(&tree);
		err_set(err, "neither message, presence nor iq in jabber:client");
		return NULL;
	}
	stanza = mem_zalloc(sizeof(*stanza));
	stanza->tree = tree;
	describe(stanza, tree->root, kind);
	return stanza;
}

struct stanza *stanza_from_writer(struct xml_writer *writer)
{
	struct stanza *stanza = NULL;
	struct err err = {0};

	assert(str_eq(writer->default_ns, NS_CLIENT));
	if (xml_writer_complete(writer))
		stanza = stanza_parse(strbuf_view(&writer->buf), &stanza_own_limits, &err);
	else
		xml_writer_check(writer, &err);
	if (!stanza)
		LOG_ERROR("stanza.malformed", LOG_CSTR("reason", err.text));
	xml_writer_reset(writer);
	return stanza;
}

struct stanza *stanza_ref(struct stanza *stanza)
{
	__atomic_add_fetch(&stanza->refs, 1, __ATOMIC_RELAXED);
	return stanza;
}

static void release(struct stanza *stanza)
{
	struct xml_tree *tree = stanza->tree;
	bool apart = !tree || tree->head_room == 0;

	xml_tree_unref(&tree);
	if (apart)
		free(stanza);
}

void stanza_unref(struct stanza **stanza)
{
	struct stanza *next = *stanza;

	*stanza = NULL;
	while (next && __atomic_sub_fetch(&next->refs, 1, __ATOMIC_ACQ_REL) == 0) {
		struct stanza *base = next->base;

		release(next);
		next = base;
	}
}

/* A stanza that is as base is, with room for its own bytes behind it. */
static struct stanza *derive(struct stanza *base, size_t room, char **room_r)
{
	struct stanza *stanza = mem_alloc(sizeof(*stanza) + room);

	/* Not as a whole: others count its references meanwhile. */
	*stanza = (struct stanza){
	    .refs = 1,
	    .kind = base->kind,
	    .type = base->type,
	    .id = base->id,
	    .lang = base->lang,
	    .tail = base->tail,
	    .root = base->root,
	    .base = stanza_ref(base),
	};
	*room_r = (char *)(stanza + 1);
	return stanza;
}

struct stanza *stanza_with_tail(struct stanza *base, struct str tail)
{
	char *room;
	struct stanza *stanza = derive(base, base->tail.len + tail.len, &room);

	if (base->tail.len > 0)
		memcpy(room, base->tail.ptr, base->tail.len);
	if (tail.len > 0)
		memcpy(room + base->tail.len, tail.ptr, tail.len);
	stanza->tail = (struct str){room, base->tail.len + tail.len};
	return stanza;
}

static bool is_stamped(const struct stanza *stanza, struct str by)
{
	const struct xml *delay = xml_child_token(stanza->root, XN_delay, XNS_DELAY);
	for (; delay; delay = xml_next(delay, "delay", "urn:xmpp:delay"))
		if (str_eq(xml_attr_s(delay, "from"), by))
			return true;
	return stanza->tail.len && memmem(stanza->tail.ptr, stanza->tail.len, "urn:xmpp:delay", 14) &&
	       memmem(stanza->tail.ptr, stanza->tail.len, by.ptr, by.len);
}

struct stanza *stanza_with_delay(struct stanza *base, struct str by, int64_t real_us)
{
	struct strbuf tail = {0};

	if (base->kind == STANZA_IQ || base->type == STANZA_ERROR || is_stamped(base, by))
		return stanza_ref(base);
	datetime_delay(&tail, by, real_us, STR_NULL);
	struct stanza *stamped = stanza_with_tail(base, strbuf_view(&tail));
	strbuf_fini(&tail);
	return stamped;
}

static void put_child(struct xml_writer *writer, const struct xml *child)
{
	if (child->kind == XML_TEXT)
		xml_put_text(writer, child->name);
	else
		xml_put(writer, child);
}

struct stanza *stanza_without(
    struct stanza *base, bool (*drop)(const struct xml *child, void *arg), void *arg)
{
	struct xml_writer inner = {.default_ns = NS_CLIENT};
	struct strbuf bytes = {0};
	struct xml root = *base->root;
	/* Not copied as a whole, as in derive. */
	struct stanza shorter = {.kind = base->kind,
	    .type = base->type,
	    .id = base->id,
	    .lang = base->lang,
	    .tail = base->tail,
	    .root = &root};
	struct stanza *made;

	for (const struct xml *child = root.children; child; child = child->next)
		if (child->kind == XML_TEXT || !drop(child, arg))
			put_child(&inner, child);
	root.inner = strbuf_view(&inner.buf);
	stanza_write(&bytes, &shorter, NULL, NULL);
	made = stanza_parse(strbuf_view(&bytes), &stanza_own_limits, NULL);
	strbuf_fini(&bytes);
	xml_writer_fini(&inner);
	return made ? made : stanza_ref(base);
}

struct stanza *stanza_with_type(struct stanza *base, enum stanza_type type, struct str id)
{
	char *room;
	struct stanza *stanza = derive(base, id.len, &room);

	if (id.len > 0)
		memcpy(room, id.ptr, id.len);
	stanza->type = type;
	stanza->id = (struct str){id.ptr ? room : NULL, id.len};
	return stanza;
}

bool stanza_is_request(const struct stanza *stanza)
{
	return stanza->type == IQ_GET || stanza->type == IQ_SET;
}

const struct xml *stanza_payload(const struct stanza *stanza)
{
	const struct xml *first = xml_first_element(stanza->root);

	return first && !xml_next_element(first) ? first : NULL;
}
