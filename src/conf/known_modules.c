/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/registry.h"

/* Options of modules that are not available yet have no text: a module brings its own table with its code.
 * A row of these tables is a word or two, which clang-format would spread over the page. */
/* clang-format off */
#define BOOL(name, def) {name, OPTION_BOOL, def}
#define TEXT(name, def) {name, OPTION_STRING, def}
#define TEXTS(name) {name, OPTION_STRINGS}
#define TIME(name, def) {name, OPTION_DURATION, def, .flags = OPTION_INFINITY}
#define COUNT(name, def) {name, OPTION_INT, def, .flags = OPTION_INFINITY}
#define ACCESS(name, def) {name, OPTION_ACCESS, def}
#define SHAPER(name) {name, OPTION_SHAPER, "none"}
#define WORDS(name, def, words) {name, OPTION_ENUM, def, NULL, words}
#define ANY(name) {name, OPTION_ANY}
#define MAP(name) {name, OPTION_MAP}
#define DB {"db_type", OPTION_ENUM, NULL, NULL, "internal|sql"}
#define RAM_DB {"ram_db_type", OPTION_ENUM, NULL, NULL, "internal|sql|redis"}
#define QUEUE WORDS("queue_type", NULL, "ram|file")
#define CACHE \
	BOOL("use_cache", NULL), BOOL("cache_missed", NULL), COUNT("cache_size", NULL), \
	    TIME("cache_life_time", NULL)
#define HOSTS TEXT("host", NULL), TEXTS("hosts")
#define LDAP \
	TEXTS("ldap_backups"), TEXT("ldap_base", NULL), \
	    WORDS("ldap_deref_aliases", NULL, "never|searching|finding|always"), \
	    WORDS("ldap_encrypt", NULL, "none|tls|starttls"), TEXT("ldap_filter", NULL), \
	    TEXT("ldap_password", NULL), \
	    COUNT("ldap_port", NULL), TEXT("ldap_rootdn", NULL), TEXTS("ldap_servers"), \
	    TEXT("ldap_tls_cacertfile", NULL), TEXT("ldap_tls_certfile", NULL), \
	    COUNT("ldap_tls_depth", NULL), \
	    WORDS("ldap_tls_verify", NULL, "false|soft|hard"), ANY("ldap_uids")
#define TABLE(module, ...) static const struct option module[] = {__VA_ARGS__ __VA_OPT__(, ){0}}

TABLE(mod_adhoc, BOOL("report_commands_node", "false"));
TABLE(mod_adhoc_api, TEXT("default_version", NULL));
TABLE(mod_announce, ACCESS("access", "none"), DB, CACHE);
TABLE(mod_antispam, ACCESS("access_spam", "none"), COUNT("cache_size", "10000"), TEXTS("rtbl_services"),
    TEXT("spam_domains_file", "none"), TEXT("spam_dump_file", "false"), TEXT("spam_jids_file", "none"),
    TEXT("spam_urls_file", "none"), TEXT("whitelist_domains_file", "none"));
TABLE(mod_auth_fast, DB, TIME("token_lifetime", "30 days"), TIME("token_refresh_age", "1 day"));
TABLE(mod_avatar, ANY("convert"), COUNT("rate_limit", "10"));
TABLE(mod_block_strangers, ACCESS("access", "none"), BOOL("allow_local_users", "true"),
    BOOL("allow_transports", "true"), BOOL("captcha", "false"), BOOL("drop", "true"), BOOL("log", "false"));
TABLE(mod_bosh, BOOL("json", "false"), COUNT("max_concat", "infinity"), TIME("max_inactivity", "30 s"),
    TIME("max_pause", "120 s"), BOOL("prebind", "false"), QUEUE, RAM_DB, CACHE);
TABLE(mod_caps, DB, CACHE);
TABLE(mod_client_state, BOOL("queue_chat_states", "true"), BOOL("queue_pep", "true"),
    BOOL("queue_presence", "true"));
TABLE(mod_configure, ACCESS("access", "configure"));
TABLE(mod_conversejs, TEXT("bosh_service_url", "auto"), TEXT("conversejs_css", "auto"),
    MAP("conversejs_options"),
    TEXTS("conversejs_plugins"), TEXT("conversejs_resources", NULL), TEXT("conversejs_script", "auto"),
    TEXT("default_domain", "'@HOST@'"), TEXT("websocket_url", "auto"));
TABLE(mod_delegation, MAP("namespaces"));
TABLE(mod_disco, TEXTS("extra_domains"), TEXT("name", "stanzad"), ANY("server_info"));
TABLE(mod_fail2ban, ACCESS("access", "none"), TIME("c2s_auth_ban_lifetime", "1 hour"),
    {"c2s_max_auth_failures", OPTION_INT, "20", NULL, NULL, 1});
