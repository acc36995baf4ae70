/* SPDX-License-Identifier: Apache-2.0 */
/* Folders of logs, and which days are in them. Blocks: on the executor. */
#pragma once

#include "modules/mod_muc_log/names.h"

/* Makes a folder with all that are above it. < 0: errno says why. */
int muclog_folder_make(const char *path, const struct muclog_settings *settings);
/* The mode and group of the option file_permissions; folders can be entered by those who may read. < 0: errno. */
int muclog_permit(int fd, const struct muclog_settings *settings);
/* The latest day before 'day' that has a file in a room's folder; false: there is none. */
bool muclog_folder_previous(const char *folder, const struct muclog_settings *settings, struct muclog_day day,
    struct muclog_day *previous_r);
