/* SPDX-License-Identifier: Apache-2.0 */
#include "xml/root.h"

#include "base/mem.h"
#include "xml/tokens.h"

static const struct xml_prefix standard_prefix = {
    {"stream", 6}, {"http://etherx.jabber.org/streams", 32}, XNS_STREAM};

static struct str root_name(const struct tape *header)
{
	const struct tape_node *node = tape_node(header, 0);
	struct str name = tape_str(header, node->name);

	return (struct str){name.ptr - node->prefix_len, name.len + node->prefix_len};
}

static struct str uri_text(const struct tape *header, uint32_t uri)
{
	const struct tape_span *uris = header->uris.items;

	return uri < XNS_COUNT ? xml_ns_strs[uri] : tape_str(header, uris[uri - XNS_COUNT]);
}

static enum xml_ns uri_token(uint32_t uri)
{
	return uri < XNS_COUNT ? (enum xml_ns)uri : XNS_OTHER;
}

static bool is_standard(const struct tape *header, enum xml_ns content_ns)
{
	const struct tape_binding *binding = tape_binding(header, 0);

	return tape_node(header, 0)->default_uri == content_ns && header->bindings.count == 1 &&
	       binding->uri == XNS_STREAM && str_is(tape_str(header, binding->prefix), "stream") &&
	       str_is(root_name(header), "stream:stream");
}

static struct str copy(char **at, struct str s)
{
	struct str copied = {*at, s.len};

	if (s.len)
		memcpy(*at, s.ptr, s.len);
	*at += s.len;
	return copied;
}

/* Texts of known namespaces are constants. */
static size_t uri_size(const struct tape *header, uint32_t uri)
{
	return uri < XNS_COUNT ? 0 : uri_text(header, uri).len;
}

static struct str uri_copy(const struct tape *header, char **at, uint32_t uri)
{
	return uri < XNS_COUNT ? xml_ns_strs[uri] : copy(at, uri_text(header, uri));
}

struct xml_root *xml_root_new(const struct tape *header, enum xml_ns content_ns)
{
	uint32_t count = header->bindings.count, default_uri = tape_node(header, 0)->default_uri;
	size_t size = sizeof(struct xml_root) + count * sizeof(struct xml_prefix);
	struct xml_root *root;
	char *at;

	if (is_standard(header, content_ns))
		return NULL;
	at = NULL;
	size += root_name(header).len + uri_size(header, default_uri);
	for (uint32_t i = 0; i < count; i++) {
		const struct tape_binding *binding = tape_binding(header, i);

		size += binding->prefix.len + uri_size(header, binding->uri);
	}
	root = mem_alloc(size);
	at = (char *)&root->prefixes[count];
	root->name = copy(&at, root_name(header));
	root->default_ns = uri_copy(header, &at, default_uri);
	root->default_token = uri_token(default_uri);
	root->prefix_count = count;
	for (uint32_t i = 0; i < count; i++) {
		const struct tape_binding *binding = tape_binding(header, i);

		root->prefixes[i].prefix = copy(&at, tape_str(header, binding->prefix));
		root->prefixes[i].uri = uri_copy(header, &at, binding->uri);
		root->prefixes[i].token = uri_token(binding->uri);
	}
	return root;
}

struct xml_scope xml_root_scope(const struct xml_root *root, enum xml_ns content_ns)
{
	struct xml_scope scope = {
	    .default_ns = root ? root->default_ns : xml_ns_strs[content_ns],
	    .default_token = root ? root->default_token : content_ns,
	    .content_ns = content_ns,
	    .prefix_count = root ? root->prefix_count : 1,
	    .prefixes = root ? root->prefixes : &standard_prefix,
	};

	if (scope.default_token == content_ns) {
		scope.default_token = XNS_CLIENT;
		scope.default_ns = xml_ns_strs[XNS_CLIENT];
	}
	return scope;
}
