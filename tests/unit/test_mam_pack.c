/* SPDX-License-Identifier: Apache-2.0 */
/* Compact rows: what is packed is unpacked, shorter or not at all, and nothing bad gets through or takes much room. */
#include <string.h>
#include <zlib.h>

#include "base/codec.h"
#include "modules/mod_mam/mam.h"
#include "tap.h"

#define MARK "stanzad1:"
#define CHAT                                                                                                 \
	"<message from='romeo@montague.lit/orchard' to='juliet@capulet.lit' type='chat' id='af3c-91'>"       \
	"<body>wherefore art thou?</body><active xmlns='http://jabber.org/protocol/chatstates'/>"            \
	"<request xmlns='urn:xmpp:receipts'/><origin-id xmlns='urn:xmpp:sid:0' id='af3c-91'/></message>"

static bool reads(struct str row, struct str wanted)
{
	struct strbuf buf = {0};
	struct str xml;
	struct err err;
	bool good = mam_unpack(row, &buf, &xml, &err) == 0 && str_eq(xml, wanted);
	strbuf_fini(&buf);
	return good;
}

/* The text of the failure; empty: there was none. */
static const char *failure(struct str row)
{
	static struct err err;
	struct strbuf buf = {0};
	struct str xml;
	err.text[0] = '\0';
	if (mam_unpack(row, &buf, &xml, &err) == 0)
		err.text[0] = '\0';
	strbuf_fini(&buf);
	return err.text;
}

static void test_both_ways(void)
{
	struct strbuf row = {0};
	ok(mam_pack(STR(CHAT), &row));
	ok(str_starts(strbuf_view(&row), MARK));
	ok(row.len < sizeof(CHAT) / 2);
	printf("# %zu bytes, %zu packed\n", sizeof(CHAT) - 1, row.len);
	ok(reads(strbuf_view(&row), STR(CHAT)));
	ok(reads(STR(CHAT), STR(CHAT)));
	ok(reads(STR(""), STR("")));
	strbuf_fini(&row);
}

/* A message of that length which cannot be shortened. */
static struct strbuf noise(size_t len)
{
	struct strbuf out = {0};
	uint32_t state = 1;
	while (out.len < len) {
		state = state * 1664525u + 1013904223u;
		strbuf_char(&out, (char)(33 + (state >> 16) % 94));
	}
	return out;
}

static void test_never_longer(void)
{
	bool right = true;
	for (size_t len = 0; len < 3000; len += len < 64 ? 1 : 97) {
		struct strbuf text = noise(len), row = {0};
		if (mam_pack(strbuf_view(&text), &row))
			right &= row.len < len && reads(strbuf_view(&row), strbuf_view(&text));
		else
			right &= row.len == 0;
		strbuf_fini(&row);
		strbuf_fini(&text);
	}
	ok(right);
}

static void test_large(void)
{
	struct strbuf text = {0}, row = {0};
	for (size_t i = 0; i < MAM_PACKED_MOST; i++)
		strbuf_char(&text, (char)('a' + i % 23));
	ok(mam_pack(strbuf_view(&text), &row));
	ok(reads(strbuf_view(&row), strbuf_view(&text)));
	strbuf_reset(&row);
	strbuf_char(&text, 'x');
	ok(!mam_pack(strbuf_view(&text), &row) && !row.len);
	strbuf_fini(&row);
	strbuf_fini(&text);
}

/* A row of these bytes. */
static const char *failure_of_bytes(const void *bytes, size_t len)
{
	struct strbuf row = {0};
	strbuf_cstr(&row, MARK);
	base64_encode(&row, bytes, len);
	const char *text = failure(strbuf_view(&row));
	strbuf_fini(&row);
	return text;
}

static void test_bomb(void)
{
	static unsigned char zeros[65536], out[300000];
	z_stream zlib = {.next_out = out + 4, .avail_out = sizeof(out) - 4};
	deflateInit2(&zlib, 9, Z_DEFLATED, -13, 9, Z_DEFAULT_STRATEGY);
	for (unsigned i = 0; i < 1024; i++) {
		zlib.next_in = zeros;
		zlib.avail_in = sizeof(zeros);
		deflate(&zlib, i == 1023 ? Z_FINISH : Z_NO_FLUSH);
	}
	ok(zlib.total_in == 64u << 20 && zlib.total_out < sizeof(out) - 4);
	ok(strstr(failure_of_bytes(out, 4 + zlib.total_out), "larger than"));
	deflateEnd(&zlib);
}

static void test_bad(void)
{
	struct strbuf row = {0}, bytes = {0};
	unsigned wrong = 0;
	ok(*failure(STR(MARK)) && *failure(STR(MARK "AAAA")));
	ok(*failure(STR(MARK "<message/>")) && *failure(STR(MARK " ")));
	mam_pack(STR(CHAT), &row);
	for (size_t len = sizeof(MARK) - 1; len < row.len; len++)
		wrong += !*failure((struct str){row.ptr, len});
	is_int(wrong, 0);
	base64_decode(&bytes, (struct str){row.ptr + sizeof(MARK) - 1, row.len - (sizeof(MARK) - 1)});
	for (size_t bit = 0; bit < 8 * bytes.len; bit++) {
		bytes.ptr[bit / 8] ^= (char)(1 << bit % 8);
		const char *text = failure_of_bytes(bytes.ptr, bytes.len);
		bytes.ptr[bit / 8] ^= (char)(1 << bit % 8);
		/* Bits behind the end of what deflate writes mean nothing. */
		wrong += !*text && bit / 8 != bytes.len - 1;
	}
	is_int(wrong, 0);
	strbuf_char(&bytes, 'x');
	ok(strstr(failure_of_bytes(bytes.ptr, bytes.len), "behind"));
	strbuf_fini(&bytes);
	strbuf_fini(&row);
}

int main(void)
{
	run(test_both_ways);
	run(test_never_longer);
	run(test_large);
	run(test_bomb);
	run(test_bad);
	return tap_done();
}