TABLE(mod_host_meta, TEXT("bosh_service_url", "auto"), TEXT("websocket_url", "auto"));
TABLE(mod_http_api, TEXT("admin_ip_access", NULL), TEXT("default_version", NULL));
TABLE(mod_http_fileserver, TEXT("accesslog", NULL), MAP("content_types"), MAP("custom_headers"),
    TEXT("default_content_type", "application/octet-stream"), TEXTS("directory_indices"), ANY("docroot"),
    ANY("must_authenticate_with"));
TABLE(mod_http_upload, ACCESS("access", "local"), MAP("append_module_config"), MAP("content_types"),
    MAP("custom_headers"), TEXT("dir_mode", NULL), TEXT("docroot", NULL), TEXT("external_secret", NULL),
    TEXT("file_mode", NULL), TEXT("get_url", NULL), HOSTS, WORDS("jid_in_url", "sha1", "sha1|node"),
    COUNT("max_size", "104857600"), TEXT("name", "'HTTP File Upload'"), TEXT("put_url", NULL),
    BOOL("rm_on_unregister", "true"), COUNT("secret_length", "40"), TEXT("service_url", NULL),
    BOOL("thumbnail", "false"), MAP("vcard"));
TABLE(mod_http_upload_quota, SHAPER("access_hard_quota"), SHAPER("access_soft_quota"),
    COUNT("max_days", "infinity"));
TABLE(mod_invites, ACCESS("access_create_account", "none"), DB, TEXT("landing_page", "none"),
    COUNT("max_invites", "infinity"), TEXT("site_name", NULL), TEXT("templates_dir", NULL),
    COUNT("token_expire_seconds", "432000"), TEXT("webchat_url", "auto"));
TABLE(mod_jidprep, ACCESS("access", "local"));
TABLE(mod_last, DB, CACHE);
TABLE(mod_mam, ACCESS("access_preferences", "all"), BOOL("archive_muc_as_mucsub", "false"),
    BOOL("assume_mam_usage", "false"), BOOL("clear_archive_on_room_destroy", "true"),
    BOOL("compress_xml", "false"),
    WORDS("default", "never", "always|never|roster"), BOOL("request_activates_archiving", "false"),
    BOOL("user_mucsub_from_muc_archive", "false"), DB, CACHE);
TABLE(mod_matrix_gw, TEXT("host", NULL), TEXT("key", NULL), TEXT("key_name", NULL),
    TIME("leave_timeout", NULL),
    TEXT("matrix_domain", NULL), BOOL("matrix_id_as_jid", "false"), TEXTS("notary_servers"));
TABLE(mod_metrics, TEXT("ip", "127.0.0.1"), COUNT("port", "11111"));
TABLE(mod_mix, ACCESS("access_create", "all"), DB, HOSTS, TEXT("name", "Channels"));
TABLE(mod_mix_pam, DB, CACHE);
TABLE(mod_mqtt, MAP("access_publish"), MAP("access_subscribe"), COUNT("match_retained_limit", "1000"),
    COUNT("max_queue", "5000"), COUNT("max_topic_aliases", "100"), COUNT("max_topic_depth", "8"), QUEUE,
    RAM_DB,
    TIME("session_expiry", "5 minutes"), DB, CACHE);
TABLE(mod_mqtt_bridge, TEXT("replication_user", NULL), MAP("servers"));
TABLE(mod_muc, ACCESS("access", "all"), ACCESS("access_admin", "none"), ACCESS("access_create", "all"),
    ACCESS("access_mam", "all"), ACCESS("access_persistent", "all"), ACCESS("access_register", "all"),
    MAP("append_module_config"), BOOL("cleanup_affiliations_on_start", "false"), MAP("default_room_options"),
    TIME("hibernation_timeout", "infinity"), COUNT("history_size", "20"), HOSTS,
    COUNT("max_captcha_whitelist", "infinity"), COUNT("max_password", "infinity"),
    COUNT("max_room_desc", "infinity"),
    COUNT("max_room_id", "infinity"), COUNT("max_room_name", "infinity"),
    COUNT("max_rooms_discoitems", "100"),
    COUNT("max_user_conferences", "100"), COUNT("max_users", "200"), COUNT("max_users_admin_threshold", "5"),
    COUNT("max_users_presence", "1000"), ANY("min_message_interval"), ANY("min_presence_interval"),
    TEXT("name", "Chatrooms"), BOOL("preload_rooms", "true"), QUEUE, RAM_DB, TEXT("regexp_room_id", "''"),
    SHAPER("room_shaper"), SHAPER("user_message_shaper"), SHAPER("user_presence_shaper"), MAP("vcard"), DB);
