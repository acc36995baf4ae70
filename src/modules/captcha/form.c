/* SPDX-License-Identifier: Apache-2.0 */
#include "base/codec.h"
#include "modules/captcha/pending.h"
#include "stanzad/form.h"

#define NS_MEDIA "urn:xmpp:media-element"
#define NS_HINTS "urn:xmpp:hints"
#define LABEL "Enter the digits that you see"

/* --- reading -------------------------------------------------------------------------------------------- */

int captcha_form_read(const struct xml *x, struct captcha_reply *reply_r)
{
	enum form_type type;
	struct err err;
	if (!x || form_type(x, &type, &err) < 0 || (type != FORM_SUBMIT && type != FORM_CANCEL))
		return -1;
	*reply_r = (struct captcha_reply){
	    .cancel = type == FORM_CANCEL,
	    .challenge = form_value(x, "challenge"),
	    .ocr = form_value(x, "ocr"),
	    .from = form_value(x, "from"),
	    .sid = form_value(x, "sid"),
	};
	return reply_r->challenge.len ? 0 : -1;
}

bool captcha_is_right(const struct captcha *captcha, struct str answer)
{
	return str_eq_consttime(str_trim(answer), str_of(captcha->answer));
}

/* --- writing -------------------------------------------------------------------------------------------- */

static void put_uri(struct xml_writer *writer, const char *type, const struct strbuf *uri)
{
	xml_open(writer, "uri", NULL);
	xml_put_attr(writer, "type", str_of(type));
	xml_put_text(writer, strbuf_view(uri));
	xml_close(writer);
}

static void put_media(struct xml_writer *writer, const struct captcha *captcha)
{
	const struct captcha_picture *picture = &captcha->picture;
	struct strbuf uri = {0};
	xml_open(writer, "media", NS_MEDIA);
	if (picture->width && picture->height) {
		xml_put_attr_u64(writer, "height", picture->height);
		xml_put_attr_u64(writer, "width", picture->width);
	}
	if (captcha->url.len) {
		strbuf_printf(&uri, "%.*s/%s/image", STR_FMT(captcha->url), captcha->id);
		put_uri(writer, picture->type, &uri);
		strbuf_reset(&uri);
	}
	strbuf_printf(&uri, "cid:%s", picture->cid);
	put_uri(writer, picture->type, &uri);
	xml_close(writer);
	strbuf_fini(&uri);
}

void captcha_form_put_fields(struct xml_writer *writer, const struct captcha *captcha)
{
	form_put1(writer, "challenge", "hidden", str_of(captcha->id));
	if (captcha->sid.ptr)
		form_put1(writer, "sid", "hidden", captcha->sid);
	xml_open(writer, "field", NULL);
	xml_put_attr(writer, "var", STR("ocr"));
	xml_put_attr(writer, "type", STR("text-single"));
	xml_put_attr(writer, "label", STR(LABEL));
	put_media(writer, captcha);
	xml_put_element(writer, "required", NULL, STR_NULL);
	xml_close(writer);
}

void captcha_put_data(struct xml_writer *writer, const struct captcha *captcha)
{
	struct strbuf text = {0};
	base64_encode(&text, captcha->picture.bytes.ptr, captcha->picture.bytes.len);
	xml_open(writer, "data", NS_BOB);
	xml_put_attr(writer, "cid", str_of(captcha->picture.cid));
	xml_put_attr(writer, "max-age", STR("0"));
	xml_put_attr(writer, "type", str_of(captcha->picture.type));
	xml_put_text(writer, strbuf_view(&text));
	xml_close(writer);
	strbuf_fini(&text);
}

void captcha_form_put_data(struct xml_writer *writer, const struct captcha *captcha)
{
	captcha_put_data(writer, captcha);
}

/* 3.1.2: a body, and an address for those whose clients know no such forms. */
static void put_words(struct xml_writer *writer, const struct captcha *captcha)
{
	struct strbuf body = {0}, url = {0};
	strbuf_str(&body, captcha->text);
	if (captcha->url.len) {
		strbuf_printf(&url, "%.*s/%s", STR_FMT(captcha->url), captcha->id);
		strbuf_printf(&body, " Visit %s", url.ptr);
	}
	xml_put_element(writer, "body", NULL, strbuf_view(&body));
	if (url.len) {
		xml_open(writer, "x", "jabber:x:oob");
		xml_put_element(writer, "url", NULL, strbuf_view(&url));
		xml_close(writer);
	}
	strbuf_fini(&body);
	strbuf_fini(&url);
}

/* Of no use later or elsewhere: it is neither stored nor copied. */
struct stanza *captcha_message(const struct captcha *captcha)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	xml_open(&writer, "message", NULL);
	xml_put_attr(&writer, "id", str_of(captcha->id));
	xml_put_attr(&writer, "xml:lang", captcha->lang);
	put_words(&writer, captcha);
	xml_open(&writer, "captcha", NS_CAPTCHA);
	form_open(&writer, FORM_FORM, NS_CAPTCHA);
	form_put1(&writer, "from", "hidden", jid_full(&captcha->addressed));
	captcha_form_put_fields(&writer, captcha);
	xml_close(&writer);
	xml_close(&writer);
	captcha_put_data(&writer, captcha);
	xml_put_element(&writer, "no-store", NS_HINTS, STR_NULL);
	xml_put_element(&writer, "no-copy", NS_HINTS, STR_NULL);
	xml_close(&writer);
	struct stanza *message = stanza_from_writer(&writer);
	xml_writer_fini(&writer);
	return message;
}
