/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing lines into the files of their days. Blocks: on the executor, one call at a time for one room.
 *
 * An HTML page is whole whenever somebody looks at it, also when the process was killed at any point: what is new
 * is written behind the page as a comment that nobody closes, with an end of its own; then the old end and the
 * beginning of the comment are written over with spaces, in one block. A page is begun under another name. What was
 * cut short is set right before the next line is written. Folders are locked meanwhile, so rooms may share one
 * (dirname: room_name).
 *
 * A file that is no page of ours, such as one of another server, is kept under its name with a '~' behind it.
 */
#pragma once

#include "modules/mod_muc_log/page.h"

/* What is remembered between two calls for a room. Zeroed before the first one. */
struct muclog_place {
	struct muclog_day checked; /* of the file that is known to be right */
};

/*
 * Writes the events, in order, to the days on which they happened. started_us: when the service was started, real time.
 * *written_r: how many lines are in files, or needed not be. < 0 with err: and the rest could not be written.
 */
int muclog_files_write(const struct muclog_settings *settings, const struct muclog_head *head,
    const struct muclog_event *events, int64_t started_us, struct muclog_place *place, unsigned *written_r,
    struct err *err);
