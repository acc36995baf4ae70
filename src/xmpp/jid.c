/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/jid.h"

#include "base/mem.h"
#include "xmpp/jid_domain.h"
#include "xmpp/precis.h"

#define PASSWORD_MAX 16384 /* bytes; tokens that stand for passwords are long */
#define RAW_FACTOR 4       /* text longer than so many times its limit is refused before any work on it */

/* What an ASCII character may stand in without being changed. */
enum { IN_LOCAL = 1, IN_DOMAIN = 2, IN_RESOURCE = 4, SEPARATOR = 8 };

#define L IN_LOCAL
#define R IN_RESOURCE
#define ALL (IN_LOCAL | IN_DOMAIN | IN_RESOURCE)
static const uint8_t classes[256] = {
    [' '] = R,
    ['!'] = L | R,
    ['"'] = R,
    ['#'] = L | R,
    ['$'] = L | R,
    ['%'] = L | R,
    ['&'] = R,
    ['\''] = R,
    ['('] = L | R,
    [')'] = L | R,
    ['*'] = L | R,
    ['+'] = L | R,
    [','] = L | R,
    ['-'] = ALL,
    ['.'] = ALL,
    ['/'] = R | SEPARATOR,
    ['0' ... '9'] = ALL,
    [':'] = R,
    [';'] = L | R,
    ['<'] = R,
    ['='] = L | R,
    ['>'] = R,
    ['?'] = L | R,
    ['@'] = R | SEPARATOR,
    ['A' ... 'Z'] = R,
    ['['] = L | R,
    ['\\'] = L | R,
    [']'] = L | R,
    ['^'] = L | R,
    ['_'] = ALL,
    ['`'] = L | R,
    ['a' ... 'z'] = ALL,
    ['{' ... '~'] = L | R,
};
#undef L
#undef R
#undef ALL

static inline bool all_in(struct str text, unsigned class, size_t max)
{
	unsigned seen = class;

	if (text.len == 0 || text.len > max)
		return false;
	for (size_t i = 0; i < text.len; i++)
		seen &= classes[(unsigned char)text.ptr[i]];
	return seen != 0;
}

static inline bool label_is_prepared(const char *label, const char *end)
{
	size_t len = (size_t)(end - label);

	return len - 1 < 63 && label[0] != '-' && end[-1] != '-' &&
	       !(len >= 4 && memcmp(label, "xn--", 4) == 0);
}

static inline bool domain_is_prepared(struct str domain)
{
	if (domain.len == 0 || domain.len > JID_PART_MAX)
		return false;
	const char *p = domain.ptr, *end = domain.ptr + domain.len, *label = p;
	for (; p < end; p++) {
		if (!(classes[(unsigned char)*p] & IN_DOMAIN))
			return false;
		if (*p != '.')
			continue;
		if (!label_is_prepared(label, p))
			return false;
		label = p + 1;
	}
	return label_is_prepared(label, end);
}

static inline size_t find_separator(struct str text)
{
	size_t i = 0;

	while (i < text.len && !(classes[(unsigned char)text.ptr[i]] & SEPARATOR))
		i++;
	return i;
}

struct parts {
	struct str local, domain, resource;
	bool has_local, has_resource;
};

/* RFC 7622 3.1: the first slash begins the resource, the first at sign before it ends the local part. */
static inline struct parts split(struct str text)
{
	struct parts parts = {.domain = text};
	size_t at = find_separator(text);

	if (at < text.len && text.ptr[at] == '@') {
		parts.has_local = true;
		parts.local = (struct str){text.ptr, at};
		parts.domain = (struct str){text.ptr + at + 1, text.len - at - 1};
		at = find_separator(parts.domain);
	}
	while (at < parts.domain.len && parts.domain.ptr[at] != '/')
		at++;
	if (at < parts.domain.len) {
		parts.has_resource = true;
		parts.resource = (struct str){parts.domain.ptr + at + 1, parts.domain.len - at - 1};
		parts.domain.len = at;
	}
	return parts;
}

static inline bool is_prepared(const struct parts *parts)
{
	return (!parts->has_local || all_in(parts->local, IN_LOCAL, JID_PART_MAX)) &&
	       domain_is_prepared(parts->domain) &&
	       (!parts->has_resource || all_in(parts->resource, IN_RESOURCE, JID_PART_MAX));
}

static inline struct jid jid_of(const char *text, size_t local_len, size_t domain_len, size_t resource_len)
{
	return (struct jid){text, (uint16_t)local_len, (uint16_t)domain_len, (uint16_t)resource_len};
}

struct part_kind {
	const char *name;
	size_t max; /* bytes when prepared */
	int (*prepare)(struct strbuf *out, struct str text, struct err *err);
};

static int prepare_local(struct strbuf *out, struct str text, struct err *err)
{
	size_t start = out->len;

	if (precis_username(out, text, err) < 0)
		return -1;
	for (size_t i = start; i < out->len; i++) {
		unsigned char c = (unsigned char)out->ptr[i];
		if (c < 0x80 && !(classes[c] & IN_LOCAL)) {
			out->len = start;
			return err_set(err, "U+%04X is not allowed", c); /* RFC 7622 3.3.1 */
		}
	}
	return 0;
}

static const struct part_kind local_part = {"local part", JID_PART_MAX, prepare_local};
static const struct part_kind domain_part = {"domain part", JID_PART_MAX, jid_domain_prepare};
static const struct part_kind resource_part = {"resource part", JID_PART_MAX, precis_opaque};
static const struct part_kind password = {"password", PASSWORD_MAX, precis_opaque};

