/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_mam/mam.h"
#include "stanzad/err.h"

#define HEAD "<stanza-id xmlns='" NS_SID "' by='"
#define MIDDLE "' id='"
#define END "'/>"

static char *put(char *at, struct str text)
{
	memcpy(at, text.ptr, text.len);
	return at + text.len;
}

static char *put_number(char *at, uint64_t number)
{
	char digits[20];
	size_t count = 0;
	do
		digits[count++] = (char)('0' + number % 10);
	while (number /= 10);
	while (count)
		*at++ = digits[--count];
	return at;
}

/* A prepared bare JID has no character that XML escapes (RFC 7622 3.3.1, 3.2). */
size_t mam_stanza_id_write(char *out, struct str bare, int64_t id)
{
	char *at = put(put(put(out, STR(HEAD)), bare), STR(MIDDLE));
	at = put(put_number(at, (uint64_t)id), STR(END));
	return (size_t)(at - out);
}

static int64_t number_of(struct str text)
{
	int64_t id;
	return str_to_i64(text, &id) && id > 0 ? id : 0;
}

/* Only the server adds to the tail of a stanza. */
int64_t mam_stanza_id_own(const struct stanza *message, struct str bare)
{
	struct str tail = message->tail;
	size_t before = sizeof(HEAD) - 1 + bare.len + sizeof(MIDDLE) - 1;
	const char *at = tail.len > before ? memmem(tail.ptr, tail.len, HEAD, sizeof(HEAD) - 1) : NULL;
	while (at) {
		struct str rest = {at, (size_t)(tail.ptr + tail.len - at)};
		if (rest.len > before && memcmp(at + sizeof(HEAD) - 1, bare.ptr, bare.len) == 0 &&
		    memcmp(at + sizeof(HEAD) - 1 + bare.len, MIDDLE, sizeof(MIDDLE) - 1) == 0) {
			struct str behind;
			return number_of(str_cut(
			    (struct str){rest.ptr + before, rest.len - before}, '\'', &behind));
		}
		at = memmem(at + 1, rest.len - 1, HEAD, sizeof(HEAD) - 1);
	}
	return 0;
}

/* XEP-0359 3, 7: addresses are compared when they are normalized. */
static bool is_by(const struct xml *child, struct str bare)
{
	if (child->ns_token != XNS_SID || !str_is(child->name, "stanza-id"))
		return false;
	struct str by = xml_attr_s(child, "by");
	if (str_eq(by, bare))
		return true;
	struct arena arena = {0};
	struct err err;
	struct jid jid;
	bool same = jid_parse(by, &arena, &jid, &err) == 0 && str_eq(jid_bare(&jid), bare);
	arena_fini(&arena);
	return same;
}

int64_t mam_stanza_id_kept(const struct stanza *message, struct str bare)
{
	int64_t id = mam_stanza_id_own(message, bare);
	const struct xml *child = xml_first_element(message->root);
	for (; child && !id; child = xml_next_element(child))
		if (is_by(child, bare))
			id = number_of(xml_attr_s(child, "id"));
	return id;
}

static bool drop(const struct xml *child, void *arg)
{
	return is_by(child, *(const struct str *)arg);
}

struct stanza *mam_stanza_id_strip(const struct stanza *message, struct str bare)
{
	for (const struct xml *child = xml_first_element(message->root); child;
	     child = xml_next_element(child))
		if (is_by(child, bare))
			return stanza_without((struct stanza *)message, drop, &bare);
	return NULL;
}
