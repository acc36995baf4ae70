/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_mam/mam.h"
#include "modules/storage_options.h"

static const struct option options[] = {
    {"default", OPTION_ENUM, "never",
	"Whose messages are archived when the user has said nothing: those of all, of nobody, or of the "
	"contacts in the roster.",
	"always|never|roster"},
    {"request_activates_archiving", OPTION_BOOL, "false",
	"Nothing is archived for a user until a client of theirs asks for the archive or its preferences."},
    {"access_preferences", OPTION_ACCESS, "all",
	"Who may see and change their own preferences (XEP-0441)."},
    {"assume_mam_usage", OPTION_BOOL, "false",
	"A message that a lost connection did not take is not kept for later when it is in the archive, and a "
	"client of the user has read the archive."},
    {"compress_xml", OPTION_BOOL, "false",
	"Rows are written as plain XML, which every program reads; the compact form is not written.",
	.flags = OPTION_LATER},
    {"archive_muc_as_mucsub", OPTION_BOOL, "false", "It comes with MucSub.", .flags = OPTION_LATER},
    {"user_mucsub_from_muc_archive", OPTION_BOOL, "false", "It comes with MucSub.", .flags = OPTION_LATER},
    {"clear_archive_on_room_destroy", OPTION_BOOL, "true",
	"Whether the archive of a room goes with the room; for the archives of rooms.", .flags = OPTION_LATER},
    MODULE_STORAGE_OPTIONS,
    {0},
};

const struct module mod_mam = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_mam",
    .doc = "Archives messages (XEP-0313).",
    .options = options,
    .user_slot = true,
    .reload = module_reload_nothing,
};