TABLE(mod_muc_admin, COUNT("subscribe_room_many_max_users", "50"));
TABLE(mod_muc_log, ACCESS("access_log", "muc_admin"), TEXT("cssfile", NULL),
    WORDS("dirname", "room_jid", "room_jid|room_name"), WORDS("dirtype", "subdirs", "subdirs|plain"),
    WORDS("file_format", "html", "html|plaintext"), MAP("file_permissions"), TEXT("outdir", "www/muc"),
    BOOL("spam_prevention", "true"), WORDS("timezone", "local", "local|universal"), MAP("top_link"),
    TEXT("url", NULL));
TABLE(mod_muc_rtbl, TEXT("rtbl_node", "muc_bans_sha256"), TEXT("rtbl_server", "xmppbl.org"));
TABLE(mod_multicast, ACCESS("access", "all"), HOSTS, MAP("limits"), TEXT("name", "Multicast"), MAP("vcard"));
TABLE(mod_offline, {"access_max_user_messages", OPTION_SHAPER, "max_user_offline_messages"},
    BOOL("bounce_groupchat", "false"),
    WORDS("store_empty_body", "unless_chat_state", "false|true|unless_chat_state"),
    BOOL("store_groupchat", "false"),
    BOOL("use_mam_for_storage", "false"), DB, CACHE);
TABLE(mod_ping, TIME("ping_ack_timeout", NULL), TIME("ping_interval", "1 minute"),
    BOOL("send_pings", "false"),
    WORDS("timeout_action", "none", "none|kill"));
TABLE(mod_pres_counter, COUNT("count", "5"), TIME("interval", "60 s"));
TABLE(mod_privacy, DB, CACHE);
TABLE(mod_private, DB, CACHE);
TABLE(mod_privilege, ANY("iq"), ANY("message"), ANY("presence"), ANY("roster"));
TABLE(mod_providers, TEXTS("alternativeJids"), ANY("busFactor"), BOOL("freeOfCharge", "false"),
    TEXTS("languages"),
    TEXT("legalNotice", NULL), COUNT("maximumHttpFileUploadStorageTime", NULL),
    COUNT("maximumHttpFileUploadTotalSize", NULL), COUNT("maximumMessageArchiveManagementStorageTime", "0"),
    TEXT("organization", NULL), TEXT("passwordReset", NULL), BOOL("professionalHosting", "false"),
    TEXTS("serverLocations"), BOOL("serverTesting", "false"), TEXT("since", NULL), TEXT("website", NULL));
TABLE(mod_proxy65, ACCESS("access", "all"), MAP("append_module_config"),
    WORDS("auth_type", "anonymous", "anonymous|plain"), HOSTS, TEXT("hostname", NULL), {"ip", OPTION_IP},
    COUNT("max_connections", "infinity"), TEXT("name", NULL),
    {"port", OPTION_INT, "7777", NULL, NULL, 1, 65535},
    RAM_DB, COUNT("recbuf", "65536"), TEXT("server_host", NULL), SHAPER("shaper"), COUNT("sndbuf", "65536"),
    MAP("vcard"));
TABLE(mod_pubsub, ACCESS("access_createnode", "all"), MAP("append_module_config"), ANY("default_node_config"),
    ANY("force_node_config"), HOSTS, BOOL("ignore_pep_from_offline", "true"),
    BOOL("last_item_cache", "false"),
    TIME("max_item_expire_node", "infinity"), COUNT("max_items_node", "1000"),
    COUNT("max_nodes_discoitems", "100"),
    COUNT("max_subscriptions_node", NULL), TEXT("name", NULL), TEXT("nodetree", "tree"), ANY("pep_mapping"),
    TEXTS("plugins"), MAP("vcard"), DB);
TABLE(mod_pubsub_serverinfo, TEXT("pubsub_host", NULL));
TABLE(mod_push, ANY("include_body"), BOOL("include_sender", "false"),
    WORDS("notify_on", "all", "all|messages"), DB,
    CACHE);
TABLE(mod_push_keepalive, TIME("resume_timeout", "72 hours"), BOOL("wake_on_start", "false"),
    BOOL("wake_on_timeout", "true"));
TABLE(mod_register, ACCESS("access", "all"), ACCESS("access_from", NULL), ACCESS("access_remove", "all"),
    ANY("allow_modules"), BOOL("captcha_protected", "false"), ACCESS("ip_access", "all"),
    COUNT("password_strength", "0"), TEXT("redirect_url", NULL), {"registration_watchers", OPTION_JIDS},
    MAP("welcome_message"));
TABLE(mod_roster, ACCESS("access", "all"), BOOL("store_current_id", "false"),
    BOOL("versioning", "false"), DB, CACHE);
