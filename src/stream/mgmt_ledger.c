/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/mgmt_ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/map.h"
#include "base/mem.h"

#define MAGIC "stanzad streams 1\n"
#define HEADER_SIZE 4096u
#define CHUNK_SLOTS 4096u
#define CHUNKS_MAX (MGMT_SLOTS_MAX / CHUNK_SLOTS)
#define SERVERS_MAX 65536u /* that are remembered */
#define BOOT_ID "/proc/sys/kernel/random/boot_id"

struct header {
	char magic[32];
	char boot[64];
};

struct slot {
	char id[32];
	uint64_t handled, acked;
};

#define CHUNK_SIZE (CHUNK_SLOTS * sizeof(struct slot))

static struct {
	pthread_mutex_t lock;
	int fd;
	struct slot *chunks[CHUNKS_MAX]; /* mapped once, never moved */
	unsigned count;                  /* slots in them */
	unsigned *unused;                /* a stack */
	unsigned unused_count, unused_room;
	unsigned next;      /* never taken yet */
	unsigned old_count; /* slots that the earlier process left; 0: its file says nothing */
	bool *kept;         /* of these: taken again, or given */
	struct map servers; /* of these: struct slot, copies; read only after the start */
} ledger = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

/* --- the file ------------------------------------------------------------------------------------------- */

static void boot_id(char *out, size_t size)
{
	memset(out, 0, size);
	FILE *file = fopen(BOOT_ID, "re");
	if (!file)
		return;
	if (!fgets(out, (int)size, file))
		out[0] = '\0';
	fclose(file);
}

/* The file is as another process of this same boot left it. */
static bool is_current(const struct header *found, const struct header *wanted)
{
	return wanted->boot[0] && memcmp(found, wanted, sizeof(*wanted)) == 0;
}

static int map_chunk(unsigned index)
{
	off_t offset = (off_t)(HEADER_SIZE + index * CHUNK_SIZE);
	void *mapped = mmap(NULL, CHUNK_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, ledger.fd, offset);
	if (mapped == MAP_FAILED)
		return -1;
	ledger.chunks[index] = mapped;
	ledger.count = (index + 1) * CHUNK_SLOTS;
	return 0;
}

/* The room is taken on disk at once: a store into a file with a hole kills when the disk is full. */
static int grow(void)
{
	unsigned index = ledger.count / CHUNK_SLOTS;
	off_t offset = (off_t)(HEADER_SIZE + index * CHUNK_SIZE);
	if (index == CHUNKS_MAX || posix_fallocate(ledger.fd, offset, (off_t)CHUNK_SIZE) != 0)
		return -1;
	return map_chunk(index);
}

static struct slot *slot_at(unsigned slot)
{
	return &ledger.chunks[slot / CHUNK_SLOTS][slot % CHUNK_SLOTS];
}

static int start_anew(const struct header *header, struct err *err)
{
	if (ftruncate(ledger.fd, 0) < 0 || posix_fallocate(ledger.fd, 0, HEADER_SIZE) != 0 ||
	    pwrite(ledger.fd, header, sizeof(*header), 0) != (ssize_t)sizeof(*header))
		return err_set(err, "streams.ledger cannot be written: %s", strerror(errno));
	return 0;
}

static void give(unsigned slot);

static void remember_server(const struct slot *slot)
{
	if (ledger.servers.count >= SERVERS_MAX)
		return;
	struct slot *copy = mem_alloc(sizeof(*copy));
	*copy = *slot;
	copy->id[sizeof(copy->id) - 1] = '\0';
	free(map_put(&ledger.servers, str_of(copy->id), copy));
}

/* Streams of servers cannot be taken again; only their numbers are of use. */
static void read_servers(void)
{
	for (unsigned i = 0; i < ledger.old_count; i++) {
		char first = slot_at(i)->id[0];
		if (first == MGMT_LEDGER_SERVER)
			remember_server(slot_at(i));
		if (first && first != MGMT_LEDGER_SERVER)
			continue;
		ledger.kept[i] = true;
		give(i);
	}
}

static int map_old(struct err *err)
{
	struct stat stat;
	if (fstat(ledger.fd, &stat) < 0)
		return err_set(err, "streams.ledger cannot be read: %s", strerror(errno));
	for (unsigned i = 0; i < CHUNKS_MAX && HEADER_SIZE + (i + 1) * CHUNK_SIZE <= (size_t)stat.st_size; i++)
		if (map_chunk(i) < 0)
			return err_set(err, "streams.ledger cannot be mapped: %s", strerror(errno));
	ledger.old_count = ledger.next = ledger.count;
	ledger.kept = mem_zalloc(ledger.old_count + 1);
	read_servers();
	return 0;
}

