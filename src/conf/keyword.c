/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/keyword.h"

#include <stdlib.h>

#include "base/mem.h"

/* What the program knows: name and text, both on the heap and kept for good. */
static struct map given;

void conf_set_keyword(const char *name, const char *text)
{
	char *old = map_get(&given, str_of(name));

	if (old)
		map_put(&given, str_of(name), str_dup(str_of(text)));
	else
		map_put(&given, str_of(str_dup(str_of(name))), str_dup(str_of(text)));
	free(old);
}

void keyword_predefine(struct loader *loader, struct definitions *definitions)
{
	const char *home = getenv("HOME"), *text;
	uint32_t position = 0;
	struct str name;

	definitions->only_marked = true;
	if (home)
		definitions_put(loader, definitions, "HOME", str_of(home));
	definitions_put(loader, definitions, "CONFIG_PATH", str_of(loader->directory));
	while ((text = map_next(&given, &position, &name)))
		definitions_put(loader, definitions, name.ptr, str_of(text));
}

static void percent_encode(struct strbuf *buf, struct str text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.ptr[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    strchr("-._~", c))
			strbuf_char(buf, (char)c);
		else
			strbuf_printf(buf, "%%%02X", c);
	}
}

void keyword_predefine_host(struct loader *loader, struct definitions *definitions, struct str host)
{
	struct strbuf encoded = {0};

	percent_encode(&encoded, host);
	definitions->only_marked = true;
	definitions_put(loader, definitions, "HOST", host);
	definitions_put(loader, definitions, "HOST_URL_ENCODE", strbuf_view(&encoded));
	strbuf_fini(&encoded);
}
