/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc_admin/muc_admin.h"
#include "stanzad/clock.h"

static int64_t started_us; /* atomic */

int64_t admin_started_us(void)
{
	return __atomic_load_n(&started_us, __ATOMIC_ACQUIRE);
}

static int on_start(struct module_instance *instance, struct err *err)
{
	int64_t none = 0;
	__atomic_compare_exchange_n(
	    &started_us, &none, clock_real_us(), false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
	return 0;
}

/* --- arguments ------------------------------------------------------------------------------------------ */

#define ROOM_ARGUMENT .name = "room", .type = COMMAND_STRING, .doc = "the room's name, before the @"
#define SERVICE_ARGUMENT .name = "service", .type = COMMAND_STRING, .doc = "the domain of the service"
#define SERVICES_ARGUMENT .name = "service", .type = COMMAND_STRING, .doc = "the domain of the service, or global"
#define HOST_ARGUMENT .name = "host", .type = COMMAND_STRING, .doc = "the server's host"
#define USER_ARGUMENT .name = "user", .type = COMMAND_STRING, .doc = "the user's name"
#define FILE_ARGUMENT .name = "file", .type = COMMAND_STRING, .doc = "a file with the address of a room on each line"
#define TEXT(argument, what) .name = (argument), .type = COMMAND_STRING, .doc = (what)

static const char *const option_fields[] = {"name", "value", NULL};

static const struct command_argument room_arguments[] = {{ROOM_ARGUMENT}, {SERVICE_ARGUMENT}, {0}};
static const struct command_argument services_arguments[] = {{SERVICES_ARGUMENT}, {0}};
static const struct command_argument service_arguments[] = {{SERVICE_ARGUMENT}, {0}};
static const struct command_argument file_arguments[] = {{FILE_ARGUMENT}, {0}};
static const struct command_argument user_arguments[] = {{USER_ARGUMENT}, {HOST_ARGUMENT}, {0}};
static const struct command_argument create_arguments[] = {
    {ROOM_ARGUMENT}, {SERVICE_ARGUMENT}, {HOST_ARGUMENT}, {0}};
static const struct command_argument opts_arguments[] = {{ROOM_ARGUMENT}, {SERVICE_ARGUMENT}, {HOST_ARGUMENT},
    {.name = "options",
	.type = COMMAND_TUPLES,
	.doc = "options of the room: name and value of each",
	.fields = option_fields},
    {0}};
static const struct command_argument change_arguments[] = {{ROOM_ARGUMENT}, {SERVICE_ARGUMENT},
    {TEXT("option", "the option's name")}, {TEXT("value", "its new value")}, {0}};
static const struct command_argument jid_arguments[] = {
    {ROOM_ARGUMENT}, {SERVICE_ARGUMENT}, {TEXT("jid", "whose affiliation")}, {0}};
static const struct command_argument affiliation_arguments[] = {{ROOM_ARGUMENT}, {SERVICE_ARGUMENT}, {USER_ARGUMENT},
    {HOST_ARGUMENT}, {TEXT("affiliation", "owner, admin, member, outcast or none")}, {0}};
static const struct command_argument invite_arguments[] = {{ROOM_ARGUMENT}, {SERVICE_ARGUMENT},
    {TEXT("password", "the room's password, or none")}, {TEXT("reason", "a text for those invited, or none")},
    {.name = "users", .type = COMMAND_STRINGS, .doc = "JIDs of those invited"}, {0}};
static const struct command_argument nick_arguments[] = {
    {TEXT("nick", "the nick")}, {USER_ARGUMENT}, {HOST_ARGUMENT}, {SERVICE_ARGUMENT}, {0}};
static const struct command_argument account_arguments[] = {
    {USER_ARGUMENT}, {HOST_ARGUMENT}, {SERVICE_ARGUMENT}, {0}};
static const struct command_argument regex_arguments[] = {
    {SERVICES_ARGUMENT}, {TEXT("regex", "what the room's name is to match")}, {0}};
static const struct command_argument days_arguments[] = {
    {SERVICES_ARGUMENT}, {.name = "days", .type = COMMAND_INTEGER, .doc = "for how many days"}, {0}};

#define NODES_ARGUMENT .name = "nodes", .type = COMMAND_STRINGS, .doc = "what is told to them: names of nodes"
static const char *const person_fields[] = {"user", "host", "nick", NULL};
static const struct command_argument subscribe_arguments[] = {{USER_ARGUMENT}, {HOST_ARGUMENT},
    {TEXT("nick", "the nick")}, {ROOM_ARGUMENT}, {SERVICE_ARGUMENT}, {NODES_ARGUMENT}, {0}};
static const struct command_argument subscribe_many_arguments[] = {
    {.name = "users", .type = COMMAND_TUPLES, .doc = "user, host and nick of each", .fields = person_fields},
    {ROOM_ARGUMENT}, {SERVICE_ARGUMENT}, {NODES_ARGUMENT}, {0}};
static const struct command_argument unsubscribe_arguments[] = {
    {USER_ARGUMENT}, {HOST_ARGUMENT}, {ROOM_ARGUMENT}, {SERVICE_ARGUMENT}, {0}};

static const char *const subscription_columns[] = {"roomjid", "usernick", "nodes", NULL};
static const char *const regex_columns[] = {"jid", "public", "participants", NULL};
static const char *const affiliation_columns[] = {"jid", "affiliation", "reason", NULL};
static const char *const occupant_columns[] = {"jid", "nick", "role", NULL};
static const char *const history_columns[] = {"timestamp", "message", NULL};
static const char *const nick_columns[] = {"user", "host", "nick", NULL};

/* --- commands ------------------------------------------------------------------------------------------- */

/* clang-format off */
static const struct command commands[] = {
    {"change_room_option", "muc_room", "Change an option of a room.", change_arguments, COMMAND_RESCODE, NULL,
	admin_change_option},
    {"create_room", "muc_room", "Make a room.", create_arguments, COMMAND_RESCODE, NULL, admin_create_room},
    {"create_room_with_opts", "muc_room", "Make a room with options of its own.", opts_arguments, COMMAND_RESCODE,
	NULL, admin_create_room_with_opts},
    {"create_rooms_file", "muc", "Make the rooms that a file names, as persistent ones.", file_arguments,
	COMMAND_RESCODE, NULL, admin_create_rooms_file},
    {"destroy_room", "muc_room", "Destroy a room.", room_arguments, COMMAND_RESCODE, NULL, admin_destroy_room},
    {"destroy_rooms_file", "muc", "Destroy the rooms that a file names.", file_arguments, COMMAND_RESCODE, NULL,
	admin_destroy_rooms_file},
    {"get_room_affiliation", "muc_room", "What somebody is to a room.", jid_arguments, COMMAND_VALUE, NULL,
	admin_affiliation},
    {"get_room_affiliations", "muc_room", "Everybody who is something to a room.", room_arguments, COMMAND_TABLE,
	affiliation_columns, admin_affiliations},
    {"get_room_history", "muc_room", "What a room tells those who enter.", room_arguments, COMMAND_TABLE,
	history_columns, admin_room_history},
    {"get_room_occupants", "muc_room", "Who is in a room.", room_arguments, COMMAND_TABLE, occupant_columns,
	admin_occupants},
    {"get_room_occupants_number", "muc_room", "How many are in a room.", room_arguments, COMMAND_VALUE, NULL,
	admin_occupants_number},
    {"get_room_options", "muc_room", "How a room is configured.", room_arguments, COMMAND_TABLE, option_fields,
	admin_room_options},
    {"get_subscribers", "muc_room", "Who is subscribed to a room.", room_arguments, COMMAND_LIST, NULL,
	admin_subscribers},
    {"get_user_subscriptions", "muc", "The rooms that somebody is subscribed to.", user_arguments, COMMAND_TABLE,
	subscription_columns, admin_user_subscriptions},
    {"get_user_rooms", "muc", "The rooms that somebody is in.", user_arguments, COMMAND_LIST, NULL,
	admin_user_rooms},
    {"muc_get_registered_nick", "muc", "The nick that somebody registered with a service.", account_arguments,
	COMMAND_VALUE, NULL, admin_registered_nick},
    {"muc_get_registered_nicks", "muc", "All nicks that are registered with a service.", service_arguments,
	COMMAND_TABLE, nick_columns, admin_registered_nicks},
    {"muc_online_rooms", "muc", "The rooms of a service.", services_arguments, COMMAND_LIST, NULL,
	admin_online_rooms},
    {"muc_online_rooms_by_regex", "muc", "The rooms of a service whose names match.", regex_arguments,
	COMMAND_TABLE, regex_columns, admin_online_rooms_by_regex},
    {"muc_online_rooms_count", "muc", "How many rooms a service has.", services_arguments, COMMAND_VALUE, NULL,
	admin_online_rooms_count},
    {"muc_register_nick", "muc", "Register a nick for somebody with a service.", nick_arguments, COMMAND_RESCODE,
	NULL, admin_register_nick},
    {"muc_unregister_nick", "muc", "Take back the nick that somebody registered with a service.",
	account_arguments, COMMAND_RESCODE, NULL, admin_unregister_nick},
    {"rooms_empty_destroy", "muc", "Destroy persistent rooms without messages in their archive.",
	services_arguments, COMMAND_VALUE, NULL, admin_empty_destroy},
    {"rooms_empty_list", "muc", "Persistent rooms without messages in their archive.", services_arguments,
	COMMAND_LIST, NULL, admin_empty_list},
    {"rooms_unused_destroy", "muc", "Destroy rooms where nothing was said for days.", days_arguments,
	COMMAND_LIST, NULL, admin_unused_destroy},
    {"rooms_unused_destroy_skip_notifications", "muc",
	"Destroy rooms where nothing was said for days; nobody is in them who would have to be told.",
	days_arguments, COMMAND_LIST, NULL, admin_unused_destroy},
    {"rooms_unused_list", "muc", "Rooms where nothing was said for days.", days_arguments, COMMAND_LIST, NULL,
	admin_unused_list},
    {"set_room_affiliation", "muc_room", "Change what somebody is to a room.", affiliation_arguments,
	COMMAND_RESCODE, NULL, admin_set_affiliation},
    {"send_direct_invitation", "muc_room", "Invite people to a room (XEP-0249).", invite_arguments,
	COMMAND_RESCODE, NULL, admin_invite},
    {"subscribe_room", "muc_room", "Subscribe somebody to a room.", subscribe_arguments, COMMAND_LIST, NULL,
	admin_subscribe},
    {"subscribe_room_many", "muc_room", "Subscribe several people to a room.", subscribe_many_arguments,
	COMMAND_RESCODE, NULL, admin_subscribe_many},
    {"unsubscribe_room", "muc_room", "End a subscription to a room.", unsubscribe_arguments, COMMAND_RESCODE, NULL,
	admin_unsubscribe},
    {0},
};
/* clang-format on */

static const struct option options[] = {
    {"subscribe_room_many_max_users", OPTION_INT, "50",
	"How many users may be subscribed to a room at once by a command.", NULL, 1, 100000},
    {0},
};

static const char *const needs[] = {"mod_muc", NULL};

const struct module mod_muc_admin = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_muc_admin",
    .doc = "Commands about rooms.",
    .options = options,
    .commands = commands,
    .needs = needs,
    .start = on_start,
    .reload = module_reload_nothing,
};
