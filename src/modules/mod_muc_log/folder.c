/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc_log/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int muclog_permit(int fd, const struct muclog_settings *settings)
{
	struct stat stat;
	if (fstat(fd, &stat) < 0)
		return -1;
	mode_t mode = S_ISDIR(stat.st_mode) ? settings->mode | (settings->mode & 0444) >> 2 : settings->mode;
	if (settings->group != (gid_t)-1 && fchown(fd, (uid_t)-1, settings->group) < 0)
		return -1;
	return fchmod(fd, mode);
}

static int make_one(const char *path, const struct muclog_settings *settings)
{
	if (mkdir(path, 0700) < 0)
		return errno == EEXIST ? 0 : -1;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	int result = muclog_permit(fd, settings), saved = errno;
	close(fd);
	errno = saved;
	return result;
}

int muclog_folder_make(const char *path, const struct muclog_settings *settings)
{
	char *part = str_dup(str_of(path));
	int result = 0;
	for (char *slash = strchr(part + 1, '/'); slash && result == 0; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		result = make_one(part, settings);
		*slash = '/';
	}
	if (result == 0)
		result = make_one(part, settings);
	free(part);
	return result;
}

/* A name of that many digits; < 0: it is none. */
static int number_of(const char *name, size_t digits)
{
	int number = 0;
	for (size_t i = 0; i < digits; i++) {
		if (name[i] < '0' || name[i] > '9')
			return -1;
		number = number * 10 + name[i] - '0';
	}
	return name[digits] ? -1 : number;
}

/* The largest number below a limit that something in the folder is called; < 0: none. */
static int largest_below(const char *path, size_t digits, int limit)
{
	DIR *dir = opendir(path);
	int largest = -1;
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		int number = number_of(entry->d_name, digits);
		if (number > largest && number < limit)
			largest = number;
	}
	if (dir)
		closedir(dir);
	return largest;
}

/* Of the files in a folder: the latest day before 'day'. prefix: the way there from the room's folder. */
static bool latest_file(const char *path, const char *prefix, const struct muclog_settings *settings,
    struct muclog_day day, struct muclog_day *latest_r)
{
	DIR *dir = opendir(path);
	struct strbuf name = {0};
	struct muclog_day latest = {.year = -1}, other;
	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		strbuf_reset(&name);
		strbuf_printf(&name, "%s%s", prefix, entry->d_name);
		if (muclog_file_day(settings, strbuf_view(&name), &other) && muclog_day_compare(other, day) < 0 &&
		    muclog_day_compare(other, latest) > 0)
			latest = other;
	}
	if (dir)
		closedir(dir);
	strbuf_fini(&name);
	if (latest.year >= 0)
		*latest_r = latest;
	return latest.year >= 0;
}

static bool latest_in_month(const char *folder, const struct muclog_settings *settings, int year, int month,
    struct muclog_day day, struct muclog_day *latest_r)
{
	struct strbuf path = {0}, prefix = {0};
	strbuf_printf(&prefix, "%04d/%02d/", year, month);
	strbuf_printf(&path, "%s/%s", folder, prefix.ptr);
	bool found = latest_file(path.ptr, prefix.ptr, settings, day, latest_r);
	strbuf_fini(&path);
	strbuf_fini(&prefix);
	return found;
}

bool muclog_folder_previous(const char *folder, const struct muclog_settings *settings, struct muclog_day day,
    struct muclog_day *previous_r)
{
	struct strbuf path = {0};
	bool found = false;
	if (settings->plain_dirs)
		return latest_file(folder, "", settings, day, previous_r);
	for (int year = day.year + 1; !found && (year = largest_below(folder, 4, year)) >= 0;) {
		strbuf_reset(&path);
		strbuf_printf(&path, "%s/%04d", folder, year);
		int month = year == day.year ? day.month + 1 : 13;
		while (!found && (month = largest_below(path.ptr, 2, month)) >= 0)
			found = latest_in_month(folder, settings, year, month, day, previous_r);
	}
	strbuf_fini(&path);
	return found;
}
