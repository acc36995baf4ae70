/* SPDX-License-Identifier: Apache-2.0 */
#include "modules/captcha/captcha.h"
#include "modules/mod_register/register.h"
#include "stanzad/form.h"

bool fields_need_captcha(const struct module_instance *instance, const struct register_source *source)
{
	bool own = source->from && source->from->local_len &&
		   str_eq(jid_domain(source->from), host_name(module_host(instance)));
	return !own && module_option(instance, "captcha_protected")->boolean;
}

int fields_captcha(struct module_instance *instance, const struct register_source *source, struct str id,
    struct captcha **captcha_r, struct stanza_error *error_r)
{
	struct arena arena = {0};
	struct captcha *captcha = NULL;
	bool needed = fields_need_captcha(instance, source);
	if (needed)
		captcha = captcha_form_new(instance, register_source_text(source, &arena), id, error_r);
	arena_fini(&arena);
	if (needed && !captcha)
		return -1;
	*captcha_r = captcha;
	return 0;
}

static void put_form(struct xml_writer *reply, const struct captcha *captcha, struct str instructions)
{
	static const struct form_field fields[] = {
	    {"username", "text-single", "Name", true},
	    {"password", "text-private", "Password", true},
	};
	form_open(reply, FORM_FORM, NS_REGISTER);
	xml_put_element(reply, "title", NULL, STR("New account"));
	xml_put_element(reply, "instructions", NULL, instructions);
	for (size_t i = 0; i < 2; i++)
		form_put(reply, &fields[i], NULL, 0);
	if (captcha)
		captcha_form_put_fields(reply, captcha);
	xml_close(reply);
}

void fields_put(struct xml_writer *reply, const struct captcha *captcha)
{
	struct str instructions = captcha ? STR("Choose a name and a password, and enter the digits on the picture.")
					  : STR("Choose a name and a password.");
	xml_open(reply, "query", NS_REGISTER);
	xml_put_element(reply, "instructions", NULL, instructions);
	if (!captcha) {
		xml_put_element(reply, "username", NULL, STR_NULL);
		xml_put_element(reply, "password", NULL, STR_NULL);
	}
	put_form(reply, captcha, instructions);
	if (captcha)
		captcha_form_put_data(reply, captcha);
	xml_close(reply);
}
