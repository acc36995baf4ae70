/* SPDX-License-Identifier: Apache-2.0 */
/*
 * acl, access_rules, shaper_rules: who may do what. First match wins, in the order of the file; when nothing
 * matches access is denied and a shaper rule gives none. Pure functions over a snapshot; any thread.
 */
#pragma once

#include "conf/conf.h"
#include "stanzad/access.h"

/* access: from an OPTION_ACCESS value; host decides which ACLs of host_config are seen. */
bool access_allowed(const struct conf *conf, struct str host, const struct access *access,
    const struct access_subject *subject);
/* A named rule of access_rules; "all" and "none" always exist. */
bool access_rule_allowed(
    const struct conf *conf, struct str host, const char *rule, const struct access_subject *subject);
/* A named rule of shaper_rules that yields a number (max_user_sessions, ...): the value, OPTION_INFINITE, or
 * fallback when the rule is missing or nothing matches. */
int64_t access_rule_number(const struct conf *conf, struct str host, const char *rule,
    const struct access_subject *subject, int64_t fallback);
/* The same for an OPTION_SHAPER value that stands for a number: a rule's name, rules in place, or the number
 * itself. */
int64_t access_number(const struct conf *conf, struct str host, const struct option_value *value,
    const struct access_subject *subject, int64_t fallback);
/* A named ACL; "all" matches everybody. */
bool access_acl_match(
    const struct conf *conf, struct str host, const char *acl, const struct access_subject *subject);

/* The rate that an OPTION_SHAPER value gives a subject. rate in bytes per second, 0: not limited. */
struct shaper_rate {
	int64_t rate;
	int64_t burst; /* bytes that may pass at once */
};
struct shaper_rate access_shaper(const struct conf *conf, struct str host, const struct option_value *shaper,
    const struct access_subject *subject);
