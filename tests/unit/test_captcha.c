/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures of CAPTCHA challenges, the forms that answer them, and captcha_limit. */
#include "base/clock.h"
#include "modules/captcha/pending.h"
#include "modules/captcha/rate.h"
#include "tap.h"

#define DATA "jabber:x:data"

/* --- pictures ------------------------------------------------------------------------------------------- */

static unsigned number_at(struct str bytes, size_t at)
{
	const unsigned char *digit = (const unsigned char *)bytes.ptr + at;
	return (unsigned)digit[0] << 24 | (unsigned)digit[1] << 16 | (unsigned)digit[2] << 8 | digit[3];
}

static void test_drawn(void)
{
	struct captcha_picture first = {0}, second = {0};
	struct err err = {""};
	is_int(captcha_picture_make(STR(""), STR("0123456789"), &first, &err), 0);
	struct str bytes = strbuf_view(&first.bytes);
	is_text(str_of(first.type), "image/png");
	ok(bytes.len > 500 && bytes.len < 12000);
	ok(str_eq((struct str){bytes.ptr + bytes.len - 8, 4}, STR("IEND")));
	ok(first.width >= 150 && first.width <= 400 && first.height >= 50 && first.height <= 150);
	is_int(number_at(bytes, 16), first.width);
	ok(str_starts(str_of(first.cid), "sha1+") && str_ends(str_of(first.cid), "@bob.xmpp.org"));
	is_int(strlen(first.cid), 5 + 40 + 13);
	/* Each time in another way. */
	is_int(captcha_picture_make(STR("mod_ecaptcha"), STR("0123456789"), &second, &err), 0);
	ok(!str_eq(bytes, strbuf_view(&second.bytes)));
	ok(!str_is(str_of(first.cid), second.cid));
	captcha_picture_fini(&first);
	captcha_picture_fini(&second);
}

/* Whether making it fails, with this in the reason. */
static bool fails(const char *command, const char *reason)
{
	struct captcha_picture picture = {0};
	struct err err = {""};
	int rc = captcha_picture_make(str_of(command), STR("424242"), &picture, &err);
	captcha_picture_fini(&picture);
	if (rc == 0 || !strstr(err.text, reason))
		printf("# %s: %s\n", command, err.text);
	return rc < 0 && strstr(err.text, reason) && !strstr(err.text, "424242");
}

static void test_program(void)
{
	struct captcha_picture picture = {0};
	struct err err = {""};
	is_int(captcha_picture_make(STR("sh -c 'echo much >&2; printf \"GIF89a %s\" \"$1\"' x"), STR("424242"),
		   &picture, &err),
	    0);
	is_text(strbuf_view(&picture.bytes), "GIF89a 424242");
	is_text(str_of(picture.type), "image/gif");
	is_int(picture.width, 0);
	captcha_picture_fini(&picture);
	ok(fails("/nowhere/captcha.sh", "captcha_cmd"));
	ok(fails("sh -c 'exit 3'", "status 3"));
	ok(fails("sh -c 'kill -9 $$'", "signal 9"));
	ok(fails("echo", "neither PNG nor JPEG nor GIF"));
	ok(fails("true", "neither PNG nor JPEG nor GIF"));
	ok(fails("sh -c 'printf GIF89a; while :; do echo 012345678901234567890123456789; done'", "more than"));
	/* It is ended with the program that it has started. */
	struct strbuf out = {0};
	ok(captcha_picture_run(STR("sh -c 'sleep 1000 & wait'"), STR("1"), 50, &out, &err) < 0);
	ok(strstr(err.text, "too long"));
	strbuf_fini(&out);
}

/* --- forms ---------------------------------------------------------------------------------------------- */

static struct xml_tree *tree;

static int read_form(const char *text, struct captcha_reply *reply)
{
	struct err err;
	xml_tree_unref(&tree);
	tree = xml_parse(str_of(text), STR("jabber:client"), &xml_limits_default, NULL, &err);
	return captcha_form_read(tree->root, reply);
}

#define FIELD(var, value) "<field var='" var "'><value>" value "</value></field>"

static void test_form(void)
{
	struct captcha_reply reply;
	is_int(read_form("<x xmlns='" DATA "' type='submit'>" FIELD("challenge", "c") FIELD("ocr", "1")
			     FIELD("from", "f") FIELD("sid", "s") "</x>",
		   &reply),
	    0);
	ok(!reply.cancel);
	is_text(reply.challenge, "c");
	is_text(reply.ocr, "1");
	is_text(reply.from, "f");
	is_text(reply.sid, "s");
	is_int(read_form("<x xmlns='" DATA "' type='submit'>" FIELD("challenge", "c") "</x>", &reply), 0);
	ok(!reply.ocr.ptr && !reply.from.ptr && !reply.sid.ptr);
	is_int(read_form("<x xmlns='" DATA "' type='cancel'>" FIELD("challenge", "c") "</x>", &reply), 0);
	ok(reply.cancel);
	ok(read_form("<x xmlns='" DATA "' type='submit'>" FIELD("ocr", "1") "</x>", &reply) < 0);
	ok(read_form("<x xmlns='" DATA "' type='submit'>" FIELD("challenge", "") "</x>", &reply) < 0);
	ok(read_form("<x xmlns='" DATA "' type='form'>" FIELD("challenge", "c") "</x>", &reply) < 0);
	ok(read_form("<x xmlns='other' type='submit'>" FIELD("challenge", "c") "</x>", &reply) < 0);
	ok(captcha_form_read(NULL, &reply) < 0);
	xml_tree_unref(&tree);
}

static void test_right(void)
{
	struct captcha *captcha = captcha_new(NULL), *other = captcha_new(NULL);
	is_int(strlen(captcha->answer), CAPTCHA_DIGITS);
	is_int(strspn(captcha->answer, "0123456789"), CAPTCHA_DIGITS);
	ok(!str_is(str_of(captcha->id), other->id));
	strcpy(captcha->answer, "012345");
	ok(captcha_is_right(captcha, STR("012345")));
	ok(captcha_is_right(captcha, STR(" 012345\n")));
	ok(!captcha_is_right(captcha, STR("012346")));
	ok(!captcha_is_right(captcha, STR("01234")));
	ok(!captcha_is_right(captcha, STR("0123456")));
	ok(!captcha_is_right(captcha, STR_NULL));
	captcha_free(&captcha);
	captcha_free(&other);
}

/* --- rate ----------------------------------------------------------------------------------------------- */

static void test_rate(void)
{
	clock_fake(INT64_C(1800000000000000));
	ok(captcha_rate_enter(STR("a@x.example"), 2));
	ok(captcha_rate_enter(STR("a@x.example"), 2));
	ok(!captcha_rate_enter(STR("a@x.example"), 2));
	ok(captcha_rate_enter(STR("b@x.example"), 2));
	ok(captcha_rate_enter(STR("a@x.example"), INT64_MAX));
	clock_fake_advance(59999);
	ok(!captcha_rate_enter(STR("a@x.example"), 2));
	clock_fake_advance(1);
	ok(captcha_rate_enter(STR("a@x.example"), 2));
	ok(captcha_rate_enter(STR("a@x.example"), 2));
	ok(!captcha_rate_enter(STR("a@x.example"), 2));
}

int main(void)
{
	run(test_drawn);
	run(test_program);
	run(test_form);
	run(test_right);
	run(test_rate);
	return tap_done();
}
