/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/scalar.h"

bool scalar_bool(struct str s, bool *value_r)
{
	if (str_ieq(s, STR("true")) || str_ieq(s, STR("on")) || str_ieq(s, STR("yes")))
		*value_r = true;
	else if (str_ieq(s, STR("false")) || str_ieq(s, STR("off")) || str_ieq(s, STR("no")))
		*value_r = false;
	else
		return false;
	return true;
}

bool scalar_is_infinity(struct str s)
{
	return str_ieq(s, STR("infinity")) || str_ieq(s, STR("infinite")) || str_ieq(s, STR("unlimited"));
}

/* Cuts the number, which may have one fraction of up to three digits, from what follows: value is in
 * thousandths. */
static bool number_cut(struct str s, int64_t *thousandths_r, struct str *rest_r)
{
	int64_t value = 0, scale = 1000;
	size_t i = 0;
	bool fraction = false;

	for (; i < s.len && ((s.ptr[i] >= '0' && s.ptr[i] <= '9') || (s.ptr[i] == '.' && !fraction)); i++) {
		if (s.ptr[i] == '.') {
			fraction = true;
			continue;
		}
		if (fraction && scale == 1)
			return false;
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, s.ptr[i] - '0', &value))
			return false;
		if (fraction)
			scale /= 10;
	}
	if (i == 0 || s.ptr[0] == '.' || s.ptr[i - 1] == '.' || __builtin_mul_overflow(value, scale, &value))
		return false;
	*thousandths_r = value;
	*rest_r = str_trim((struct str){s.ptr + i, s.len - i});
	return true;
}

struct unit {
	const char *words;
	int64_t factor;
};

static const struct unit *unit_find(const struct unit *units, struct str word)
{
	for (; units->words; units++) {
		struct str rest = str_of(units->words);

		while (rest.len > 0) {
			if (str_ieq(word, str_cut(rest, '|', &rest)))
				return units;
		}
	}
	return NULL;
}

static bool number_with_unit(struct str s, const struct unit *units, int64_t *value_r)
{
	const struct unit *unit;
	int64_t thousandths, value;
	struct str word;

	if (!number_cut(str_trim(s), &thousandths, &word) || !(unit = unit_find(units, word)))
		return false;
	if (__builtin_mul_overflow(thousandths, unit->factor, &value) || value % 1000 != 0)
		return false;
	*value_r = value / 1000;
	return true;
}

bool scalar_size(struct str s, int64_t *bytes_r)
{
	static const struct unit units[] = {
	    {"b|byte|bytes", 1},
	    {"kb", 1000},
	    {"mb", 1000 * 1000},
	    {"gb", 1000 * 1000 * 1000},
	    {"kib", 1 << 10},
	    {"mib", 1 << 20},
	    {"gib", 1 << 30},
	    {0},
	};

	return str_to_i64(s, bytes_r) || number_with_unit(s, units, bytes_r);
}

bool scalar_duration(struct str s, int64_t *milliseconds_r)
{
	static const struct unit units[] = {
	    {"ms|msec|msecs|millisecond|milliseconds", 1},
	    {"s|sec|secs|second|seconds", 1000},
	    {"m|min|mins|minute|minutes", 60 * 1000},
	    {"h|hour|hours", 3600 * 1000},
	    {"d|day|days", 24 * 3600 * 1000},
	    {0},
	};
	int64_t seconds;

	struct str word;

	if (!str_to_i64(s, &seconds)) /* a bare number is in seconds, "0.4" too, and thousandths are milliseconds */
		return (number_cut(str_trim(s), milliseconds_r, &word) && word.len == 0) ||
		       number_with_unit(s, units, milliseconds_r);
	return seconds >= 0 && !__builtin_mul_overflow(seconds, 1000, milliseconds_r);
}

int scalar_word(const char *words, struct str s)
{
	struct str rest = str_of(words);

	for (int i = 0; rest.len > 0; i++) {
		if (str_eq(str_cut(rest, '|', &rest), s))
			return i;
	}
	return -1;
}

struct str scalar_word_at(const char *words, int index)
{
	struct str rest = str_of(words), word = STR_NULL;

	for (int i = 0; i <= index; i++)
		word = str_cut(rest, '|', &rest);
	return word;
}
