/* SPDX-License-Identifier: Apache-2.0 */
#include "store/schema.h"

#define COLUMNS(...)                                                                                         \
	.columns = (const struct schema_column[])                                                            \
	{                                                                                                    \
		__VA_ARGS__,                                                                                 \
		{                                                                                            \
			0                                                                                    \
		}                                                                                            \
	}
#define INDEXES(...)                                                                                         \
	.indexes = (const struct schema_index[])                                                             \
	{                                                                                                    \
		__VA_ARGS__,                                                                                 \
		{                                                                                            \
			0                                                                                    \
		}                                                                                            \
	}

#define CREATED                                                                                              \
	{                                                                                                    \
		"created_at", TIME                                                                           \
	}

const struct schema_owner schema_owners[] = {
    {"stanzad", 1},
    {"ejabberd_auth_sql", 2},
    {"ejabberd_oauth_sql", 1},
    {"ejabberd_router_sql", 1},
    {"ejabberd_sm_sql", 1},
    {"mod_announce_sql", 1},
    {"mod_auth_fast_sql", 1},
    {"mod_bosh_sql", 1},
    {"mod_caps_sql", 1},
    {"mod_invites_sql", 3},
    {"mod_last_sql", 1},
    {"mod_mam_sql", 2},
    {"mod_mix_pam_sql", 1},
    {"mod_mix_sql", 1},
    {"mod_mqtt_sql", 1},
    {"mod_muc_sql", 1},
    {"mod_offline_sql", 1},
    {"mod_privacy_sql", 1},
    {"mod_private_sql", 1},
    {"mod_proxy65_sql", 1},
    {"mod_pubsub_sql", 1},
    {"mod_push_sql", 1},
    {"mod_roster_sql", 2},
    {"mod_shared_roster_sql", 1},
    {"mod_vcard_sql", 1},
    {0},
};

