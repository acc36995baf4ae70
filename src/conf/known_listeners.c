/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/registry.h"

const struct option listener_common_options[] = {
    {"port", OPTION_STRING, NULL,
	"The TCP or UDP port, or `unix:PATH` for a socket in the file system. Mandatory."},
    {"module", OPTION_STRING, NULL, "What serves the connections of this port. Mandatory."},
    {"ip", OPTION_IP, "0.0.0.0",
	"The address to listen on. `\"::\"` takes both IPv6 and IPv4, `0.0.0.0` takes IPv4 alone."},
    {"transport", OPTION_ENUM, "tcp", "The transport below the protocol.", "tcp|udp"},
    {"backlog", OPTION_INT, "128", "How many connections may wait to be accepted.", NULL, 1, 65535},
    {"accept_interval", OPTION_DURATION, "0", "A pause between two accepted connections.",
	.flags = OPTION_IGNORED},
    {"send_timeout", OPTION_DURATION, "15 s",
	"How long a peer may leave sent bytes unread before its connection is closed.",
	.flags = OPTION_INFINITY},
    {"use_proxy_protocol", OPTION_BOOL, "false",
	"Connections come through a proxy that says the true address in a PROXY protocol header (version 1 "
	"or 2). "
	"The header is then required."},
    {"unix_socket", OPTION_MAP, NULL,
	"`mode`, `owner` and `group` of the socket file when `port` is `unix:PATH`."},
    {"supervisor", OPTION_BOOL, "true", "Has a meaning in Erlang only.", .flags = OPTION_IGNORED},
    {0},
};

const struct option listener_tls_options[] = {
    {"tls", OPTION_BOOL, "false", "TLS from the first byte on (direct TLS, XEP-0368)."},
    {"cafile", OPTION_PATH, NULL,
	"CA certificates that peers' certificates are checked against. The top-level "
	"option of the same purpose, when set, counts instead."},
    {"ciphers", OPTION_STRINGS, NULL, "OpenSSL's cipher list for TLS 1.2 and below."},
    {"dhfile", OPTION_PATH, NULL, "A file with Diffie-Hellman parameters."},
    {"protocol_options", OPTION_STRINGS, NULL,
	"Words such as `no_tlsv1`, `no_tlsv1_1`, `cipher_server_preference`, joined by `|` or as a list."},
    {"tls_compression", OPTION_BOOL, "false", "Compression inside TLS. It is insecure and never used.",
	.flags = OPTION_IGNORED},
    {0},
};

/* Limits of an XML stream, shared by the tables below. */
#define STREAM_LIMITS                                                                                        \
	{"max_stanza_size", OPTION_INT, "262144", "The largest stanza, in bytes.", NULL, 1024, 0,            \
	    OPTION_INFINITY},                                                                                \
	    {"max_stanza_elements", OPTION_INT, "infinity", "The most XML elements in a stanza.", NULL, 1,   \
		0, OPTION_INFINITY},                                                                         \
	    {"pre_auth_max_stanza_size", OPTION_INT, "16384",                                                \
		"The largest stanza before authentication, in bytes.", NULL, 1024, 0, OPTION_INFINITY},      \
	    {"pre_auth_max_stanza_elements", OPTION_INT, "32",                                               \
		"The most XML elements in a stanza before authentication.", NULL, 1, 0, OPTION_INFINITY},    \
	    {"max_fsm_queue", OPTION_INT, NULL, "What waits to be sent is bounded in bytes here.", NULL, 1,  \
		.flags = OPTION_IGNORED},                                                                    \
	{                                                                                                    \
		"shaper", OPTION_SHAPER, "none",                                                             \
		    "How fast the peer may send: a shaper or a rule of `shaper_rules`."                      \
	}

static const struct option c2s[] = {
    {"access", OPTION_ACCESS, "all", "Who may log in here."},
    {"starttls", OPTION_BOOL, "false", "Offer STARTTLS. Set by `starttls_required` and `tls_verify` too."},
    {"starttls_required", OPTION_BOOL, "false", "Refuse to go on without TLS."},
    {"tls_verify", OPTION_BOOL, "false",
	"Ask clients for a certificate and let those with a trusted one log in with it (SASL EXTERNAL)."},
    {"allow_unencrypted_plain", OPTION_BOOL, "false",
	"Offer SASL PLAIN on connections without TLS: passwords then travel in the clear."},
    {"allow_unencrypted_sasl2", OPTION_BOOL, "false",
	"Offer SASL2 on connections without TLS: for a listener behind something that does TLS."},
    {"zlib", OPTION_BOOL, "false", "Offer stream compression (XEP-0138).", .flags = OPTION_LATER},
    STREAM_LIMITS,
    {0},
};

