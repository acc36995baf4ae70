/* SPDX-License-Identifier: Apache-2.0 */
#include "route/module_check.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "conf/conf.h"

#define HEADERS_MAX 64 /* program headers; a usual object has eleven */
#define NAME_LEN_MAX 64

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ELF_DATA ELFDATA2LSB
#else
#define ELF_DATA ELFDATA2MSB
#endif
#define ELF_CLASS (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)

/* --- the file ------------------------------------------------------------------------------------------- */

/* The machine that this program was compiled for. */
static int own_machine(void)
{
	static int machine;
	ElfW(Ehdr) own;
	int fd = machine ? -1 : open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && pread(fd, &own, sizeof(own), 0) == (ssize_t)sizeof(own))
		machine = own.e_machine;
	if (fd >= 0)
		close(fd);
	return machine;
}

static int check_header(const ElfW(Ehdr) * header, struct err *err)
{
	if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
		return err_set(err, "it is no shared object (not an ELF file)");
	if (header->e_ident[EI_CLASS] != ELF_CLASS || header->e_ident[EI_DATA] != ELF_DATA ||
	    header->e_machine != own_machine())
		return err_set(err, "it was built for another kind of machine");
	if (header->e_type != ET_DYN)
		return err_set(err, "it is no shared object (link it with -shared)");
	if (header->e_phentsize != sizeof(ElfW(Phdr)) || !header->e_phnum || header->e_phnum > HEADERS_MAX)
		return err_set(err, "its program headers are damaged");
	return 0;
}

static bool within(uint64_t offset, uint64_t size, uint64_t whole)
{
	return offset <= whole && size <= whole - offset;
}

static int check_segments(int fd, const ElfW(Ehdr) * header, uint64_t size, struct err *err)
{
	ElfW(Phdr) segments[HEADERS_MAX];
	size_t bytes = header->e_phnum * sizeof(*segments);
	bool dynamic = false;
	if (!within(header->e_phoff, bytes, size) ||
	    pread(fd, segments, bytes, (off_t)header->e_phoff) != (ssize_t)bytes)
		return err_set(err, "it is cut off: its program headers are missing");
	for (int i = 0; i < header->e_phnum; i++) {
		if (!within(segments[i].p_offset, segments[i].p_filesz, size))
			return err_set(err, "it is cut off: it has %llu bytes and needs more",
			    (unsigned long long)size);
		dynamic = dynamic || segments[i].p_type == PT_DYNAMIC;
	}
	return dynamic ? 0 : err_set(err, "it is no shared object (link it with -shared)");
}

static int check_open(int fd, struct err *err)
{
	ElfW(Ehdr) header;
	struct stat about;
	if (fstat(fd, &about) < 0)
		return err_set(err, "%s", strerror(errno));
	if (!S_ISREG(about.st_mode))
		return err_set(err, "it is no file");
	if (pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header))
		return err_set(err, "it is no shared object (too short)");
	if (check_header(&header, err) < 0)
		return -1;
	return check_segments(fd, &header, (uint64_t)about.st_size, err);
}

int module_check_elf(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int result = fd < 0 ? err_set(err, "%s", strerror(errno)) : check_open(fd, err);
	if (fd >= 0)
		close(fd);
	return result < 0 ? err_prefix(err, "%s cannot be loaded", path) : 0;
}

/* --- the rows ------------------------------------------------------------------------------------------- */

static bool is_word(const char *text, const char *more)
{
	size_t len = 0;
	for (; text && text[len]; len++)
		if (!((text[len] >= 'a' && text[len] <= 'z') || (text[len] >= '0' && text[len] <= '9') ||
			text[len] == '_' || strchr(more, text[len])))
			return false;
	return len > 0 && len <= NAME_LEN_MAX;
}

static int check_iqs(const struct module *module, struct err *err)
{
	for (const struct module_iq *iq = module->iqs; iq && iq->ns; iq++) {
		if (!iq->ns[0] || !iq->handler)
			return err_set(err, "a row of its IQ handlers lacks a namespace or a function");
		if ((unsigned)iq->component > IQ_SM || (unsigned)iq->discipline > IQ_PARALLEL)
			return err_set(err, "the IQ handler of %s has a component or discipline that there is not",
			    iq->ns);
		if (iq->replaces && iq->discipline != IQ_NO_QUEUE)
			return err_set(
			    err, "the IQ handler that replaces another one for %s is not IQ_NO_QUEUE", iq->ns);
		for (const struct module_iq *other = module->iqs; other < iq; other++)
			if (other->component == iq->component && strcmp(other->ns, iq->ns) == 0)
				return err_set(err, "it has two IQ handlers of %s", iq->ns);
	}
	return 0;
}

