/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_muc_log/paper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "modules/mod_muc_log/folder.h"
#include "stanzad/mem.h"

#define COMMENT "<!--"
#define FOOT_LEN (sizeof(MUCLOG_FOOT) - 1)
#define COVER_LEN (FOOT_LEN + sizeof(COMMENT) - 1) /* the end of a page with a comment behind it */
#define CHUNK 65536

/* All of it, or < 0. */
static int write_at(int fd, struct str bytes, off_t at)
{
	while (bytes.len) {
		ssize_t done = pwrite(fd, bytes.ptr, bytes.len, at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return -1;
		bytes = (struct str){bytes.ptr + done, bytes.len - (size_t)done};
		at += done;
	}
	return 0;
}

static off_t size_of(int fd)
{
	struct stat stat;
	return fstat(fd, &stat) < 0 ? -1 : stat.st_size;
}

/* Where something is, from a place on: the first, or the last one. < 0: nowhere. */
static off_t find(int fd, off_t from, struct str what, bool last)
{
	char *chunk = mem_alloc(CHUNK);
	off_t found = -1;
	ssize_t len;
	while ((len = pread(fd, chunk, CHUNK, from)) >= (ssize_t)what.len && (last || found < 0)) {
		for (char *at = chunk; (at = memmem(at, (size_t)(chunk + len - at), what.ptr, what.len)); at++) {
			found = from + (at - chunk);
			if (!last)
				break;
		}
		from += len - (ssize_t)what.len + 1;
	}
	free(chunk);
	return found;
}

static bool ends_with(int fd, off_t size, struct str what)
{
	char end[64];
	return size >= (off_t)what.len && what.len <= sizeof(end) &&
	       pread(fd, end, what.len, size - (off_t)what.len) == (ssize_t)what.len &&
	       memcmp(end, what.ptr, what.len) == 0;
}

/* The old end of a page, and the comment behind it, give way to what is in the comment. */
static int uncover(int fd, off_t at)
{
	char spaces[COVER_LEN];
	memset(spaces, ' ', sizeof(spaces));
	return write_at(fd, (struct str){spaces, sizeof(spaces)}, at);
}

static int cut_at_line(int fd, off_t end)
{
	off_t size = end + (off_t)strlen("</li>\n");
	struct strbuf foot = {0};
	muclog_put_gap(&foot, (size_t)size, COVER_LEN);
	strbuf_cstr(&foot, MUCLOG_FOOT);
	int result = ftruncate(fd, size) < 0 ? -1 : write_at(fd, strbuf_view(&foot), size);
	strbuf_fini(&foot);
	return result;
}

static int repair_page(int fd, off_t size)
{
	off_t list = find(fd, 0, STR("<ol class=\"log\""), false), end;
	if (list < 0)
		return 1;
	off_t covered = find(fd, list, STR(MUCLOG_FOOT COMMENT), false);
	bool whole = ends_with(fd, size, STR(MUCLOG_FOOT));
	if (covered >= 0)
		return whole ? uncover(fd, covered) : ftruncate(fd, covered + (off_t)FOOT_LEN);
	if (whole)
		return 0;
	end = find(fd, list, STR("</li>\n"), true);
	return end < 0 ? 1 : cut_at_line(fd, end);
}

int muclog_paper_repair(int fd, const struct muclog_settings *settings)
{
	off_t size = size_of(fd), end;
	if (size < 0)
		return -1;
	if (!settings->plain_text)
		return repair_page(fd, size);
	if (size == 0 || ends_with(fd, size, STR("\n")))
		return size == 0;
	end = find(fd, 0, STR("\n"), true);
	return end < 0 ? 1 : ftruncate(fd, end + 1);
}

int muclog_paper_add(int fd, const struct muclog_settings *settings, struct str lines)
{
	struct strbuf added = {0};
	off_t size = size_of(fd);
	if (size < 0 || (!settings->plain_text && !ends_with(fd, size, STR(MUCLOG_FOOT)))) {
		errno = size < 0 ? errno : EILSEQ;
		return -1;
	}
	if (!settings->plain_text)
		strbuf_cstr(&added, COMMENT);
	strbuf_str(&added, lines);
	if (!settings->plain_text) {
		muclog_put_gap(&added, (size_t)size, COVER_LEN);
		strbuf_cstr(&added, MUCLOG_FOOT);
	}
	int result = write_at(fd, strbuf_view(&added), size);
	strbuf_fini(&added);
	if (result == 0 && !settings->plain_text)
		result = uncover(fd, size - (off_t)FOOT_LEN);
	if (result < 0) {
		int saved = errno;
		if (ftruncate(fd, size) == 0)
			errno = saved;
	}
	return result;
}

static int fill(int fd, const struct muclog_settings *settings, struct str head, struct str lines)
{
	struct strbuf page = {0};
	strbuf_str(&page, head);
	strbuf_str(&page, lines);
	if (!settings->plain_text) {
		muclog_put_gap(&page, 0, COVER_LEN);
		strbuf_cstr(&page, MUCLOG_FOOT);
	}
	int result = muclog_permit(fd, settings) < 0 ? -1 : write_at(fd, strbuf_view(&page), 0);
	strbuf_fini(&page);
	return result;
}

int muclog_paper_begin(const char *path, const struct muclog_settings *settings, struct str head, struct str lines)
{
	struct strbuf draft = {0};
	strbuf_printf(&draft, "%s.new", path);
	int fd = open(draft.ptr, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600), result = -1;
	if (fd >= 0) {
		result = fill(fd, settings, head, lines);
		if (result == 0)
			result = rename(draft.ptr, path);
		int saved = errno;
		if (result < 0)
			unlink(draft.ptr);
		close(fd);
		errno = saved;
	}
	strbuf_fini(&draft);
	return result;
}

void muclog_paper_link(int fd, const struct muclog_settings *settings, struct muclog_day next)
{
	struct strbuf place = {0}, link = {0};
	muclog_put_next_place(&place, settings);
	muclog_put_next(&link, settings, next);
	off_t at = find(fd, 0, strbuf_view(&place), false);
	if (at >= 0 && link.len == place.len)
		write_at(fd, strbuf_view(&link), at);
	strbuf_fini(&place);
	strbuf_fini(&link);
}
