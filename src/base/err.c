/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/err.h"

#include <stdio.h>
#include <string.h>

/* The arguments may point into err->text, so the new text is built aside. */
static void err_store(struct err *err, const char *text)
{
	size_t len = strnlen(text, sizeof(err->text) - 1);

	for (size_t i = 0; i < len; i++)
		err->text[i] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? ' ' : text[i];
	err->text[len] = '\0';
}

int err_set(struct err *err, const char *format, ...)
{
	char text[sizeof(err->text)] = "";
	va_list args;

	if (!err)
		return -1;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	err_store(err, text);
	return -1;
}

int err_prefix(struct err *err, const char *format, ...)
{
	char text[2 * sizeof(err->text) + 2] = "";
	size_t len;
	va_list args;

	if (!err)
		return -1;
	va_start(args, format);
	vsnprintf(text, sizeof(err->text), format, args);
	va_end(args);
	len = strlen(text);
	snprintf(text + len, sizeof(text) - len, ": %s", err->text);
	err_store(err, text);
	return -1;
}
