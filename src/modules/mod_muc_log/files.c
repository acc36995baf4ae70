/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc_log/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "modules/mod_muc_log/folder.h"
#include "modules/mod_muc_log/line.h"
#include "modules/mod_muc_log/paper.h"
#include "stanzad/log.h"

/* One call's work. */
struct writing {
	const struct muclog_settings *settings;
	const struct muclog_head *head;
	struct muclog_place *place;
	struct err *err;
	struct strbuf folder; /* of the room */
	struct strbuf path;   /* of the day's file */
	struct muclog_day day;
	int64_t started_us;
};

static int failed(const struct writing *writing, const char *what)
{
	return err_set(writing->err, "%s %s: %s", what, writing->path.ptr, strerror(errno));
}

static void set_day(struct writing *writing, struct muclog_day day)
{
	writing->day = day;
	strbuf_reset(&writing->path);
	strbuf_printf(&writing->path, "%s/", writing->folder.ptr);
	muclog_put_file(&writing->path, writing->settings, day);
}

static int open_day(const struct writing *writing, struct muclog_day day)
{
	struct strbuf path = {0};
	strbuf_printf(&path, "%s/", writing->folder.ptr);
	muclog_put_file(&path, writing->settings, day);
	int fd = open(path.ptr, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	strbuf_fini(&path);
	return fd;
}

/* The service was started since something was written for the room, if anything was. */
static bool is_news(const struct writing *writing)
{
	struct muclog_day previous;
	struct stat stat;
	int fd = open_day(writing, writing->day);
	if (fd < 0 && muclog_folder_previous(writing->folder.ptr, writing->settings, writing->day, &previous))
		fd = open_day(writing, previous);
	if (fd < 0)
		return false;
	bool news = fstat(fd, &stat) == 0 &&
		    (int64_t)stat.st_mtim.tv_sec * 1000000 + stat.st_mtim.tv_nsec / 1000 < writing->started_us;
	close(fd);
	return news;
}

static void put_aside(const struct writing *writing)
{
	struct strbuf other = {0};
	strbuf_printf(&other, "%s~", writing->path.ptr);
	if (rename(writing->path.ptr, other.ptr) == 0)
		LOG_WARNING("muc_log.foreign_file", LOG_STR("file", strbuf_view(&writing->path)),
		    LOG_STR("kept_as", strbuf_view(&other)));
	strbuf_fini(&other);
}

/* 0: the file of the day can be added to; 1: there is none. */
static int check(struct writing *writing, int fd)
{
	if (muclog_day_compare(writing->place->checked, writing->day) == 0 && fd >= 0)
		return 0;
	int result = fd < 0 ? 1 : muclog_paper_repair(fd, writing->settings);
	if (result < 0)
		return failed(writing, "mending");
	if (result > 0 && fd >= 0)
		put_aside(writing);
	return result;
}

static int make_folder_of(const struct writing *writing)
{
	char *slash = strrchr(writing->path.ptr, '/');
	*slash = '\0';
	int result = muclog_folder_make(writing->path.ptr, writing->settings);
	if (result < 0)
		failed(writing, "making the folder");
	*slash = '/';
	return result;
}

static int begin(struct writing *writing, int64_t at_us, struct str lines)
{
	struct muclog_day previous;
	struct strbuf head = {0};
	if (make_folder_of(writing) < 0)
		return -1;
	bool follows = muclog_folder_previous(writing->folder.ptr, writing->settings, writing->day, &previous);
	muclog_put_head(&head, writing->settings, writing->head, at_us, follows ? &previous : NULL);
	int result = muclog_paper_begin(writing->path.ptr, writing->settings, strbuf_view(&head), lines);
	strbuf_fini(&head);
	if (result < 0)
		return failed(writing, "writing");
	int fd = follows && !writing->settings->plain_text ? open_day(writing, previous) : -1;
	if (fd >= 0) {
		muclog_paper_link(fd, writing->settings, writing->day);
		close(fd);
	}
	return 0;
}

static int write_lines(struct writing *writing, int64_t at_us, struct str lines)
{
	int fd = open(writing->path.ptr, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno != ENOENT)
		return failed(writing, "opening");
	int result = check(writing, fd);
	if (result > 0)
		result = begin(writing, at_us, lines);
	else if (result == 0 && muclog_paper_add(fd, writing->settings, lines) < 0)
		result = failed(writing, "writing");
	if (fd >= 0)
		close(fd);
	writing->place->checked = result < 0 ? (struct muclog_day){0} : writing->day;
	return result;
}

/* The events of one day, from 'first' on; *rest_r: the first one of another day. */
static int write_day(struct writing *writing, const struct muclog_event *first, const struct muclog_event **rest_r,
    unsigned *count_r)
{
	const struct muclog_settings *settings = writing->settings;
	const struct muclog_event *event = first;
	struct strbuf lines = {0};
	unsigned count = 0;
	set_day(writing, muclog_day_of(settings, first->at_us));
	for (; event && muclog_day_compare(muclog_day_of(settings, event->at_us), writing->day) == 0;
	     event = event->next, count++) {
		if (event->kind == MUCLOG_STARTED && !is_news(writing))
			continue;
		if (settings->plain_text)
			muclog_put_text_line(&lines, settings, event);
		else
			muclog_put_line(&lines, settings, event);
	}
	*rest_r = event;
	int result = lines.len ? write_lines(writing, first->at_us, strbuf_view(&lines)) : 0;
	strbuf_fini(&lines);
	*count_r = count;
	return result;
}

/* -1: there is no such folder yet, or it cannot be locked. */
static int lock_folder(const struct writing *writing)
{
	int fd = open(writing->folder.ptr, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		flock(fd, LOCK_EX);
	return fd;
}

int muclog_files_write(const struct muclog_settings *settings, const struct muclog_head *head,
    const struct muclog_event *events, int64_t started_us, struct muclog_place *place, unsigned *written_r,
    struct err *err)
{
	struct writing writing = {
	    .settings = settings, .head = head, .place = place, .err = err, .started_us = started_us};
	int result = 0;
	unsigned count;
	*written_r = 0;
	strbuf_printf(&writing.folder, "%s/", settings->outdir);
	muclog_put_folder(&writing.folder, settings, &head->room);
	strbuf_str(&writing.path, strbuf_view(&writing.folder));
	int lock = -1;
	if (events->kind == MUCLOG_STARTED && !events->next && access(writing.folder.ptr, F_OK) < 0)
		events = NULL;
	else if (muclog_folder_make(writing.folder.ptr, settings) < 0)
		result = failed(&writing, "making the folder");
	else
		lock = lock_folder(&writing);
	while (events && result == 0) {
		result = write_day(&writing, events, &events, &count);
		*written_r += result == 0 ? count : 0;
	}
	if (lock >= 0)
		close(lock);
	strbuf_fini(&writing.folder);
	strbuf_fini(&writing.path);
	return result;
}
