/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a harness over the files that are named and the files in the directories that are named, and speaks
 * TAP. */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

static int inputs;

static void replay_bytes(FILE *file, const char *path)
{
	size_t len = 0, cap = 4096, got;
	uint8_t *bytes = malloc(cap), *exact;

	while ((got = fread(bytes + len, 1, cap - len, file)) > 0) {
		len += got;
		if (len == cap)
			bytes = realloc(bytes, cap *= 2);
	}
	/* Of the exact size, so that reading past the end is found. */
	exact = malloc(len ? len : 1);
	memcpy(exact, bytes, len);
	free(bytes);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	printf("ok %d - %s\n", ++inputs, path);
	fflush(stdout);
}

static int replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");

	if (!file) {
		fprintf(stderr, "opening %s: %s\n", path, strerror(errno));
		return -1;
	}
	replay_bytes(file, path);
	fclose(file);
	return 0;
}

static int replay_directory(const char *path)
{
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, alphasort), result = 0;

	for (int i = 0; i < count; i++) {
		char file[4096];

		snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.' && replay_file(file) < 0)
			result = -1;
		free(entries[i]);
	}
	if (count < 0)
		return -1;
	free(entries);
	return result;
}

int main(int argc, char **argv)
{
	int result = 0;

	for (int i = 1; i < argc; i++) {
		struct stat stat_of;
		if (stat(argv[i], &stat_of) == 0 && S_ISDIR(stat_of.st_mode))
			result |= replay_directory(argv[i]);
		else
			result |= replay_file(argv[i]);
	}
	printf("1..%d\n", inputs);
	return result ? 1 : 0;
}
