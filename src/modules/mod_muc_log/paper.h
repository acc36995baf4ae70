/* SPDX-License-Identifier: Apache-2.0 */
/* One file of a log, open: what is in it is set right, and lines are added. Blocks: on the executor. */
#pragma once

#include "modules/mod_muc_log/page.h"

/* A file that exists, set right when it was cut short. 1: it is not one of ours. < 0: errno says why; the file is as it
 * was, or cut short at a line. */
int muclog_paper_repair(int fd, const struct muclog_settings *settings);
/* Adds whole lines. < 0: nothing of them is in the file, and errno says why. */
int muclog_paper_add(int fd, const struct muclog_settings *settings, struct str lines);
/* A new file of that name, whole with its first lines: head is all in front of them. < 0: there is none; errno. */
int muclog_paper_begin(const char *path, const struct muclog_settings *settings, struct str head, struct str lines);
/* Puts the link to the next day where its place is kept. Nothing when it is there. */
void muclog_paper_link(int fd, const struct muclog_settings *settings, struct muclog_day next);