TABLE(mod_s2s_dialback, ACCESS("access", "all"));
TABLE(mod_scram_upgrade, ANY("offered_upgrades"));
TABLE(mod_service_log, TEXTS("loggers"));
TABLE(mod_shared_roster, DB, CACHE);
TABLE(mod_shared_roster_ldap, BOOL("ldap_auth_check", "true"), TEXT("ldap_gfilter", NULL),
    TEXT("ldap_groupattr", NULL),
    TEXT("ldap_groupdesc", NULL), TEXT("ldap_memberattr", NULL), TEXT("ldap_memberattr_format", NULL),
    TEXT("ldap_memberattr_format_re", NULL), TEXT("ldap_rfilter", NULL), TEXT("ldap_ufilter", NULL),
    TEXT("ldap_userdesc", NULL), TEXT("ldap_userjidattr", NULL), TEXT("ldap_useruid", NULL), LDAP, CACHE);
TABLE(mod_sip, BOOL("always_record_route", "true"), TIME("flow_timeout_tcp", "2 minutes"),
    TIME("flow_timeout_udp", "29 s"), ANY("record_route"), ANY("routes"), ANY("via"));
TABLE(mod_stream_mgmt, TIME("ack_timeout", "1 minute"), TIME("cache_life_time", "48 hours"),
    COUNT("cache_size", NULL),
    COUNT("max_ack_queue", "5000"), TIME("max_resume_timeout", NULL), QUEUE,
    WORDS("resend_on_timeout", "false", "false|true|if_offline"), TIME("resume_timeout", "5 minutes"));
TABLE(mod_stun_disco, ACCESS("access", "local"), TIME("credentials_lifetime", "12 hours"),
    BOOL("offer_local_services", "true"), TEXT("secret", NULL), ANY("services"));
TABLE(mod_vcard, BOOL("allow_return_all", "false"), MAP("append_module_config"), HOSTS,
    COUNT("matches", "30"),
    TEXT("name", NULL), BOOL("search", "false"), BOOL("search_all_hosts", "true"), MAP("vcard"),
    {"db_type", OPTION_ENUM, NULL, NULL, "internal|sql|ldap"}, CACHE, LDAP, ANY("ldap_search_fields"),
    ANY("ldap_search_reported"), ANY("ldap_vcard_map"));
TABLE(mod_vcard_xupdate, CACHE);
TABLE(mod_version, BOOL("show_os", "true"));
TABLE(no_options, );

#define ROW(module) {#module, module, CONF_NOT_YET}
#define BARE(module) {module, no_options, CONF_NOT_YET}

const struct registered known_modules[] = {
    ROW(mod_adhoc),
    ROW(mod_adhoc_api),
    BARE("mod_admin_extra"),
    BARE("mod_admin_update_sql"),
    ROW(mod_announce),
    ROW(mod_antispam),
    ROW(mod_auth_fast),
    ROW(mod_avatar),
    ROW(mod_block_strangers),
    BARE("mod_blocking"),
    BARE("mod_client_access"),
    ROW(mod_bosh),
    ROW(mod_caps),
    BARE("mod_carboncopy"),
    ROW(mod_client_state),
    ROW(mod_configure),
    ROW(mod_conversejs),
    ROW(mod_delegation),
    ROW(mod_disco),
    ROW(mod_fail2ban),
    ROW(mod_host_meta),
    ROW(mod_http_api),
    ROW(mod_http_fileserver),
    ROW(mod_http_upload),
    ROW(mod_http_upload_quota),
    ROW(mod_invites),
    ROW(mod_jidprep),
    ROW(mod_last),
    BARE("mod_legacy_auth"),
    ROW(mod_mam),
    ROW(mod_matrix_gw),
    ROW(mod_metrics),
    ROW(mod_mix),
    ROW(mod_mix_pam),
    ROW(mod_mqtt),
    ROW(mod_mqtt_bridge),
    ROW(mod_muc),
    ROW(mod_muc_admin),
    ROW(mod_muc_log),
    ROW(mod_muc_rtbl),
    ROW(mod_multicast),
    ROW(mod_offline),
    ROW(mod_ping),
    ROW(mod_pres_counter),
    ROW(mod_privacy),
    ROW(mod_private),
    ROW(mod_privilege),
    ROW(mod_providers),
    ROW(mod_proxy65),
    ROW(mod_pubsub),
    ROW(mod_pubsub_serverinfo),
    ROW(mod_push),
    ROW(mod_push_keepalive),
    ROW(mod_register),
    BARE("mod_register_web"),
    ROW(mod_roster),
    BARE("mod_s2s_bidi"),
    ROW(mod_s2s_dialback),
    ROW(mod_scram_upgrade),
    ROW(mod_service_log),
    ROW(mod_shared_roster),
    ROW(mod_shared_roster_ldap),
    BARE("mod_sic"),
    ROW(mod_sip),
    BARE("mod_stats"),
    ROW(mod_stream_mgmt),
    ROW(mod_stun_disco),
    BARE("mod_time"),
    ROW(mod_vcard),
    ROW(mod_vcard_xupdate),
    ROW(mod_version),
    {0},
};
