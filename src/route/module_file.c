/* SPDX-License-Identifier: Apache-2.0 */
#include "route/module_file.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/list.h"
#include "base/mem.h"
#include "loop/worker.h"
#include "route/module_check.h"
#include "route/offered.h"
#include "route/quiet.h"
#include "stanzad/log.h"

#define NAME_LEN_MAX 64

struct module_file {
	struct list link;
	char *path;
	struct stat about;
	uint64_t edition;
	void *handle;
	const struct module *module;
	unsigned refs; /* instances */
	bool closing;  /* waits for quiet */
	struct quiet quiet;
};

static struct list files = {&files, &files}; /* newest first */
static uint64_t last_edition;

/* --- those that are open -------------------------------------------------------------------------------- */

const struct module *module_file_module(uint64_t edition)
{
	for (struct list *link = files.next; link != &files; link = link->next)
		if (list_entry(link, struct module_file, link)->edition == edition)
			return list_entry(link, struct module_file, link)->module;
	return NULL;
}

struct module_file *module_file_of(const struct module *module)
{
	for (struct list *link = files.next; link != &files; link = link->next)
		if (list_entry(link, struct module_file, link)->module == module)
			return list_entry(link, struct module_file, link);
	return NULL;
}

const char *module_file_path(const struct module_file *file)
{
	return file->path;
}