const struct schema_table schema_tables[] = {
    /* Accounts. users.type: 0 told by the password's prefix, 1 plain, 2 SHA-1, 3 SHA-256, 4 SHA-512. */
    {"users", "ejabberd_auth_sql", true,
	COLUMNS({"username", KEY}, {"type", SMALL}, {"password", TEXT}, {"serverkey", TEXT128, "''"},
	    {"salt", TEXT128, "''"}, {"iterationcount", INT, "0"}, CREATED),
	.key = "{host,} username, type"},
    {"last", "mod_last_sql", true, COLUMNS({"username", KEY}, {"seconds", TEXT}, {"state", TEXT}),
	.key = "{host,} username"},
    {"oauth_token", "ejabberd_oauth_sql", false,
	COLUMNS({"token", KEY}, {"jid", TEXT}, {"scope", TEXT}, {"expire", BIG}), .key = "token"},
    {"oauth_client", "ejabberd_oauth_sql", false,
	COLUMNS({"client_id", KEY}, {"client_name", TEXT}, {"grant_type", TEXT}, {"options", TEXT}),
	.key = "client_id"},
    {"auth_fast_tokens", "mod_auth_fast_sql", true,
	COLUMNS({"username", KEY}, {"ua", KEY}, {"type", CHAR1}, {"token", TEXT}, CREATED, {"expires", TIME}),
	INDEXES({UNIQUE, "{host,} username, ua, type"})},
    {"invite_token", "mod_invites_sql", true,
	COLUMNS({"token", KEY}, {"username", TEXT}, {"invitee", KEY, "''"}, CREATED, {"expires", TIME},
	    {"type", CHAR1}, {"account_name", TEXT}),
	.key = "token", INDEXES({INDEX, "{host,} username"}, {INDEX, "invitee"})},

    /* Contacts. */
    {"rosterusers", "mod_roster_sql", true,
	COLUMNS({"username", KEY}, {"jid", KEY}, {"nick", TEXT}, {"subscription", CHAR1},
	    {"approved", BOOL, "false"}, {"ask", CHAR1}, {"askmessage", TEXT}, {"server", CHAR1},
	    {"subscribe", TEXT}, {"type", TEXT, .nullable = true}, CREATED),
	INDEXES({UNIQUE, "{host,} username, jid"}, {INDEX, "{host,} jid"})},
    {"rostergroups", "mod_roster_sql", true, COLUMNS({"username", KEY}, {"jid", KEY}, {"grp", TEXT}),
	INDEXES({INDEX, "{host,} username, jid"})},
    {"roster_version", "mod_roster_sql", true, COLUMNS({"username", KEY}, {"version", TEXT}),
	.key = "{host,} username"},
    {"sr_group", "mod_shared_roster_sql", true, COLUMNS({"name", KEY}, {"opts", TEXT}, CREATED),
	INDEXES({UNIQUE, "{host,} name"})},
    {"sr_user", "mod_shared_roster_sql", true, COLUMNS({"jid", KEY}, {"grp", KEY}, CREATED),
	INDEXES({UNIQUE, "{host,} jid, grp"}, {INDEX, "{host,} grp"})},

    /* Messages. archive.timestamp: microseconds since 1970, and the id of the archived message. Two indexes have the
     * timestamp behind the peer, where ejabberd has the peer alone: a page of what was said with somebody. */
    {"spool", "mod_offline_sql", true, COLUMNS({"username", KEY}, {"xml", LONG}, {"seq", SERIAL}, CREATED),
	INDEXES({INDEX, "{host,} username"})},
    {"archive", "mod_mam_sql", true,
	COLUMNS({"username", KEY}, {"timestamp", UBIG}, {"peer", KEY}, {"bare_peer", KEY}, {"xml", LONG},
	    {"txt", LONG, .nullable = true}, {"id", SERIAL}, {"kind", TEXT10, .nullable = true},
	    {"nick", KEY, .nullable = true}, {"origin_id", KEY, "''"}, CREATED),
	/* Each further index is a page written for each message: ejabberd's on peer and origin_id are left out. */
	INDEXES({INDEX, "{host,} username, timestamp"}, {INDEX, "{host,} username, bare_peer, timestamp"},
	    {INDEX, "{host,} timestamp"}, {FULLTEXT, "txt"})},
    {"archive_prefs", "mod_mam_sql", true,
	COLUMNS({"username", KEY}, {"def", TEXT}, {"always", TEXT}, {"never", TEXT}, CREATED),
	.key = "{host,} username"},
    {"push_session", "mod_push_sql", true,
	COLUMNS({"username", TEXT}, {"timestamp", BIG}, {"service", TEXT}, {"node", TEXT}, {"xml", TEXT}),
	INDEXES({UNIQUE, "{host,} username, service, node"}, {INDEX, "{host,} username, timestamp"})},
    {"motd", "mod_announce_sql", true, COLUMNS({"username", KEY}, {"xml", TEXT, .nullable = true}, CREATED),
	.key = "{host,} username"},

    /* What people keep here. */
    {"vcard", "mod_vcard_sql", true, COLUMNS({"username", KEY}, {"vcard", LONG}, CREATED),
	.key = "{host,} username"},
    {"vcard_search", "mod_vcard_sql", true,
	COLUMNS({"username", KEY}, {"lusername", KEY}, {"fn", TEXT}, {"lfn", KEY}, {"family", TEXT},
	    {"lfamily", KEY}, {"given", TEXT}, {"lgiven", KEY}, {"middle", TEXT}, {"lmiddle", KEY},
	    {"nickname", TEXT}, {"lnickname", KEY}, {"bday", TEXT}, {"lbday", KEY}, {"ctry", TEXT},
	    {"lctry", KEY}, {"locality", TEXT}, {"llocality", KEY}, {"email", TEXT}, {"lemail", KEY},
	    {"orgname", TEXT}, {"lorgname", KEY}, {"orgunit", TEXT}, {"lorgunit", KEY}),
	.key = "{host,} lusername",
	INDEXES({INDEX, "{host,} lfn"}, {INDEX, "{host,} lfamily"}, {INDEX, "{host,} lgiven"},
	    {INDEX, "{host,} lmiddle"}, {INDEX, "{host,} lnickname"}, {INDEX, "{host,} lbday"},
	    {INDEX, "{host,} lctry"}, {INDEX, "{host,} llocality"}, {INDEX, "{host,} lemail"},
	    {INDEX, "{host,} lorgname"}, {INDEX, "{host,} lorgunit"})},
    {"private_storage", "mod_private_sql", true,
	COLUMNS({"username", KEY}, {"namespace", KEY}, {"data", TEXT}, CREATED),
	INDEXES({UNIQUE, "{host,} username, namespace"})},
    {"privacy_default_list", "mod_privacy_sql", true, COLUMNS({"username", KEY}, {"name", KEY}),
	.key = "{host,} username"},
    {"privacy_list", "mod_privacy_sql", true,
	COLUMNS({"username", KEY}, {"name", KEY}, {"id", SERIAL}, CREATED),
	INDEXES({UNIQUE, "{host,} username, name"})},
    {"privacy_list_data", "mod_privacy_sql", false,
	COLUMNS({"id", BIG, .nullable = true, .references = "privacy_list(id)"}, {"t", CHAR1},
	    {"value", TEXT}, {"action", CHAR1}, {"ord", NUM}, {"match_all", BOOL}, {"match_iq", BOOL},
	    {"match_message", BOOL}, {"match_presence_in", BOOL}, {"match_presence_out", BOOL}),
	INDEXES({INDEX, "id"})},

    /* Publish and subscribe. */
    {"pubsub_node", "mod_pubsub_sql", false,
	COLUMNS({"host", TEXT}, {"node", TEXT}, {"parent", KEY, "''"}, {"plugin", TEXT}, {"nodeid", SERIAL}),
	INDEXES({INDEX, "parent"}, {UNIQUE, "host, node"})},
    {"pubsub_node_option", "mod_pubsub_sql", false,
	COLUMNS({"nodeid", BIG, .nullable = true, .references = "pubsub_node(nodeid)"}, {"name", TEXT},
	    {"val", TEXT}),
	INDEXES({INDEX, "nodeid"})},
    {"pubsub_node_owner", "mod_pubsub_sql", false,
	COLUMNS({"nodeid", BIG, .nullable = true, .references = "pubsub_node(nodeid)"}, {"owner", TEXT}),
	INDEXES({INDEX, "nodeid"})},
    {"pubsub_state", "mod_pubsub_sql", false,
	COLUMNS({"nodeid", BIG, .nullable = true, .references = "pubsub_node(nodeid)"}, {"jid", TEXT},
	    {"affiliation", CHAR1, .nullable = true}, {"subscriptions", KEY, "''"}, {"stateid", SERIAL}),
	INDEXES({INDEX, "jid"}, {UNIQUE, "nodeid, jid"})},
    {"pubsub_item", "mod_pubsub_sql", false,
	COLUMNS({"nodeid", BIG, .nullable = true, .references = "pubsub_node(nodeid)"}, {"itemid", TEXT},
	    {"publisher", TEXT}, {"creation", TEXT32}, {"modification", TEXT32}, {"payload", LONG, "''"}),
	INDEXES({INDEX, "itemid"}, {UNIQUE, "nodeid, itemid"})},
    {"pubsub_subscription_opt", "mod_pubsub_sql", false,
	COLUMNS({"subid", TEXT}, {"opt_name", TEXT32, .nullable = true}, {"opt_value", TEXT}),
	INDEXES({UNIQUE, "subid, opt_name"})},

    /* Rooms and channels. */
    {"muc_room", "mod_muc_sql", true, COLUMNS({"name", TEXT}, {"host", TEXT}, {"opts", LONG}, CREATED),
	INDEXES({UNIQUE, "name, host"}, {INDEX, "host, created_at"})},
    {"muc_registered", "mod_muc_sql", true, COLUMNS({"jid", TEXT}, {"host", TEXT}, {"nick", TEXT}, CREATED),
	INDEXES({INDEX, "nick"}, {UNIQUE, "jid, host"})},
    {"muc_online_room", "mod_muc_sql", true,
	COLUMNS({"name", TEXT}, {"host", TEXT}, {"node", TEXT}, {"pid", TEXT}),
	INDEXES({UNIQUE, "name, host"})},
    {"muc_online_users", "mod_muc_sql", true,
	COLUMNS({"username", TEXT}, {"server", TEXT}, {"resource", TEXT}, {"name", TEXT}, {"host", TEXT},
	    {"node", TEXT}),
	INDEXES({UNIQUE, "username, server, resource, name, host"})},
    {"muc_room_subscribers", "mod_muc_sql", false,
	COLUMNS({"room", KEY}, {"host", KEY}, {"jid", KEY}, {"nick", TEXT}, {"nodes", TEXT}, CREATED),
	INDEXES({INDEX, "host, jid"}, {INDEX, "jid"}, {UNIQUE, "host, room, jid"})},
    {"mix_channel", "mod_mix_sql", false,
	COLUMNS({"channel", TEXT}, {"service", TEXT}, {"username", TEXT}, {"domain", TEXT}, {"jid", TEXT},
	    {"hidden", BOOL}, {"hmac_key", TEXT}, CREATED),
	INDEXES({UNIQUE, "channel, service"}, {INDEX, "service"})},
    {"mix_participant", "mod_mix_sql", false,
	COLUMNS({"channel", TEXT}, {"service", TEXT}, {"username", TEXT}, {"domain", TEXT}, {"jid", TEXT},
	    {"id", TEXT}, {"nick", TEXT}, CREATED),
	INDEXES({UNIQUE, "channel, service, username, domain"})},
    {"mix_subscription", "mod_mix_sql", false,
	COLUMNS({"channel", TEXT}, {"service", TEXT}, {"username", TEXT}, {"domain", TEXT}, {"node", TEXT},
	    {"jid", TEXT}),
	INDEXES({UNIQUE, "channel, service, username, domain, node"}, {INDEX, "channel, service, node"})},
    {"mix_pam", "mod_mix_pam_sql", true,
	COLUMNS({"username", TEXT}, {"channel", TEXT}, {"service", TEXT}, {"id", TEXT}, CREATED),
	INDEXES({UNIQUE, "username, {host,} channel, service"})},
    {"mqtt_pub", "mod_mqtt_sql", true,
	COLUMNS({"username", KEY}, {"resource", KEY}, {"topic", TEXT}, {"qos", TINY}, {"payload", BYTES},
	    {"payload_format", TINY}, {"content_type", TEXT}, {"response_topic", TEXT},
	    {"correlation_data", BYTES}, {"user_properties", BYTES}, {"expiry", SECONDS}),
	INDEXES({UNIQUE, "{host,} topic"})},

    /* What is true while a server runs. */
    {"caps_features", "mod_caps_sql", false,
	COLUMNS({"node", KEY}, {"subnode", KEY}, {"feature", TEXT, .nullable = true}, CREATED),
	INDEXES({INDEX, "node, subnode"})},
    {"sm", "ejabberd_sm_sql", true,
	COLUMNS({"usec", BIG}, {"pid", TEXT}, {"node", TEXT}, {"username", KEY}, {"resource", KEY},
	    {"priority", TEXT}, {"info", TEXT}),
	INDEXES({UNIQUE, "usec, pid"}, {INDEX, "node"}, {INDEX, "{host,} username"})},
    {"route", "ejabberd_router_sql", false,
	COLUMNS({"domain", TEXT}, {"server_host", TEXT}, {"node", TEXT}, {"pid", TEXT}, {"local_hint", TEXT}),
	INDEXES({UNIQUE, "domain, server_host, node, pid"})},
    {"bosh", "mod_bosh_sql", false, COLUMNS({"sid", TEXT}, {"node", TEXT}, {"pid", TEXT}),
	INDEXES({UNIQUE, "sid"})},
    {"proxy65", "mod_proxy65_sql", false,
	COLUMNS({"sid", TEXT}, {"pid_t", TEXT}, {"pid_i", TEXT}, {"node_t", TEXT}, {"node_i", TEXT},
	    {"jid_i", TEXT}),
	INDEXES({UNIQUE, "sid"}, {INDEX, "jid_i"})},

    {"schema_version", NULL, false, COLUMNS({"module", KEY}, {"version", BIG}), .key = "module"},
    {0},
};
