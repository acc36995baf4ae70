/* SPDX-License-Identifier: Apache-2.0 */
#include "base/codec.h"

#include "tap.h"

/* RFC 4648 section 10. */
static const char *const vectors[][2] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
};

static void test_base64_vectors(void)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
		struct strbuf out = {0};

		base64_encode(&out, vectors[i][0], strlen(vectors[i][0]));
		is_text(strbuf_view(&out), vectors[i][1]);
		strbuf_reset(&out);
		is_int(base64_decode(&out, str_of(vectors[i][1])), 0);
		is_text(strbuf_view(&out), vectors[i][0]);
		strbuf_fini(&out);
	}
}

static void test_base64_refuses(void)
{
	static const char *const wrong[] = {"Z", "Zg", "Zg=", "Zg==\n", "Zg== ", " Zg==", "Zh==", "Zm9=", "=",
	    "====", "Z===", "Zg==Zg==", "Zm=v", "Zm9-", "Zm9_", "Zm 9", "Zm9v=", "Zm9vA===", "Zm\xc3\xa9"};
	struct strbuf out = {0};

	strbuf_cstr(&out, "kept");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		ok(base64_decode(&out, str_of(wrong[i])) < 0);
		is_cstr(out.ptr, "kept");
	}
	ok(base64_decode(&out, STR("Zm\0v")) < 0);
	is_text(strbuf_view(&out), "kept");
	strbuf_fini(&out);
}

static void test_base64_every_byte(void)
{
	unsigned char bytes[256];
	struct strbuf text = {0}, back = {0};
	bool same = true;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 167 + 13);
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		strbuf_reset(&text);
		strbuf_reset(&back);
		base64_encode(&text, bytes, len);
		same = same && base64_decode(&back, strbuf_view(&text)) == 0;
		same = same && str_eq(strbuf_view(&back), (struct str){(char *)bytes, len});
	}
	ok(same);
	strbuf_reset(&back);
	is_int(base64_decode(&back, STR("+/+/")), 0);
	is_str(strbuf_view(&back), STR("\xfb\xff\xbf"));
	strbuf_fini(&text);
	strbuf_fini(&back);
}

static void test_hex(void)
{
	struct strbuf out = {0};

	hex_encode(&out, "\x00\x7f\xab\xff", 4);
	is_text(strbuf_view(&out), "007fabff");
	hex_encode(&out, NULL, 0);
	is_cstr(out.ptr, "007fabff");
	strbuf_fini(&out);
}

int main(void)
{
	run(test_base64_vectors);
	run(test_base64_refuses);
	run(test_base64_every_byte);
	run(test_hex);
	return tap_done();
}
