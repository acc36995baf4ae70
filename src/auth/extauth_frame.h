/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol of authentication programs, as bytes: a request is its length in two bytes, high one first,
 * and then OP:USER:HOST or OP:USER:HOST:PASSWORD, where the password is the rest and may hold colons; an
 * answer is 00 02 and then 00 01 for yes or 00 00 for no. Pure functions.
 */
#pragma once

#include "stanzad/err.h"
#include "stanzad/str.h"

enum extauth_op {
	EXTAUTH_AUTH,        /* is this the password? */
	EXTAUTH_ISUSER,      /* is there such an account? */
	EXTAUTH_SETPASS,     /* a new password for an account */
	EXTAUTH_TRYREGISTER, /* a new account */
	EXTAUTH_REMOVEUSER,  /* no more account */
	EXTAUTH_REMOVEUSER3, /* the same, if this is the password */
};

struct extauth_question {
	enum extauth_op op;
	struct str user, host;
	struct str password; /* not with EXTAUTH_ISUSER and EXTAUTH_REMOVEUSER */
};

#define EXTAUTH_TEXT_MAX 65535 /* bytes of a request behind its length */
#define EXTAUTH_ANSWER_LEN 4

/* "auth", "isuser", ... */
const char *extauth_op_name(enum extauth_op op);
/*
 * Appends the request to an empty buffer, which does not move while it grows: overwrite it afterwards. < 0
 * when it would be too long, or when name or host hold what would change its meaning (a colon, a control
 * character).
 */
int extauth_frame(const struct extauth_question *question, struct strbuf *out, struct err *err);
/* 1 yes, 0 no; < 0: these EXTAUTH_ANSWER_LEN bytes are no answer. */
int extauth_answer(const unsigned char *bytes, struct err *err);
