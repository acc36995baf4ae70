/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/captcha/picture.h"

#include <openssl/sha.h>
#include <stdio.h>

#include "base/codec.h"

static const struct {
	const char *magic;
	size_t len;
	const char *type;
} kinds[] = {
    {"\x89PNG\r\n\x1a\n", 8, "image/png"},
    {"\xff\xd8\xff", 3, "image/jpeg"},
    {"GIF8", 4, "image/gif"},
};

static const char *type_of(struct str bytes)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (bytes.len > kinds[i].len && memcmp(bytes.ptr, kinds[i].magic, kinds[i].len) == 0)
			return kinds[i].type;
	return NULL;
}

static unsigned number_at(struct str bytes, size_t at)
{
	const unsigned char *digit = (const unsigned char *)bytes.ptr + at;
	return (unsigned)digit[0] << 24 | (unsigned)digit[1] << 16 | (unsigned)digit[2] << 8 | digit[3];
}

/* The first chunk of a PNG begins with both. */
static void look_for_size(struct captcha_picture *picture)
{
	struct str bytes = strbuf_view(&picture->bytes);
	if (!str_is(str_of(picture->type), "image/png") || bytes.len < 24)
		return;
	picture->width = number_at(bytes, 16);
	picture->height = number_at(bytes, 20);
}

static void put_cid(struct captcha_picture *picture)
{
	struct strbuf hex = {0};
	unsigned char hash[SHA_DIGEST_LENGTH];
	SHA1((const unsigned char *)picture->bytes.ptr, picture->bytes.len, hash);
	hex_encode(&hex, hash, sizeof(hash));
	snprintf(picture->cid, sizeof(picture->cid), "sha1+%s@bob.xmpp.org", hex.ptr);
	strbuf_fini(&hex);
}

int captcha_picture_make(struct str command, struct str text, struct captcha_picture *picture_r, struct err *err)
{
	bool drawn = !command.len || str_starts(command, "mod_");
	int rc = drawn ? captcha_picture_draw(text, &picture_r->bytes, err)
		       : captcha_picture_run(command, text, CAPTCHA_PROGRAM_MS, &picture_r->bytes, err);
	if (rc < 0)
		return -1;
	picture_r->type = type_of(strbuf_view(&picture_r->bytes));
	if (!picture_r->type)
		return err_set(err, "what it wrote is neither PNG nor JPEG nor GIF");
	look_for_size(picture_r);
	put_cid(picture_r);
	return 0;
}

void captcha_picture_fini(struct captcha_picture *picture)
{
	strbuf_fini(&picture->bytes);
}
