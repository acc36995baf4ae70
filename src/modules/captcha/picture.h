/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures of digits. Everything here blocks: executor threads. */
#pragma once

#include "stanzad/err.h"
#include "stanzad/str.h"

#define CAPTCHA_PICTURE_MAX 49152 /* bytes; a message with it is well below 128 KiB */
#define CAPTCHA_PROGRAM_MS 5000
#define CAPTCHA_CID_MAX 64

struct captcha_picture {
	struct strbuf bytes;
	const char *type;           /* "image/png" */
	unsigned width, height;     /* 0: not known */
	char cid[CAPTCHA_CID_MAX];  /* XEP-0231: sha1+HEX@bob.xmpp.org */
};

/* By the program in the line 'command', or drawn here when that is empty or names a module ("mod_ecaptcha", as
 * ejabberd has it). picture_r is zeroed before; fini it in any case. < 0: the reason does not hold the text. */
int captcha_picture_make(struct str command, struct str text, struct captcha_picture *picture_r, struct err *err);
void captcha_picture_fini(struct captcha_picture *picture);

/* picture_run.c: what the program writes when it is called with text as its last argument. At most
 * CAPTCHA_PICTURE_MAX bytes; when timeout_ms are over it is killed with all that it started. */
int captcha_picture_run(
    struct str command, struct str text, uint64_t timeout_ms, struct strbuf *out, struct err *err);
/* picture_draw.c: a PNG of digits, bent, turned and crossed with lines, each time in another way. */
int captcha_picture_draw(struct str digits, struct strbuf *out, struct err *err);
