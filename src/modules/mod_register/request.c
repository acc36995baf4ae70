/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/mod_register/register.h"
#include "stanzad/form.h"

static struct str field_text(const struct xml *query, const char *name, struct arena *arena)
{
	struct strbuf joined = {0};
	struct str text = arena_str(arena, xml_child_text(query, name, &joined));
	strbuf_fini(&joined);
	return text;
}

/* 4: a form counts more than the fields beside it. */
static void read_form(const struct xml *x, struct arena *arena, struct register_request *request)
{
	enum form_type type;
	struct err err;
	if (form_type(x, &type, &err) < 0 || (type != FORM_SUBMIT && type != FORM_CANCEL))
		return;
	struct str ns = form_namespace(x);
	if (ns.len && !str_is(ns, NS_REGISTER) && !str_is(ns, NS_REGISTER ":changepassword"))
		return;
	request->wish = type == FORM_CANCEL ? REGISTER_CANCEL : REGISTER_ACCOUNT;
	request->form = x;
	request->user = arena_str(arena, form_value(x, "username"));
	request->password = arena_str(arena, form_value(x, "password"));
}

/* 3.2: it stands alone; or, what older clients and ejabberd know, between a name and its password. */
static void read_removal(const struct xml *query, struct arena *arena, struct register_request *request)
{
	unsigned children = 0;
	for (const struct xml *each = xml_first_element(query); each; each = xml_next_element(each))
		children++;
	if (children == 1) {
		request->wish = REGISTER_REMOVE;
	} else if (children == 3 && xml_child(query, "username", NULL) && xml_child(query, "password", NULL)) {
		request->user = field_text(query, "username", arena);
		request->password = field_text(query, "password", arena);
		request->wish = request->user.len && request->password.len ? REGISTER_REMOVE : REGISTER_MALFORMED;
	}
}

void register_read(
    enum stanza_type type, const struct xml *query, struct arena *arena, struct register_request *request_r)
{
	const struct xml *form = xml_child(query, "x", "jabber:x:data");
	*request_r = (struct register_request){REGISTER_MALFORMED};
	if (!xml_is(query, "query", NS_REGISTER))
		return;
	if (type == IQ_GET) {
		request_r->wish = REGISTER_FIELDS;
	} else if (xml_child(query, "remove", NULL)) {
		read_removal(query, arena, request_r);
	} else if (form) {
		read_form(form, arena, request_r);
	} else {
		request_r->wish = REGISTER_ACCOUNT;
		request_r->user = field_text(query, "username", arena);
		request_r->password = field_text(query, "password", arena);
	}
}

struct stanza *register_without_secrets(const struct stanza *request)
{
	struct xml_writer writer = {.default_ns = NS_CLIENT};
	xml_open(&writer, "iq", NULL);
	xml_put_attr(&writer, "type", str_of(stanza_type_text(request->type)));
	xml_put_attr(&writer, "id", request->id);
	xml_put_element(&writer, "query", NS_REGISTER, STR_NULL);
	xml_close(&writer);
	struct stanza *stanza = stanza_from_writer(&writer);
	xml_writer_fini(&writer);
	return stanza;
}