/* Appends the prepared part. */
static int put_part(
    struct strbuf *out, struct str text, const struct part_kind *kind, size_t *len_r, struct err *err)
{
	size_t start = out->len;

	if (text.len > RAW_FACTOR * kind->max)
		return err_set(err, "%s: longer than %zu bytes", kind->name, kind->max);
	if (kind->prepare(out, text, err) < 0)
		return err_prefix(err, "%s", kind->name);
	if (out->len - start > kind->max)
		return err_set(err, "%s: longer than %zu bytes", kind->name, kind->max);
	*len_r = out->len - start;
	return 0;
}

static int put_parts(struct strbuf *out, const struct parts *parts, struct jid *jid_r, struct err *err)
{
	size_t local = 0, domain = 0, resource = 0;

	if (parts->has_local) {
		if (put_part(out, parts->local, &local_part, &local, err) < 0)
			return -1;
		strbuf_char(out, '@');
	}
	if (put_part(out, parts->domain, &domain_part, &domain, err) < 0)
		return -1;
	if (parts->has_resource) {
		strbuf_char(out, '/');
		if (put_part(out, parts->resource, &resource_part, &resource, err) < 0)
			return -1;
	}
	*jid_r = jid_of(NULL, local, domain, resource);
	return 0;
}

/* The prepared text, or the original when it is the same. */
static struct str keep(struct str original, struct str prepared, struct arena *arena)
{
	return str_eq(original, prepared) ? original : arena_str(arena, prepared);
}

static int prepare_parts(
    const struct parts *parts, struct str original, struct arena *arena, struct jid *jid_r, struct err *err)
{
	struct strbuf out = {0};
	struct jid jid;
	int result = put_parts(&out, parts, &jid, err);

	if (result == 0) {
		jid.text = keep(original, strbuf_view(&out), arena).ptr;
		*jid_r = jid;
	}
	strbuf_fini(&out);
	return result;
}

int jid_parse(struct str text, struct arena *arena, struct jid *jid_r, struct err *err)
{
	struct parts parts = split(text);

	if (!is_prepared(&parts))
		return prepare_parts(&parts, text, arena, jid_r, err);
	*jid_r = jid_of(text.ptr, parts.local.len, parts.domain.len, parts.resource.len);
	return 0;
}

/* All parts prepared already. */
static struct jid join(const struct parts *parts, struct arena *arena)
{
	char *text = arena_alloc(arena, parts->local.len + parts->domain.len + parts->resource.len + 3),
	     *p = text;

	if (parts->has_local) {
		memcpy(p, parts->local.ptr, parts->local.len);
		p += parts->local.len;
		*p++ = '@';
	}
	memcpy(p, parts->domain.ptr, parts->domain.len);
	p += parts->domain.len;
	if (parts->has_resource) {
		*p++ = '/';
		memcpy(p, parts->resource.ptr, parts->resource.len);
		p += parts->resource.len;
	}
	*p = '\0';
	return jid_of(text, parts->local.len, parts->domain.len, parts->resource.len);
}

int jid_make(struct str local, struct str domain, struct str resource, struct arena *arena, struct jid *jid_r,
    struct err *err)
{
	struct parts parts = {local, domain, resource, local.len > 0, resource.len > 0};

	if (!is_prepared(&parts))
		return prepare_parts(&parts, STR_NULL, arena, jid_r, err);
	*jid_r = join(&parts, arena);
	return 0;
}

static int prep_part(
    struct str text, const struct part_kind *kind, struct arena *arena, struct str *part_r, struct err *err)
{
	struct strbuf out = {0};
	size_t len;
	int result = put_part(&out, text, kind, &len, err);

	if (result == 0)
		*part_r = keep(text, strbuf_view(&out), arena);
	strbuf_fini(&out);
	return result;
}

int jid_prep_local(struct str text, struct arena *arena, struct str *local_r, struct err *err)
{
	if (!all_in(text, IN_LOCAL, JID_PART_MAX))
		return prep_part(text, &local_part, arena, local_r, err);
	*local_r = text;
	return 0;
}

int jid_prep_domain(struct str text, struct arena *arena, struct str *domain_r, struct err *err)
{
	if (!domain_is_prepared(text))
		return prep_part(text, &domain_part, arena, domain_r, err);
	*domain_r = text;
	return 0;
}

int jid_prep_resource(struct str text, struct arena *arena, struct str *resource_r, struct err *err)
{
	if (!all_in(text, IN_RESOURCE, JID_PART_MAX))
		return prep_part(text, &resource_part, arena, resource_r, err);
	*resource_r = text;
	return 0;
}

int jid_prep_password(struct str text, struct arena *arena, struct str *password_r, struct err *err)
{
	if (!all_in(text, IN_RESOURCE, PASSWORD_MAX))
		return prep_part(text, &password, arena, password_r, err);
	*password_r = text;
	return 0;
}

struct jid jid_dup(const struct jid *jid, struct arena *arena)
{
	struct jid copy = *jid;

	copy.text = arena_str(arena, jid_full(jid)).ptr;
	return copy;
}

struct jid jid_dup_heap(const struct jid *jid)
{
	struct jid copy = *jid;

	copy.text = str_dup(jid_full(jid));
	return copy;
}

struct jid jid_with_resource(const struct jid *jid, struct str resource, struct arena *arena)
{
	struct parts parts = {
	    jid_local(jid), jid_domain(jid), resource, jid->local_len > 0, resource.len > 0};

	return join(&parts, arena);
}
