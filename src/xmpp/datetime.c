/* SPDX-License-Identifier: Apache-2.0 */
#include "stanzad/datetime.h"

#include <stdio.h>

#include "stanzad/xml.h"

#define US_PER_SECOND INT64_C(1000000)
#define SECONDS_PER_DAY 86400
#define DAYS_TO_EPOCH 719468 /* from 0000-03-01, where the years of this calendar begin, to 1970-01-01 */
#define DAYS_PER_ERA 146097  /* 400 years */

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Proleptic Gregorian calendar; years begin in March, so that the leap day is the last. */
static void civil_of_days(int64_t days, int64_t *year_r, int *month_r, int *day_r)
{
	int64_t era = floor_div(days + DAYS_TO_EPOCH, DAYS_PER_ERA);
	int day_of_era = (int)(days + DAYS_TO_EPOCH - era * DAYS_PER_ERA);
	int year =
	    (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / (DAYS_PER_ERA - 1)) / 365;
	int day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
	int month = (5 * day_of_year + 2) / 153;

	*day_r = day_of_year - (153 * month + 2) / 5 + 1;
	*month_r = month < 10 ? month + 3 : month - 9;
	*year_r = era * 400 + year + (*month_r <= 2);
}

static int64_t days_of_civil(int64_t year, int month, int day)
{
	int64_t shifted = year - (month <= 2);
	int64_t era = floor_div(shifted, 400);
	int year_of_era = (int)(shifted - era * 400);
	int day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

	return era * DAYS_PER_ERA + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
	       DAYS_TO_EPOCH;
}

void datetime_format(char *out, int64_t real_us, int digits)
{
	int64_t seconds = floor_div(real_us, US_PER_SECOND), days = floor_div(seconds, SECONDS_PER_DAY), year;
	int fraction = (int)((real_us % US_PER_SECOND + US_PER_SECOND) % US_PER_SECOND);
	int of_day = (int)(seconds - days * SECONDS_PER_DAY), month, day, len;

	civil_of_days(days, &year, &month, &day);
	len = snprintf(out, DATETIME_MAX, "%04lld-%02d-%02dT%02d:%02d:%02d", (long long)year, month, day,
	    of_day / 3600, of_day / 60 % 60, of_day % 60);
	if (digits >= 6)
		snprintf(out + len, (size_t)(DATETIME_MAX - len), ".%06dZ", fraction);
	else if (digits >= 3)
		snprintf(out + len, (size_t)(DATETIME_MAX - len), ".%03dZ", fraction / 1000);
	else
		snprintf(out + len, (size_t)(DATETIME_MAX - len), "Z");
}

static bool take_char(struct str *text, char c)
{
	if (text->len == 0 || text->ptr[0] != c)
		return false;
	text->ptr++;
	text->len--;
	return true;
}

/* Exactly so many digits, with a value from min to max. */
static bool take_number(struct str *text, size_t digits, int min, int max, int *value_r)
{
	int value = 0;

	if (text->len < digits)
		return false;
	for (size_t i = 0; i < digits; i++) {
		char c = text->ptr[i];
		if (c < '0' || c > '9')
			return false;
		value = value * 10 + (c - '0');
	}
	text->ptr += digits;
	text->len -= digits;
	*value_r = value;
	return value >= min && value <= max;
}

static bool take_date(struct str *text, int64_t *days_r)
{
	static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int year, month, day;
	bool leap;

	if (!take_number(text, 4, 0, 9999, &year) || !take_char(text, '-') ||
	    !take_number(text, 2, 1, 12, &month) || !take_char(text, '-') ||
	    !take_number(text, 2, 1, 31, &day))
		return false;
	leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	*days_r = days_of_civil(year, month, day);
	return day <= month_days[month - 1] + (month == 2 && leap);
}

/* Any number of digits; those after the sixth do not count. */
static bool take_fraction(struct str *text, int64_t *us_r)
{
	int64_t us = 0, unit = US_PER_SECOND / 10;

	*us_r = 0;
	if (!take_char(text, '.'))
		return true;
	if (text->len == 0 || text->ptr[0] < '0' || text->ptr[0] > '9')
		return false;
	while (text->len > 0 && text->ptr[0] >= '0' && text->ptr[0] <= '9') {
		us += (text->ptr[0] - '0') * unit;
		unit /= 10;
		text->ptr++;
		text->len--;
	}
	*us_r = us;
	return true;
}

static bool take_offset(struct str *text, int64_t *seconds_r)
{
	bool west;
	int hours, minutes;

	*seconds_r = 0;
	if (take_char(text, 'Z'))
		return true;
	west = take_char(text, '-');
	if (!west && !take_char(text, '+'))
		return false;
	if (!take_number(text, 2, 0, 23, &hours) || !take_char(text, ':') ||
	    !take_number(text, 2, 0, 59, &minutes))
		return false;
	*seconds_r = (west ? -1 : 1) * (hours * 3600 + minutes * 60);
	return true;
}

int datetime_parse(struct str text, int64_t *real_us_r)
{
	int64_t days, fraction, offset;
	int hour, minute, second;

	if (!take_date(&text, &days) || !take_char(&text, 'T'))
		return -1;
	/* second 60 is a leap second, which is the next minute's first here */
	if (!take_number(&text, 2, 0, 23, &hour) || !take_char(&text, ':') ||
	    !take_number(&text, 2, 0, 59, &minute) || !take_char(&text, ':') ||
	    !take_number(&text, 2, 0, 60, &second))
		return -1;
	if (!take_fraction(&text, &fraction) || !take_offset(&text, &offset) || text.len > 0)
		return -1;
	*real_us_r =
	    (days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - offset) * US_PER_SECOND + fraction;
	return 0;
}

void datetime_delay(struct strbuf *out, struct str from, int64_t real_us, struct str reason)
{
	char stamp[DATETIME_MAX];

	datetime_format(stamp, real_us, 6);
	strbuf_cstr(out, "<delay xmlns='urn:xmpp:delay'");
	if (from.len > 0) {
		strbuf_cstr(out, " from='");
		xml_escape(out, from);
		strbuf_char(out, '\'');
	}
	strbuf_cstr(out, " stamp='");
	strbuf_cstr(out, stamp);
	strbuf_cstr(out, reason.len > 0 ? "'>" : "'/>");
	if (reason.len > 0) {
		xml_escape(out, reason);
		strbuf_cstr(out, "</delay>");
	}
}
