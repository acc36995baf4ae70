/* SPDX-License-Identifier: Apache-2.0 */
/* Dialback keys: XEP-0185. */
#include "stream/dialback.h"
#include "tap.h"

static void the_key_of_the_example(void)
{
	char key[DIALBACK_KEY_SIZE];
	dialback_key_with(key, STR("s3cr3tf0rd14lb4ck"), STR("xmpp.example.com"), STR("example.org"),
	    STR("D60000229F"));
	is_cstr(key, "37c69b1cf07a3f67c04a5ef5902fa5114f2c76fe4a2686482ba5b89323075643");
	dialback_key_with(key, STR("s3cr3tf0rd14lb4ck"), STR("montague.example"), STR("capulet.example"),
	    STR("D60000229F"));
	is_cstr(key, "b4835385f37fe2895af6c196b59097b16862406db80559900d96bf6fa7d23df3");
}

static void only_the_very_key_is_ours(void)
{
	char key[DIALBACK_KEY_SIZE];
	struct str a = STR("a.example"), b = STR("b.example"), id = STR("1");
	dialback_key(key, a, b, id);
	is_int(strlen(key), 64);
	ok(dialback_key_is(str_of(key), a, b, id));
	ok(!dialback_key_is(str_of(key), b, a, id));
	ok(!dialback_key_is(str_of(key), a, b, STR("2")));
	ok(!dialback_key_is((struct str){key, 63}, a, b, id));
	ok(!dialback_key_is(STR(""), a, b, id));
	key[63] = key[63] == '0' ? '1' : '0';
	ok(!dialback_key_is(str_of(key), a, b, id));
}

int main(void)
{
	run(the_key_of_the_example);
	run(only_the_very_key_is_ours);
	return tap_done();
}
