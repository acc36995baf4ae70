/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc/configure.h"

#include "modules/mod_muc/feature.h"

#define STATUS_CONFIGURED 104
#define STATUS_LOGGED 170
#define STATUS_NOT_LOGGED 171
#define STATUS_NON_ANONYMOUS 172
#define STATUS_SEMI_ANONYMOUS 173
#define STATUS_MEMBERS_ONLY 322

/* --- who may set what ----------------------------------------------------------------------------------- */

static int64_t bound(const struct room *room, const char *option)
{
	return module_option(room->instance, option)->integer;
}

void room_config_rules_for(const struct room *room, const struct jid *jid, struct room_config_rules *rules_r)
{
	struct module_instance *instance = room->instance;
	const struct host *host = module_host(instance);
	struct module_instance *log = host_module(host, "mod_muc_log");
	struct access_subject subject = {.jid = jid};
	bool all = muc_allows(instance, "access_admin", jid);
	*rules_r = (struct room_config_rules){
	    .may_persist = all || muc_allows(instance, "access_persistent", jid),
	    .may_archive = all || muc_allows(instance, "access_mam", jid),
	    .may_log = all || (log && module_allows(log, "access_log", &subject)),
	    .can_archive = host_module(host, "mod_mam") != NULL,
	    .can_log = log != NULL,
	    .can_captcha = true,
	    .max_users = bound(room, "max_users"),
	    .max_name = bound(room, "max_room_name"),
	    .max_desc = bound(room, "max_room_desc"),
	    .max_password = bound(room, "max_password"),
	    .max_whitelist = bound(room, "max_captcha_whitelist"),
	};
}

/* --- what is another ------------------------------------------------------------------------------------ */

static bool is_another(const struct room_config *a, const struct room_config *b)
{
#define ROOM_BOOL(name, def, field, label) || a->name != b->name
#define ROOM_TEXT(name, field, type, label) || !str_eq(room_word(&a->name), room_word(&b->name))
#define ROOM_NUMBER(name, def, field, label) || a->name != b->name
#define ROOM_WORD(name, words, def, field, label) || a->name != b->name
	return a->presence_broadcast != b->presence_broadcast ||
	       !str_eq(room_word(&a->captcha_whitelist), room_word(&b->captcha_whitelist))
#include "modules/mod_muc/room_options.def"
	    ;
#undef ROOM_BOOL
#undef ROOM_TEXT
#undef ROOM_NUMBER
#undef ROOM_WORD
}

void room_config_codes(const struct room_config *before, const struct room_config *now, int *codes_r)
{
	/* Shallow: compared here, and owning nothing. */
	struct room_config same = *before;
	same.logging = now->logging;
	same.anonymous = now->anonymous;
	if (is_another(&same, now))
		*codes_r++ = STATUS_CONFIGURED;
	if (before->logging != now->logging)
		*codes_r++ = now->logging ? STATUS_LOGGED : STATUS_NOT_LOGGED;
	if (before->anonymous != now->anonymous)
		*codes_r++ =
		    now->anonymous == ROOM_WHOIS_ANYONE ? STATUS_NON_ANONYMOUS : STATUS_SEMI_ANONYMOUS;
	*codes_r = 0;
}

/* --- what follows --------------------------------------------------------------------------------------- */

static struct occupant *find_no_member(const struct room *room)
{
	for (struct occupant *at = room_first_occupant(room); at; at = occupant_next(at))
		if (at->affiliation < ROOM_MEMBER && room_privilege(room, &at->real) < ROOM_MEMBER)
			return at;
	return NULL;
}

/* 10.2: those who are no members of a room that is for members now. */
static void send_others_away(struct room *room, const struct jid *by)
{
	struct occupant *occupant;
	while ((occupant = find_no_member(room))) {
		struct room_leaving leaving = {.why = ROOM_LEFT_NO_MEMBER,
		    .status = STATUS_MEMBERS_ONLY,
		    .by = by && by->resource_len ? room_occupant_of(room, by) : NULL,
		    .by_jid = by};
		room_occupant_leaves(room, occupant, &leaving);
	}
}

static void announce(struct room *room, const struct room_config *before, const struct jid *by)
{
	struct hook_room_configured event = {.room = room, .by = by};
	for (const struct room_feature *const *feature = room_features; *feature; feature++)
		if ((*feature)->configured)
			(*feature)->configured(room, before);
	hook_run_room_configured(module_host(room->instance), &event);
}

void room_configure(struct room *room, const struct room_config *config, const struct jid *by)
{
	struct room_config before = {0};
	int codes[ROOM_CONFIG_CODES];
	room_hold(room);
	room_config_copy(&before, &room->config);
	room_config_copy(&room->config, config);
	room->locked = false;
	room_config_codes(&before, config, codes);
	if (codes[0])
		room_broadcast_status(room, codes);
	if (config->members_only && !before.members_only)
		send_others_away(room, by);
	announce(room, &before, by);
	room_changed(room);
	room_config_fini(&before);
	room_release(room);
}