static const struct option s2s_in[] = {
    {"starttls", OPTION_BOOL, NULL, "Old; `s2s_use_starttls` decides.", .flags = OPTION_IGNORED},
    STREAM_LIMITS,
    {0},
};

static const struct option service[] = {
    {"access", OPTION_ACCESS, "all",
	"Which components may connect: their domain stands for a JID, and their address counts."},
    {"check_from", OPTION_BOOL, "true",
	"A component may send from its own domains only (XEP-0114). Without the check it can send in "
	"anybody's name."},
    {"global_routes", OPTION_BOOL, "true",
	"A component serves all of `hosts` that have the password which it knows, not only the domain that "
	"it names."},
    {"hosts", OPTION_MAP, NULL,
	"The domains that components may serve, each with its `password`. Without `hosts` every domain that "
	"nobody else serves."},
    {"password", OPTION_STRING, NULL, "The password for every domain that has none in `hosts`."},
    {"shaper_rule", OPTION_SHAPER, NULL,
	"How fast a component may send: a shaper or a rule of `shaper_rules`. It goes before `shaper`."},
    STREAM_LIMITS,
    {0},
};

static const struct option http[] = {
    {"allow_unencrypted_sasl2", OPTION_BOOL, "false"},
    {"captcha", OPTION_BOOL},
    {"custom_headers", OPTION_MAP, "{}"},
    {"default_host", OPTION_DOMAIN},
    {"http_bind", OPTION_BOOL},
    {"register", OPTION_BOOL},
    {"request_handlers", OPTION_MAP, "{}"},
    {"tag", OPTION_STRING, "''"},
    {"timeout", OPTION_DURATION, "60 s"},
    {"web_admin", OPTION_BOOL},
    {"xmlrpc", OPTION_BOOL},
    {0},
};

static const struct option stun[] = {
    {"auth_realm", OPTION_STRING},
    {"auth_type", OPTION_ENUM, "user", NULL, "user|anonymous"},
    {"certfile", OPTION_PATH},
    {"server_name", OPTION_STRING},
    {"shaper", OPTION_SHAPER, "none"},
    {"tls", OPTION_BOOL, "false"},
    {"turn_blacklist", OPTION_STRINGS, "[127.0.0.0/8, '::1/128']"},
    {"turn_ipv4_address", OPTION_IP},
    {"turn_ipv6_address", OPTION_IP},
    {"turn_max_allocations", OPTION_INT, "10", NULL, NULL, 1, 0, OPTION_INFINITY},
    {"turn_max_permissions", OPTION_INT, "10", NULL, NULL, 1, 0, OPTION_INFINITY},
    {"turn_max_port", OPTION_INT, "65535", NULL, NULL, 1025, 65535},
    {"turn_min_port", OPTION_INT, "49152", NULL, NULL, 1025, 65535},
    {"use_turn", OPTION_BOOL, "false"},
    {0},
};

static const struct option sip[] = {
    {"certfile", OPTION_PATH},
    {"tls", OPTION_BOOL, "false"},
    {0},
};

static const struct option mqtt[] = {
    {"max_fsm_queue", OPTION_INT, NULL, NULL, NULL, 1},
    {"max_payload_size", OPTION_INT, "infinity", NULL, NULL, 1, 0, OPTION_INFINITY},
    {"tls", OPTION_BOOL, "false"},
    {"tls_verify", OPTION_BOOL, "false"},
    {0},
};

static const struct option xmlrpc[] = {
    {"access_commands", OPTION_ANY, .flags = OPTION_IGNORED},
    {"timeout", OPTION_DURATION, "60 s"},
    {0},
};

const struct registered known_listeners[] = {
    {"ejabberd_c2s", c2s, CONF_AVAILABLE, .takes_tls = true},
    {"ejabberd_s2s_in", s2s_in, CONF_AVAILABLE, .takes_tls = true},
    {"ejabberd_service", service, CONF_AVAILABLE, .takes_tls = true},
    {"ejabberd_http", http, CONF_NOT_YET, .takes_tls = true},
    {"ejabberd_stun", stun, CONF_NOT_YET},
    {"ejabberd_sip", sip, CONF_NOT_YET},
    {"ejabberd_xmlrpc", xmlrpc, CONF_NOT_YET, .takes_tls = true},
    {"mod_mqtt", mqtt, CONF_NOT_YET},
    {0},
};
