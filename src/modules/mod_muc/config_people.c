/* SPDX-License-Identifier: Apache-2.0 */
/* XEP-0045 10.2: muc#roomconfig_roomadmins and muc#roomconfig_roomowners. */
#include "modules/mod_muc/config_option.h"
#include "modules/mod_muc/muc.h"
#include "stanzad/form.h"

/* Empty lines are nobody. */
static int read_list(const struct xml *field, struct arena *arena, struct jid **list_r, size_t *count_r)
{
	const struct xml *value = NULL;
	struct str text;
	size_t count = 0;
	while (room_form_next(field, &value, &text))
		count++;
	struct jid *list = arena_alloc(arena, (count + 1) * sizeof(*list));
	for (count = 0, value = NULL; room_form_next(field, &value, &text);) {
		struct jid jid;
		text = str_trim(text);
		if (text.len && jid_parse(text, arena, &jid, NULL) < 0)
			return -1;
		if (text.len) {
			jid = jid_to_bare(&jid);
			list[count++] = jid_dup(&jid, arena);
		}
	}
	*list_r = list;
	*count_r = count;
	return 0;
}

int room_form_people_read(
    const struct xml *x, struct arena *arena, struct room_form_people *people_r, struct stanza_error *error_r)
{
	const struct xml *admins = form_field(x, "muc#roomconfig_roomadmins");
	const struct xml *owners = form_field(x, "muc#roomconfig_roomowners");
	struct room_form_people people = {.admins_given = admins, .owners_given = owners};
	if ((admins && read_list(admins, arena, &people.admins, &people.admin_count) < 0) ||
	    (owners && read_list(owners, arena, &people.owners, &people.owner_count) < 0)) {
		*error_r = (struct stanza_error){.condition = SE_bad_request, .text = "a value is no JID"};
		return -1;
	}
	*people_r = people;
	return 0;
}
