/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/extauth_frame.h"

const char *extauth_op_name(enum extauth_op op)
{
	static const char *const names[] = {
	    [EXTAUTH_AUTH] = "auth",
	    [EXTAUTH_ISUSER] = "isuser",
	    [EXTAUTH_SETPASS] = "setpass",
	    [EXTAUTH_TRYREGISTER] = "tryregister",
	    [EXTAUTH_REMOVEUSER] = "removeuser",
	    [EXTAUTH_REMOVEUSER3] = "removeuser3",
	};

	return names[op];
}

static bool takes_password(enum extauth_op op)
{
	return op != EXTAUTH_ISUSER && op != EXTAUTH_REMOVEUSER;
}

static bool is_plain(struct str part)
{
	for (size_t i = 0; i < part.len; i++)
		if (part.ptr[i] == ':' || (unsigned char)part.ptr[i] < ' ' || part.ptr[i] == 0x7f)
			return false;
	return part.len > 0;
}

int extauth_frame(const struct extauth_question *question, struct strbuf *out, struct err *err)
{
	const char *op = extauth_op_name(question->op);
	size_t len = strlen(op) + 1 + question->user.len + 1 + question->host.len;

	if (takes_password(question->op))
		len += 1 + question->password.len;
	if (!is_plain(question->user) || !is_plain(question->host))
		return err_set(
		    err, "the name of the account cannot be told to an authentication program");
	if (len > EXTAUTH_TEXT_MAX)
		return err_set(err, "the request would have %zu bytes, more than %d", len, EXTAUTH_TEXT_MAX);
	strbuf_reserve(out, len + 3);
	strbuf_char(out, (char)(len >> 8));
	strbuf_char(out, (char)(len & 0xff));
	strbuf_cstr(out, op);
	strbuf_char(out, ':');
	strbuf_str(out, question->user);
	strbuf_char(out, ':');
	strbuf_str(out, question->host);
	if (takes_password(question->op)) {
		strbuf_char(out, ':');
		strbuf_str(out, question->password);
	}
	return 0;
}

int extauth_answer(const unsigned char *bytes, struct err *err)
{
	if (bytes[0] != 0 || bytes[1] != 2)
		return err_set(err, "its answer begins with %02x %02x instead of 00 02", bytes[0], bytes[1]);
	if (bytes[2] != 0 || bytes[3] > 1)
		return err_set(
		    err, "its answer is %02x %02x instead of 00 00 or 00 01", bytes[2], bytes[3]);
	return bytes[3];
}