int mgmt_ledger_open(const char *dir, struct err *err)
{
	char path[4096];
	struct header found = {.magic = ""}, wanted = {.magic = MAGIC};
	snprintf(path, sizeof(path), "%s/streams.ledger", dir);
	boot_id(wanted.boot, sizeof(wanted.boot));
	ledger.fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (ledger.fd < 0)
		return err_set(err, "%s cannot be opened: %s", path, strerror(errno));
	bool whole = pread(ledger.fd, &found, sizeof(found), 0) == (ssize_t)sizeof(found);
	int rc = whole && is_current(&found, &wanted) ? map_old(err) : start_anew(&wanted, err);
	if (rc < 0)
		mgmt_ledger_close();
	return rc;
}

bool mgmt_ledger_find_server(const char *id, struct mgmt_numbers *numbers_r)
{
	const struct slot *slot = map_get(&ledger.servers, str_of(id));
	if (slot)
		*numbers_r = (struct mgmt_numbers){slot->handled, slot->acked};
	return slot != NULL;
}

static void forget_servers(void)
{
	struct slot *slot;
	uint32_t position;
	while ((position = 0, slot = map_next(&ledger.servers, &position, NULL)))
		free(map_remove(&ledger.servers, str_of(slot->id)));
	map_fini(&ledger.servers);
}

void mgmt_ledger_close(void)
{
	forget_servers();
	for (unsigned i = 0; i < ledger.count / CHUNK_SLOTS; i++)
		munmap(ledger.chunks[i], CHUNK_SIZE);
	if (ledger.fd >= 0)
		close(ledger.fd);
	free(ledger.unused);
	free(ledger.kept);
	ledger.kept = NULL;
	ledger.unused = NULL;
	ledger.fd = -1;
	ledger.count = ledger.next = ledger.old_count = ledger.unused_count = ledger.unused_room = 0;
}

/* --- slots ---------------------------------------------------------------------------------------------- */

/* With the lock. What the earlier process left is not used before it was swept. */
static unsigned find_unused(void)
{
	if (ledger.unused_count)
		return ledger.unused[--ledger.unused_count];
	if (ledger.fd < 0 || (ledger.next == ledger.count && grow() < 0))
		return MGMT_NO_SLOT;
	return ledger.next++;
}

unsigned mgmt_ledger_take(const char *id)
{
	pthread_mutex_lock(&ledger.lock);
	unsigned slot = find_unused();
	if (slot != MGMT_NO_SLOT) {
		struct slot fresh = {.handled = 0};
		snprintf(fresh.id, sizeof(fresh.id), "%s", id);
		*slot_at(slot) = fresh;
	}
	pthread_mutex_unlock(&ledger.lock);
	return slot;
}

bool mgmt_ledger_retake(unsigned slot, const char *id, struct mgmt_numbers *numbers_r)
{
	pthread_mutex_lock(&ledger.lock);
	bool found = slot < ledger.old_count && strncmp(slot_at(slot)->id, id, sizeof(slot_at(slot)->id)) == 0;
	if (found) {
		*numbers_r = (struct mgmt_numbers){slot_at(slot)->handled, slot_at(slot)->acked};
		ledger.kept[slot] = true;
	}
	pthread_mutex_unlock(&ledger.lock);
	return found;
}

/* With the lock. */
static void give(unsigned slot)
{
	slot_at(slot)->id[0] = '\0';
	if (ledger.unused_count == ledger.unused_room) {
		ledger.unused_room = ledger.unused_room ? 2 * ledger.unused_room : 64;
		ledger.unused =
		    mem_realloc_array(ledger.unused, ledger.unused_room, sizeof(*ledger.unused));
	}
	ledger.unused[ledger.unused_count++] = slot;
}

void mgmt_ledger_give(unsigned slot)
{
	if (slot == MGMT_NO_SLOT)
		return;
	pthread_mutex_lock(&ledger.lock);
	give(slot);
	pthread_mutex_unlock(&ledger.lock);
}

void mgmt_ledger_sweep(void)
{
	pthread_mutex_lock(&ledger.lock);
	for (unsigned i = 0; i < ledger.old_count; i++)
		if (!ledger.kept[i])
			give(i);
	free(ledger.kept);
	ledger.kept = NULL;
	ledger.old_count = 0;
	pthread_mutex_unlock(&ledger.lock);
}

void mgmt_ledger_write(unsigned slot, const struct mgmt_numbers *numbers)
{
	if (slot == MGMT_NO_SLOT)
		return;
	struct slot *at = slot_at(slot);
	__atomic_store_n(&at->handled, numbers->handled, __ATOMIC_RELAXED);
	__atomic_store_n(&at->acked, numbers->acked, __ATOMIC_RELAXED);
}
