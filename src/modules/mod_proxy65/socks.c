/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_proxy65/socks.h"

#include <ctype.h>

enum { VERSION = 5, LOGIN_VERSION = 1, COMMAND_CONNECT = 1, ADDRESS_NAME = 3 };
enum { METHOD_NONE = 0, METHOD_PASSWORD = 2, METHOD_REFUSED = 0xff };
/* RFC 1928 6 */
enum { REPLY_OK = 0, REPLY_NOT_ALLOWED = 2, REPLY_BAD_COMMAND = 7, REPLY_BAD_ADDRESS = 8 };
enum { REQUEST_HEAD = 5 }; /* version, command, reserved, kind of address, length of a name */

/* --- how long a message is, as far as its bytes tell ---------------------------------------------------- */

static size_t greeting_length(const struct socks *socks)
{
	return socks->len < 2 ? 2 : 2 + (size_t)socks->bytes[1];
}

static size_t password_length(const struct socks *socks)
{
	if (socks->len < 2)
		return 2;
	size_t name = socks->bytes[1];
	return socks->len < 3 + name ? 3 + name : 3 + name + socks->bytes[2 + name];
}

static size_t request_length(const struct socks *socks)
{
	return socks->len < REQUEST_HEAD ? REQUEST_HEAD : REQUEST_HEAD + (size_t)socks->bytes[4] + 2;
}

static size_t length(const struct socks *socks)
{
	switch (socks->state) {
	case SOCKS_GREETING:
		return greeting_length(socks);
	case SOCKS_PASSWORD:
		return password_length(socks);
	case SOCKS_REQUEST:
		return request_length(socks);
	default:
		return 0;
	}
}

size_t socks_wanted(const struct socks *socks)
{
	size_t whole = length(socks);
	return whole > socks->len ? whole - socks->len : 0;
}

/* --- answers -------------------------------------------------------------------------------------------- */

static enum socks_event answer(struct socks *socks, unsigned char first, unsigned char second,
    enum socks_state next, enum socks_event event)
{
	socks->reply[0] = first;
	socks->reply[1] = second;
	socks->reply_len = 2;
	socks->state = next;
	socks->len = 0;
	return event;
}

static enum socks_event refuse_request(struct socks *socks, unsigned char code)
{
	static const unsigned char nowhere[] = {VERSION, 0, 0, 1, 0, 0, 0, 0, 0, 0};
	memcpy(socks->reply, nowhere, sizeof(nowhere));
	socks->reply[1] = code;
	socks->reply_len = sizeof(nowhere);
	socks->state = SOCKS_OVER;
	return SOCKS_REFUSED;
}

static enum socks_event on_greeting(struct socks *socks)
{
	unsigned char method = socks->plain ? METHOD_PASSWORD : METHOD_NONE;
	if (memchr(socks->bytes + 2, method, socks->bytes[1]))
		return answer(
		    socks, VERSION, method, socks->plain ? SOCKS_PASSWORD : SOCKS_REQUEST, SOCKS_MORE);
	return answer(socks, VERSION, METHOD_REFUSED, SOCKS_OVER, SOCKS_REFUSED);
}

static bool take_hash(struct socks *socks)
{
	const unsigned char *name = socks->bytes + REQUEST_HEAD;
	if (socks->bytes[4] != SOCKS_HASH_SIZE || name[SOCKS_HASH_SIZE] || name[SOCKS_HASH_SIZE + 1])
		return false;
	for (size_t i = 0; i < SOCKS_HASH_SIZE; i++) {
		if (!isxdigit(name[i]))
			return false;
		socks->hash[i] = (char)tolower(name[i]);
	}
	socks->hash[SOCKS_HASH_SIZE] = '\0';
	return true;
}

static enum socks_event on_request(struct socks *socks)
{
	return take_hash(socks) ? SOCKS_CONNECT : refuse_request(socks, REPLY_NOT_ALLOWED);
}

/* What is wrong is refused as soon as it is seen: the rest may be of any form, and never come. */
static bool is_wrong(struct socks *socks)
{
	const unsigned char *bytes = socks->bytes;
	if (socks->state == SOCKS_PASSWORD)
		return bytes[0] != LOGIN_VERSION;
	return bytes[0] != VERSION;
}

static enum socks_event check_request(struct socks *socks)
{
	if (socks->len >= 2 && socks->bytes[1] != COMMAND_CONNECT)
		return refuse_request(socks, REPLY_BAD_COMMAND);
	if (socks->len >= 4 && socks->bytes[3] != ADDRESS_NAME)
		return refuse_request(socks, REPLY_BAD_ADDRESS);
	if (socks->len >= REQUEST_HEAD && socks->bytes[4] != SOCKS_HASH_SIZE)
		return refuse_request(socks, REPLY_NOT_ALLOWED);
	return SOCKS_MORE;
}

enum socks_event socks_take(struct socks *socks, const void *bytes, size_t len)
{
	socks->reply_len = 0;
	memcpy(socks->bytes + socks->len, bytes, len);
	socks->len += len;
	if (socks->len && is_wrong(socks)) {
		socks->state = SOCKS_OVER;
		return SOCKS_REFUSED;
	}
	if (socks->state == SOCKS_REQUEST && check_request(socks) == SOCKS_REFUSED)
		return SOCKS_REFUSED;
	if (socks_wanted(socks) > 0)
		return SOCKS_MORE;
	if (socks->state == SOCKS_GREETING)
		return on_greeting(socks);
	return socks->state == SOCKS_PASSWORD ? SOCKS_LOGIN : on_request(socks);
}

void socks_login(const struct socks *socks, struct str *name_r, struct str *password_r)
{
	size_t name = socks->bytes[1];
	*name_r = (struct str){(const char *)socks->bytes + 2, name};
	*password_r = (struct str){(const char *)socks->bytes + 3 + name, socks->bytes[2 + name]};
}

enum socks_event socks_logged_in(struct socks *socks, bool good)
{
	explicit_bzero(socks->bytes, sizeof(socks->bytes));
	if (good)
		return answer(socks, LOGIN_VERSION, 0, SOCKS_REQUEST, SOCKS_MORE);
	return answer(socks, LOGIN_VERSION, 1, SOCKS_OVER, SOCKS_REFUSED);
}

/* XEP-0065 5.3.2: the address and port of the request come back. */
void socks_connected(struct socks *socks, bool good)
{
	if (!good) {
		refuse_request(socks, REPLY_NOT_ALLOWED);
		return;
	}
	memcpy(socks->reply, socks->bytes, socks->len);
	socks->reply[1] = REPLY_OK;
	socks->reply[2] = 0;
	socks->reply_len = socks->len;
	socks->state = SOCKS_OVER;
}
