/* SPDX-License-Identifier: Apache-2.0 */
#include "xmpp/jid_domain.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <stdlib.h>
#include <unicase.h>
#include <uninorm.h>
#include <unistr.h>

#include "base/utf8.h"
#include "xmpp/precis.h"

#define LABEL_MAX 63        /* bytes of a label in ASCII, RFC 5890 2.3.1 */
#define LABEL_UTF8_MAX 1023 /* no U-label is longer than the whole domain part */

static int prepare_ipv6(struct strbuf *out, struct str text, struct err *err)
{
	char address[INET6_ADDRSTRLEN];
	struct in6_addr binary;
	size_t len = text.len - 2;

	if (text.len < 4 || text.ptr[text.len - 1] != ']' || len >= sizeof(address))
		return err_set(err, "bad IPv6 address");
	memcpy(address, text.ptr + 1, len);
	address[len] = '\0';
	if (strlen(address) != len || inet_pton(AF_INET6, address, &binary) != 1)
		return err_set(err, "bad IPv6 address");
	inet_ntop(AF_INET6, &binary, address, sizeof(address));
	strbuf_char(out, '[');
	strbuf_cstr(out, address);
	strbuf_char(out, ']');
	return 0;
}

static bool is_full_stop(uint32_t rune)
{
	return rune == 0x3002 || rune == 0xff0e || rune == 0xff61;
}

static int normalise(struct strbuf *out, struct str text, bool lower, struct err *err)
{
	size_t len;
	uint8_t *mapped = lower
			      ? u8_tolower((const uint8_t *)text.ptr, text.len, NULL, UNINORM_NFC, NULL, &len)
			      : u8_normalize(UNINORM_NFC, (const uint8_t *)text.ptr, text.len, NULL, &len);

	if (!mapped)
		return err_set(err, "cannot be normalised");
	strbuf_add(out, mapped, len);
	free(mapped);
	return 0;
}

/* RFC 5895 2, steps 2 to 4: widths, composition, full stops. Case is a matter of each label. */
static int map_name(struct strbuf *out, struct str text, struct err *err)
{
	const char *p = text.ptr, *end = text.ptr + text.len;
	struct strbuf narrow = {0};
	int result;

	for (int width; p < end; p += width) {
		uint32_t rune;
		width = utf8_next(p, end, &rune);
		if (width <= 0 || rune == 0) { /* libidn2 takes NUL for the end */
			strbuf_fini(&narrow);
			return err_set(err, width <= 0 ? "not UTF-8" : "U+0000 is not allowed");
		}
		narrow.len += (size_t)utf8_put(
		    strbuf_reserve(&narrow, 4), is_full_stop(rune) ? '.' : precis_narrow(rune));
	}
	result = normalise(out, strbuf_view(&narrow), false, err);
	strbuf_fini(&narrow);
	return result;
}

static bool is_ascii(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] & 0x80)
			return false;
	}
	return true;
}

static int put_ascii_label(struct strbuf *out, struct str label, struct err *err)
{
	if (label.len > LABEL_MAX)
		return err_set(err, "a label has more than %d bytes", LABEL_MAX);
	if (label.ptr[0] == '-' || label.ptr[label.len - 1] == '-')
		return err_set(err, "a label begins or ends with a hyphen");
	for (size_t i = 0; i < label.len; i++) {
		char c = label.ptr[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_')
			return err_set(err, "U+%04X is not allowed", (unsigned char)c);
	}
	strbuf_str(out, label);
	return 0;
}

/* The A-label of a U-label in *ascii_r, which idn2_free gives back. RFC 5891 4.2 in full. */
static int to_ascii(struct str label, uint8_t **ascii_r, struct err *err)
{
	char text[LABEL_UTF8_MAX + 1];
	int result;

	if (label.len > LABEL_UTF8_MAX)
		return err_set(err, "a label is too long");
	memcpy(text, label.ptr, label.len);
	text[label.len] = '\0';
	result = idn2_register_u8((uint8_t *)text, NULL, ascii_r, 0);
	return result == IDN2_OK ? 0 : err_set(err, "%s", idn2_strerror(result));
}

/* RFC 5890 2.3.2.1: an A-label and its U-label make each other exactly. */
static int put_a_label(struct strbuf *out, struct str label, struct err *err)
{
	char text[LABEL_MAX + 1];
	char *unicode = NULL;
	uint8_t *ascii = NULL;
	int result;

	if (label.len > LABEL_MAX)
		return err_set(err, "a label has more than %d bytes", LABEL_MAX);
	memcpy(text, label.ptr, label.len);
	text[label.len] = '\0';
	if (idn2_to_unicode_8z8z(text, &unicode, 0) != IDN2_OK)
		return err_set(err, "bad A-label");
	result = to_ascii(str_of(unicode), &ascii, err);
	if (result == 0 && strcmp((char *)ascii, text) != 0)
		result = err_set(err, "bad A-label");
	if (result == 0)
		strbuf_cstr(out, unicode);
	idn2_free(ascii);
	idn2_free(unicode);
	return result;
}

static int put_lower_label(struct strbuf *out, struct str label, struct err *err)
{
	uint8_t *ascii = NULL;

	if (is_ascii(label))
		return str_starts(label, "xn--") ? put_a_label(out, label, err)
						 : put_ascii_label(out, label, err);
	if (to_ascii(label, &ascii, err) < 0)
		return -1;
	idn2_free(ascii);
	strbuf_str(out, label);
	return 0;
}

static int put_label(struct strbuf *out, struct str label, struct err *err)
{
	struct strbuf lower = {0};
	int result;

	if (label.len == 0)
		return err_set(err, "an empty label");
	/* Cherokee is the script whose capitals are the letters of IDNA: what is valid as it is stays */
	if (!is_ascii(label) && put_lower_label(out, label, NULL) == 0)
		return 0;
	result = normalise(&lower, label, true, err);
	if (result == 0)
		result = put_lower_label(out, strbuf_view(&lower), err);
	strbuf_fini(&lower);
	return result;
}

static int put_labels(struct strbuf *out, struct str name, struct err *err)
{
	for (;;) {
		struct str rest, label = str_cut(name, '.', &rest);

		if (put_label(out, label, err) < 0)
			return -1;
		if (label.len == name.len)
			return 0;
		strbuf_char(out, '.');
		name = rest;
	}
}

int jid_domain_prepare(struct strbuf *out, struct str text, struct err *err)
{
	struct strbuf mapped = {0};
	size_t start = out->len;
	struct str name;
	int result;

	if (text.len == 0)
		return err_set(err, "empty");
	if (text.ptr[0] == '[')
		return prepare_ipv6(out, text, err);
	if (map_name(&mapped, text, err) < 0)
		return -1;
	name = strbuf_view(&mapped);
	if (name.len > 1 && name.ptr[name.len - 1] == '.')
		name.len--;
	result = put_labels(out, name, err);
	if (result < 0)
		out->len = start;
	strbuf_fini(&mapped);
	return result;
}
