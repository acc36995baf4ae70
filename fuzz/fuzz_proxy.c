/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PROXY protocol parser. Whatever the bytes: a header that parses is as long as it says and parses the
 * same alone; no beginning of it gives another outcome than PROXY_MORE; what is malformed stays so when more
 * arrives; and nobody is asked for more than PROXY_HEADER_MAX bytes.
 */
#include "fuzz.h"

#include <string.h>

#include "net/proxy.h"

static int parse_exactly(const char *bytes, size_t len, struct proxy_header *header)
{
	char *exact = malloc(len ? len : 1);
	struct err err;

	memcpy(exact, bytes, len);
	int rc = proxy_parse(exact, len, header, &err);
	free(exact);
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	const char *bytes = (const char *)input;
	struct proxy_header whole = {0}, part = {0};
	int rc = parse_exactly(bytes, size, &whole);

	fuzz_check(rc != PROXY_MORE || size < PROXY_HEADER_MAX);
	if (rc == 0) {
		fuzz_check(whole.length > 0 && whole.length <= size && whole.length <= PROXY_HEADER_MAX);
		fuzz_check(parse_exactly(bytes, whole.length, &part) == 0);
		fuzz_check(part.length == whole.length && part.named == whole.named);
		fuzz_check(memcmp(&part.source, &whole.source, sizeof(part.source)) == 0);
		fuzz_check(whole.named == (whole.source.ss_family != 0));
	}
	size_t end = rc == 0 ? whole.length : size;
	bool failed = false;
	for (size_t len = 0; len < end && len < 2 * PROXY_HEADER_MAX; len++) {
		int early = parse_exactly(bytes, len, &part);
		fuzz_check(early != 0);
		fuzz_check(!failed || early < 0);
		failed = early < 0;
	}
	fuzz_check(!failed || rc < 0);
	return 0;
}
