/* SPDX-License-Identifier: Apache-2.0 */
/* acl, access_rules and shaper_rules as data: how they are built from the file. access.h tells how they are
 * asked. */
#pragma once

#include "conf/ip.h"
#include "conf/node.h"
#include "conf/pattern.h"

enum acl_kind {
	ACL_ALL,
	ACL_NONE,
	ACL_USER,             /* name, and server or any local host */
	ACL_SERVER,           /* server */
	ACL_RESOURCE,         /* name */
	ACL_USER_PATTERN,     /* name_pattern, and server or any local host */
	ACL_SERVER_PATTERN,   /* server_pattern */
	ACL_RESOURCE_PATTERN, /* name_pattern */
	ACL_NODE_PATTERN,     /* name_pattern and server_pattern */
	ACL_IP,
	ACL_REFERENCE, /* the ACL called name */
	ACL_ANY,       /* one of the tests in any */
};

struct acl_test {
	enum acl_kind kind;
	struct str name, server;
	const struct pattern *name_pattern, *server_pattern;
	struct ip_network network;
	const struct acl_test *any;
	const struct option_node *at;
	const struct acl_test *next;
};

/* A named ACL: one of its tests must match. */
struct acl {
	const struct acl_test *any;
};

/* One rule: all of its tests must match, then word or number is the answer. */
struct access_rule {
	struct str word;
	int64_t number;
	bool is_number;
	const struct acl_test *all;
	const struct option_node *at;
	const struct access_rule *next;
};

struct access {
	struct str name; /* refers to a named rule; empty: the rules below */
	const struct access_rule *rules;
	const struct option_node *at;
};

struct shaper {
	int64_t rate; /* 0: not limited */
	int64_t burst;
};

enum access_language { ACCESS_ALLOW_DENY, ACCESS_SHAPERS };

/* "acl:", "access_rules:", "shaper_rules:", "shaper:": maps from names. Never NULL. */
struct map *acl_build_all(struct loader *loader, const struct option_node *value);
struct map *access_build_all(
    struct loader *loader, const struct option_node *value, enum access_language language);
struct map *shaper_build_all(struct loader *loader, const struct option_node *value);
/* A rule in place, or a reference to a named one. NULL after a problem. */
const struct access *access_build(
    struct loader *loader, const struct option_node *value, enum access_language language);
/* One test "TYPE: VALUE" of an ACL; value may be a list. NULL after a problem. */
const struct acl_test *acl_build_test(struct loader *loader, const struct option_node *value);
/* "all", "none", or a reference to an ACL. */
const struct acl_test *acl_build_reference(struct loader *loader, const struct option_node *name);
/* Warns when a given value names a rule or shaper that does not exist. */
struct conf_scope;
void access_check_value(
    struct loader *loader, const struct conf_scope *scope, const struct option_value *value);
/* Reports ACLs that refer to themselves, and warns of names that look mistyped. */
void access_check_scope(struct loader *loader, const struct conf_scope *scope);
