/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <zlib.h>

#include "base/codec.h"
#include "modules/mod_mam/mam.h"
#include "modules/mod_mam/pack_words.h"
#include "stanzad/mem.h"

/* XML begins with '<'. The number stands for the dictionary and all that follows. */
#define MARK "stanzad1:"
#define MARK_LEN (sizeof(MARK) - 1)
#define SUM_LEN 4           /* CRC-32 of the XML, before what zlib made of it; the least significant byte first */
#define WINDOW_BITS (-13)   /* without a header of zlib's; room for the dictionary and a large message */
#define MEMORY_LEVEL 5      /* 50 KB while it works */
#define CHUNK 4096

static void *take(void *opaque, unsigned count, unsigned size)
{
	return mem_alloc((size_t)count * size);
}

static void give(void *opaque, void *memory)
{
	free(memory);
}

static void put_sum(unsigned char *out, struct str xml)
{
	uLong sum = crc32(0, (const Bytef *)xml.ptr, (uInt)xml.len);
	for (unsigned i = 0; i < SUM_LEN; i++)
		out[i] = (unsigned char)(sum >> 8 * i);
}

/* --- writing -------------------------------------------------------------------------------------------- */

/* How many bytes it takes; 0: more than room. */
static size_t deflate_into(unsigned char *out, size_t room, struct str xml)
{
	z_stream zlib = {.zalloc = take, .zfree = give};
	if (deflateInit2(
		&zlib, Z_DEFAULT_COMPRESSION, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		return 0;
	deflateSetDictionary(&zlib, (const Bytef *)pack_words, sizeof(pack_words) - 1);
	zlib.next_in = (Bytef *)xml.ptr;
	zlib.avail_in = (uInt)xml.len;
	zlib.next_out = out;
	zlib.avail_out = (uInt)room;
	size_t len = deflate(&zlib, Z_FINISH) == Z_STREAM_END ? zlib.total_out : 0;
	deflateEnd(&zlib);
	return len;
}

bool mam_pack(struct str xml, struct strbuf *out)
{
	if (xml.len <= MARK_LEN || xml.len > MAM_PACKED_MOST)
		return false;
	size_t most = (xml.len - MARK_LEN - 1) / 4 * 3; /* of bytes, so that their base64 is shorter */
	if (most <= SUM_LEN)
		return false;
	unsigned char *bytes = mem_alloc(most);
	size_t len = deflate_into(bytes + SUM_LEN, most - SUM_LEN, xml);
	put_sum(bytes, xml);
	if (len) {
		strbuf_cstr(out, MARK);
		base64_encode(out, bytes, SUM_LEN + len);
	}
	free(bytes);
	return len > 0;
}

/* --- reading -------------------------------------------------------------------------------------------- */

/* What zlib says when all is read; a message that is too large ends it early. */
static int inflate_all(z_stream *zlib, struct strbuf *out)
{
	int rc = Z_OK;
	while (rc == Z_OK && out->len < MAM_PACKED_MOST) {
		zlib->next_out = (Bytef *)strbuf_reserve(out, CHUNK);
		zlib->avail_out = CHUNK;
		rc = inflate(zlib, Z_NO_FLUSH);
		out->len += CHUNK - zlib->avail_out;
	}
	return rc;
}

static int inflate_from(struct str bytes, struct strbuf *out, struct err *err)
{
	z_stream zlib = {.zalloc = take, .zfree = give, .next_in = (Bytef *)bytes.ptr, .avail_in = (uInt)bytes.len};
	if (inflateInit2(&zlib, WINDOW_BITS) != Z_OK)
		return err_set(err, "zlib does not start");
	inflateSetDictionary(&zlib, (const Bytef *)pack_words, sizeof(pack_words) - 1);
	int rc = inflate_all(&zlib, out);
	bool rest = zlib.avail_in > 0;
	inflateEnd(&zlib);
	if (rc == Z_STREAM_END && out->len <= MAM_PACKED_MOST)
		return rest ? err_set(err, "there is more behind it") : 0;
	return rc == Z_OK || rc == Z_STREAM_END ? err_set(err, "it would be larger than %u bytes", MAM_PACKED_MOST)
						: err_set(err, "it is damaged");
}

static int unpack(struct str packed, struct strbuf *out, struct err *err)
{
	struct strbuf bytes = {0};
	unsigned char sum[SUM_LEN];
	int result = 0;
	if (packed.len > MAM_PACKED_MOST || base64_decode(&bytes, packed) < 0 || bytes.len < SUM_LEN)
		result = err_set(err, "it is no base64");
	if (result == 0)
		result = inflate_from((struct str){bytes.ptr + SUM_LEN, bytes.len - SUM_LEN}, out, err);
	if (result == 0) {
		put_sum(sum, strbuf_view(out));
		if (memcmp(sum, bytes.ptr, SUM_LEN) != 0)
			result = err_set(err, "its checksum is wrong");
	}
	strbuf_fini(&bytes);
	return result;
}

int mam_unpack(struct str row, struct strbuf *buf, struct str *xml_r, struct err *err)
{
	if (!str_starts(row, MARK)) {
		*xml_r = row;
		return 0;
	}
	strbuf_reset(buf);
	if (unpack((struct str){row.ptr + MARK_LEN, row.len - MARK_LEN}, buf, err) < 0)
		return -1;
	*xml_r = strbuf_view(buf);
	return 0;
}
