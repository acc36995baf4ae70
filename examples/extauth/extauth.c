/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An authentication program for 'auth_method: external' in C. It reads its accounts from a text file, one
 * USER@HOST:PASSWORD in each line, at every request, and changes nothing: new passwords, accounts and
 * removals are answered with no.
 *
 * usage: extauth FILE
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* OP:USER:HOST or OP:USER:HOST:PASSWORD; the password is all the rest and may have colons in it. */
struct request {
	char *op, *user, *host, *password; /* password: NULL when there is none */
};

/* Cuts the text at the first colon and returns what follows, or NULL. */
static char *cut(char *text)
{
	char *colon = text ? strchr(text, ':') : NULL;

	if (!colon)
		return NULL;
	*colon = '\0';
	return colon + 1;
}

static bool split(char *text, struct request *request_r)
{
	struct request request = {.op = text};

	request.user = cut(request.op);
	request.host = cut(request.user);
	request.password = cut(request.host);
	*request_r = request;
	return request.host;
}

/* How long it takes tells nothing about where two passwords of one length differ. */
static bool same(const char *a, const char *b)
{
	size_t len = strlen(a);
	unsigned char differ = 0;

	if (len != strlen(b))
		return false;
	for (size_t i = 0; i < len; i++)
		differ |= (unsigned char)a[i] ^ (unsigned char)b[i];
	return differ == 0;
}

/* The password of a line that is this account's, else NULL. */
static const char *password_in(char *line, const struct request *request)
{
	char *password, *host;

	line[strcspn(line, "\n")] = '\0';
	password = cut(line);
	host = strchr(line, '@');
	if (!password || !host)
		return NULL;
	*host++ = '\0';
	return strcmp(line, request->user) == 0 && strcmp(host, request->host) == 0 ? password : NULL;
}

static bool is_good(const char *path, const struct request *request)
{
	bool auth = strcmp(request->op, "auth") == 0 && request->password, good = false;
	static char line[65536];
	FILE *file;

	if (!auth && strcmp(request->op, "isuser") != 0)
		return false;
	file = fopen(path, "r");
	if (!file) {
		perror(path); /* goes to the server's log */
		return false;
	}
	while (!good && fgets(line, sizeof(line), file)) {
		const char *password = password_in(line, request);

		good = password && (!auth || same(password, request->password));
	}
	fclose(file);
	return good;
}

/* False when the server has closed our input: then it is time to go. */
static bool read_request(char *text)
{
	unsigned char head[2];
	size_t len;

	if (fread(head, 1, sizeof(head), stdin) != sizeof(head))
		return false;
	len = (size_t)head[0] << 8 | head[1];
	if (fread(text, 1, len, stdin) != len)
		return false;
	text[len] = '\0';
	return true;
}

int main(int argc, char **argv)
{
	static char text[65536];
	struct request request;

	if (argc != 2) {
		fprintf(stderr, "usage: extauth FILE\n");
		return 2;
	}
	while (read_request(text)) {
		const char answer[4] = {0, 2, 0, split(text, &request) && is_good(argv[1], &request)};

		fwrite(answer, 1, sizeof(answer), stdout);
		fflush(stdout);
		memset(text, 0, sizeof(text));
	}
	return 0;
}
