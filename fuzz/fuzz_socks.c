/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SOCKS5 handshake of the bytestreams proxy. The first byte says whether a password is asked for, and of
 * what size the pieces are; the rest is what the peer sends. Whatever that is: never more is wanted than
 * fits, the handshake ends after a bounded number of bytes, and it does not matter in what pieces they come.
 */
#include "fuzz.h"

#include <string.h>

#include "modules/mod_proxy65/socks.h"

#define MESSAGES_MAX 3

struct played {
	struct socks socks;
	enum socks_event last;
	size_t used;
	unsigned char replies[MESSAGES_MAX * SOCKS_REPLY_MAX];
	size_t replies_len;
};

static void keep_reply(struct played *played)
{
	fuzz_check(played->socks.reply_len <= SOCKS_REPLY_MAX);
	fuzz_check(played->replies_len + played->socks.reply_len <= sizeof(played->replies));
	memcpy(played->replies + played->replies_len, played->socks.reply, played->socks.reply_len);
	played->replies_len += played->socks.reply_len;
}

/* Any password whose first byte is even is right. */
static void log_in(struct played *played)
{
	struct str name, password;
	socks_login(&played->socks, &name, &password);
	fuzz_check(name.len + password.len + 3 <= SOCKS_INPUT_MAX);
	fuzz_check(socks_wanted(&played->socks) == 0);
	played->last = socks_logged_in(&played->socks, password.len && !(password.ptr[0] & 1));
	keep_reply(played);
}

static void play(struct played *played, bool plain, size_t piece, const uint8_t *bytes, size_t size)
{
	played->socks.plain = plain;
	played->last = SOCKS_MORE;
	while (played->last == SOCKS_MORE && played->used < size) {
		size_t len = socks_wanted(&played->socks);
		fuzz_check(len > 0 && len <= SOCKS_INPUT_MAX);
		len = len < piece ? len : piece;
		len = len < size - played->used ? len : size - played->used;
		char *exact = malloc(len);
		memcpy(exact, bytes + played->used, len);
		played->last = socks_take(&played->socks, exact, len);
		free(exact);
		played->used += len;
		keep_reply(played);
		if (played->last == SOCKS_LOGIN)
			log_in(played);
	}
}

static void check_end(struct played *played)
{
	fuzz_check(played->used <= MESSAGES_MAX * SOCKS_INPUT_MAX);
	if (played->last == SOCKS_CONNECT) {
		fuzz_check(strspn(played->socks.hash, "0123456789abcdef") == SOCKS_HASH_SIZE);
		fuzz_check(strlen(played->socks.hash) == SOCKS_HASH_SIZE);
		fuzz_check(socks_wanted(&played->socks) == 0);
		socks_connected(&played->socks, played->used & 1);
		keep_reply(played);
	}
	if (played->last != SOCKS_MORE)
		fuzz_check(socks_wanted(&played->socks) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct played whole = {0}, pieces = {0};
	if (size == 0)
		return 0;
	bool plain = input[0] & 1;
	play(&whole, plain, SIZE_MAX, input + 1, size - 1);
	play(&pieces, plain, 1 + input[0] / 2, input + 1, size - 1);
	check_end(&whole);
	check_end(&pieces);
	fuzz_check(whole.last == pieces.last);
	if (whole.last == SOCKS_CONNECT) {
		fuzz_check(whole.used == pieces.used);
		fuzz_check(memcmp(whole.socks.hash, pieces.socks.hash, SOCKS_HASH_SIZE) == 0);
	}
	fuzz_check(whole.replies_len == pieces.replies_len);
	fuzz_check(memcmp(whole.replies, pieces.replies, whole.replies_len) == 0);
	return 0;
}