static int check_hooks(const struct module *module, struct err *err)
{
	for (const struct hook_entry *entry = module->hooks; entry && entry->used; entry++) {
		long row = (entry - module->hooks) + 1;
		if ((unsigned)entry->hook >= HOOK_COUNT)
			return err_set(err, "row %ld of its hooks names a hook that there is not", row);
		if ((unsigned)entry->stage > HOOK_LAST)
			return err_set(err, "row %ld of its hooks names a stage that there is not", row);
		if (!entry->fn.untyped)
			return err_set(err, "row %ld of its hooks lacks a function", row);
	}
	return 0;
}

static const struct option *option_named(const struct module *module, const char *name)
{
	const struct option *option = module->options;
	while (option && option->name && strcmp(option->name, name) != 0)
		option++;
	return option && option->name ? option : NULL;
}

static int check_routes(const struct module *module, struct err *err)
{
	for (const struct module_route *route = module->routes; route && route->option; route++) {
		const struct option *option = option_named(module, route->option);
		if (!option)
			return err_set(err, "a route is named by option '%s', which it does not have",
			    route->option);
		if (option->type != OPTION_DOMAIN && option->type != OPTION_DOMAINS)
			return err_set(err, "a route is named by option '%s', which is no domain",
			    route->option);
		if (!route->deliver)
			return err_set(err, "the route of option '%s' lacks a function", route->option);
	}
	return 0;
}

static int check_commands(const struct module *module, struct err *err)
{
	for (const struct command *command = module->commands; command && command->name; command++) {
		if (!is_word(command->name, ""))
			return err_set(err, "a command is called '%.64s': lower case, digits and _ only",
			    command->name);
		if (!command->run || !command->tag || !command->doc ||
		    (unsigned)command->result > COMMAND_OBJECT)
			return err_set(err, "the command %s lacks a function, a tag or a doc, or has a result "
					    "that there is not",
			    command->name);
	}
	return 0;
}

static int check_metrics(const struct module *module, struct err *err)
{
	for (const struct metric *metric = module->metrics; metric && metric->name; metric++) {
		if (!is_word(metric->name, ""))
			return err_set(err, "a metric is called '%.64s': lower case, digits and _ only",
			    metric->name);
		if ((unsigned)metric->kind > METRIC_GAUGE || !metric->doc)
			return err_set(
			    err, "the metric %s lacks a doc, or is of a kind that there is not", metric->name);
		for (const struct metric *other = module->metrics; other < metric; other++)
			if (strcmp(other->name, metric->name) == 0)
				return err_set(err, "it has two metrics %s", metric->name);
	}
	return 0;
}

static int check_needs(const struct module *module, struct err *err)
{
	for (const char *const *need = module->needs; need && *need; need++)
		if (strcmp(*need, module->name) == 0)
			return err_set(err, "it needs itself");
	return 0;
}

static int check_options(const struct module *module, struct err *err)
{
	for (const struct option *option = module->options; option && option->name; option++)
		if (!is_word(option->name, "-"))
			return err_set(err, "an option is called '%.64s': lower case, digits, - and _ only",
			    option->name);
	return module->options ? conf_check_options(module->options, err) : 0;
}

#define REBUILD "build it again against this server's headers"

int module_check(const struct module *module, size_t size, const char *name, struct err *err)
{
	if (size < offsetof(struct module, name))
		return err_set(err, "its symbol %s is no struct module", name);
	if (module->abi != STANZAD_MODULE_ABI)
		return err_set(err, "it was built for module ABI %u, and this server has %u: " REBUILD,
		    module->abi, STANZAD_MODULE_ABI);
	if (module->size != sizeof(struct module) || size < sizeof(struct module))
		return err_set(err, "its struct module has %zu bytes, and this server's has %zu: " REBUILD,
		    module->size != sizeof(struct module) ? (size_t)module->size : size,
		    sizeof(struct module));
	if (!module->name || strcmp(module->name, name) != 0)
		return err_set(err, "its module is called '%.64s': the file, the symbol and the name must be the "
				    "same",
		    module->name ? module->name : "");
	if (check_options(module, err) < 0 || check_iqs(module, err) < 0 || check_hooks(module, err) < 0 ||
	    check_routes(module, err) < 0 || check_commands(module, err) < 0 ||
	    check_metrics(module, err) < 0 || check_needs(module, err) < 0)
		return -1;
	return 0;
}