/* What runs now, from this path. */
static struct module_file *file_running(const char *path)
{
	for (struct list *link = files.next; link != &files; link = link->next) {
		struct module_file *file = list_entry(link, struct module_file, link);
		if (file->refs && strcmp(file->path, path) == 0)
			return file;
	}
	return NULL;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool same_contents(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static struct module_file *file_mapped(const struct stat *about)
{
	for (struct list *link = files.next; link != &files; link = link->next)
		if (same_file(&list_entry(link, struct module_file, link)->about, about))
			return list_entry(link, struct module_file, link);
	return NULL;
}

/* --- closing -------------------------------------------------------------------------------------------- */

static void file_free(struct module_file *file)
{
	list_remove(&file->link);
	free(file->path);
	free(file);
}

static void file_close(struct module_file *file)
{
	LOG_DEBUG("module.file_closed", LOG_CSTR("path", file->path));
	dlclose(file->handle);
	file_free(file);
}

static void on_quiet(struct quiet *quiet)
{
	struct module_file *file = list_entry(quiet, struct module_file, quiet);
	file->closing = false;
	if (file->refs)
		return;
	if (offered_remove(file->module, NULL) == 0) {
		file_close(file);
		return;
	}
	file->closing = true;
	quiet_wait(&file->quiet, on_quiet);
}

/* Before and after the time of the workers there is no need: a process that ends needs no room. */
static void file_leave(struct module_file *file)
{
	if (file->refs || file->closing || !worker_self())
		return;
	file->closing = true;
	quiet_wait(&file->quiet, on_quiet);
}

void module_file_ref(struct module_file *file)
{
	if (file)
		file->refs++;
}

void module_file_unref(struct module_file *file)
{
	if (file && --file->refs == 0)
		file_leave(file);
}

void module_files_sweep(void)
{
	for (struct list *link = files.next, *next; link != &files; link = next) {
		next = link->next;
		file_leave(list_entry(link, struct module_file, link));
	}
}

void module_files_fini(void)
{
	while (!list_empty(&files))
		file_free(list_entry(files.next, struct module_file, link));
}

/* --- opening -------------------------------------------------------------------------------------------- */

/*
 * The dynamic linker takes a path that it has open for the same object, whatever file is there now: a further
 * version gets another spelling of the path.
 */
static void *open_object(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	struct strbuf spelling = {0};
	void *handle = NULL;
	strbuf_add(&spelling, path, (size_t)(slash - path));
	for (;;) {
		size_t len = spelling.len;
		strbuf_cstr(&spelling, slash);
		void *open = dlopen(spelling.ptr, RTLD_NOLOAD | RTLD_LAZY);
		if (!open)
			break;
		dlclose(open);
		spelling.len = len;
		strbuf_cstr(&spelling, "/.");
	}
	dlerror();
	handle = dlopen(spelling.ptr, RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		const char *why = dlerror();
		if (str_starts(str_of(why), spelling.ptr))
			why += spelling.len + (why[spelling.len] == ':' ? 2 : 0);
		err_set(err, "%s cannot be loaded: %s", path, why);
	}
	strbuf_fini(&spelling);
	return handle;
}

/* The module in an object, if it is one that this server can use. */
static const struct module *object_module(void *handle, const char *name, struct err *err)
{
	Dl_info about;
	const ElfW(Sym) *symbol = NULL;
	const struct module *module = dlsym(handle, name);
	if (!module) {
		err_set(err, "it has no symbol %s: a module is a 'const struct module %s', not static", name, name);
		return NULL;
	}
	if (!dladdr1(module, &about, (void **)&symbol, RTLD_DL_SYMENT) || !symbol ||
	    (symbol->st_info & 0xf) != STT_OBJECT) {
		err_set(err, "its symbol %s is no struct module", name);
		return NULL;
	}
	return module_check(module, symbol->st_size, name, err) < 0 ? NULL : module;
}

/* The file at path is what about says, and stays it while it is being loaded. */
static struct module_file *file_open(
    const char *path, const char *name, const struct stat *about, struct err *err)
{
	struct stat now;
	if (module_check_elf(path, err) < 0)
		return NULL;
	void *handle = open_object(path, err);
	if (!handle)
		return NULL;
	const struct module *module = object_module(handle, name, err);
	if (!module)
		err_prefix(err, "%s", path);
	else if (stat(path, &now) < 0 || !same_file(&now, about) || !same_contents(&now, about))
		err_set(err, "%s was replaced while it was being loaded: try again", path);
	else {
		offered_add(module);
		struct module_file *file = mem_zalloc(sizeof(*file));
		*file = (struct module_file){.path = str_dup(str_of(path)),
		    .about = *about,
		    .edition = ++last_edition,
		    .handle = handle,
		    .module = module};
		list_add_before(files.next, &file->link);
		return file;
	}
	dlclose(handle);
	return NULL;
}

static struct module_file *file_get(
    const char *path, const char *name, const struct stat *about, struct err *err)
{
	struct module_file *file = file_mapped(about);
	if (!file)
		return file_open(path, name, about, err);
	if (same_contents(&file->about, about))
		return file;
	err_set(err,
	    "%s was overwritten while the server had it loaded: install it by rename ('install' and 'mv' do), then "
	    "load it again",
	    path);
	return NULL;
}

/* --- finding -------------------------------------------------------------------------------------------- */

/* Names that cannot lead out of a folder. */
static bool is_plain(const char *name)
{
	size_t len = 0;
	for (; name[len]; len++)
		if (!((name[len] >= 'a' && name[len] <= 'z') || (name[len] >= 'A' && name[len] <= 'Z') ||
			(name[len] >= '0' && name[len] <= '9') || name[len] == '_'))
			return false;
	return len > 0 && len <= NAME_LEN_MAX;
}

static int find_in(struct str folder, const struct conf_wanted *wanted, struct module_file **file_r,
    struct err *err)
{
	struct strbuf path = {0};
	struct stat about;
	int result = 0;
	strbuf_printf(&path, "%.*s/%s.so", STR_FMT(folder), wanted->name);
	struct module_file *file = wanted->fresh ? NULL : file_running(path.ptr);
	if (file)
		*file_r = file;
	else if (stat(path.ptr, &about) < 0)
		result = errno == ENOENT || errno == ENOTDIR
			     ? 1
			     : err_set(err, "%s cannot be loaded: %s", path.ptr, strerror(errno));
	else if ((file = file_get(path.ptr, wanted->name, &about, err)))
		*file_r = file;
	else
		result = -1;
	strbuf_fini(&path);
	return result;
}

int module_file_find(const struct conf_wanted *wanted, struct conf_found *found_r, struct err *err)
{
	struct module_file *file = NULL;
	int result = 1;
	if (!is_plain(wanted->name))
		return 1;
	for (size_t i = 0; i < wanted->folder_count && result > 0; i++)
		result = find_in(wanted->folders[i], wanted, &file, err);
	if (result == 0)
		*found_r = (struct conf_found){file->module->options, file->edition};
	return result;
}
