/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/datetime.h"

#include "tap.h"

static const struct {
	int64_t us;
	int digits;
	const char *text;
} samples[] = {
    {0, 0, "1970-01-01T00:00:00Z"},
    {0, 6, "1970-01-01T00:00:00.000000Z"},
    {-1, 6, "1969-12-31T23:59:59.999999Z"},
    {1, 3, "1970-01-01T00:00:00.000Z"},
    {951782400000000, 0, "2000-02-29T00:00:00Z"},
    {951868799999999, 3, "2000-02-29T23:59:59.999Z"},
    {1709164800000000, 0, "2024-02-29T00:00:00Z"},
    {4107542400000000, 0, "2100-03-01T00:00:00Z"},
    {4107542399000000, 0, "2100-02-28T23:59:59Z"},
    {253402300799999999, 6, "9999-12-31T23:59:59.999999Z"},
    {-62167219200000000, 0, "0000-01-01T00:00:00Z"},
    {1795342148123456, 6, "2026-11-22T10:09:08.123456Z"},
};

static void test_format(void)
{
	char out[DATETIME_MAX];

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		datetime_format(out, samples[i].us, samples[i].digits);
		is_cstr(out, samples[i].text);
	}
	datetime_format(out, INT64_MAX, 6);
	is_cstr(out, "294247-01-10T04:00:54.775807Z");
	datetime_format(out, INT64_MIN, 6);
	ok(strlen(out) < sizeof(out));
}

static int64_t parsed(const char *text)
{
	int64_t us = INT64_MIN;

	return datetime_parse(str_of(text), &us) < 0 ? INT64_MIN : us;
}

static void test_parse(void)
{
	is_int(parsed("1969-07-21T02:56:15Z"), -14159025000000);
	is_int(parsed("1969-07-20T21:56:15-05:00"), -14159025000000);
	is_int(parsed("1970-01-01T05:30:00+05:30"), 0);
	is_int(parsed("1970-01-01T00:00:00.5Z"), 500000);
	is_int(parsed("1970-01-01T00:00:00.000001Z"), 1);
	is_int(parsed("1970-01-01T00:00:00.12345678901234567890Z"), 123456);
	is_int(parsed("2016-12-31T23:59:60Z"), parsed("2017-01-01T00:00:00Z"));
}

static void test_parse_refused(void)
{
	static const char *const refused[] = {"", "2026", "2026-11-22", "2026-11-22T10:09:08",
	    "2026-11-22 10:09:08Z", "2026-11-22T10:09Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
	    "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-00T00:00:00Z",
	    "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z", "2026-01-01T00:00:00.Z",
	    "2026-01-01T00:00:00,5Z", "2026-01-01T00:00:00z", "2026-01-01T00:00:00+0100",
	    "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+01:60", "2026-01-01T00:00:00Zx",
	    " 2026-01-01T00:00:00Z", "20260101T00:00:00Z", "2026-1-1T0:0:0Z", "-026-01-01T00:00:00Z",
	    "02026-01-01T00:00:00Z", "2026-01-01T00:00:00+", "2026-01-01T00:00:00-1"};
	int64_t untouched = 7;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (!ok(datetime_parse(str_of(refused[i]), &untouched) < 0))
			printf("# %s\n", refused[i]);
	}
	is_int(untouched, 7);
}

static void test_round_trip(void)
{
	char out[DATETIME_MAX];
	int64_t step = INT64_C(12345678901234), us, again;

	for (us = -62167219200000000; us < 253402300800000000; us += step) {
		datetime_format(out, us, 6);
		if (datetime_parse(str_of(out), &again) < 0 || again != us)
			break;
	}
	ok(us >= 253402300800000000);
}

static void test_delay(void)
{
	struct strbuf out = {0};

	datetime_delay(&out, STR("room@host/it's"), 0, STR("a < b"));
	is_str(strbuf_view(&out), STR("<delay xmlns='urn:xmpp:delay' from='room@host/it&apos;s'"
				      " stamp='1970-01-01T00:00:00.000000Z'>a &lt; b</delay>"));
	strbuf_reset(&out);
	datetime_delay(&out, STR(""), 0, STR_NULL);
	is_str(strbuf_view(&out), STR("<delay xmlns='urn:xmpp:delay' stamp='1970-01-01T00:00:00.000000Z'/>"));
	strbuf_fini(&out);
}

int main(void)
{
	run(test_format);
	run(test_parse);
	run(test_parse_refused);
	run(test_round_trip);
	run(test_delay);
	return tap_done();
}
