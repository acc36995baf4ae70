/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/message.h"
#include "modules/mod_muc_log/queue.h"
#include "stanzad/clock.h"
#include "stanzad/form.h"
#include "stanzad/mem.h"

#define NS_CORRECTION "urn:xmpp:message-correct:0"

/* The log of a room; NULL: it is not logged. */
static struct muclog_room *log_of(struct module_instance *instance, const struct room *room)
{
	if (!room_flag(room, "logging"))
		return NULL;
	return muclog_room_get(module_state(instance), room);
}

static struct str nick_of(const struct occupant *occupant)
{
	return occupant ? jid_resource(occupant_jid(occupant)) : STR_NULL;
}

/* The nick behind a real JID: addresses are not for the public. */
static struct str nick_behind(const struct room *room, const struct jid *real)
{
	struct occupant *occupant = real ? room_occupant_of(room, real) : NULL;
	if (real && !occupant) {
		for (occupant = room_first_occupant(room);
		     occupant && !jid_bare_eq(occupant_real(occupant), real);)
			occupant = occupant_next(occupant);
	}
	return nick_of(occupant);
}

/* --- the room itself ------------------------------------------------------------------------------------ */

static enum hook_verdict on_loaded(struct module_instance *instance, struct hook_room_loaded *event)
{
	bool known = muclog_room_find(module_state(instance), event->room);
	struct muclog_room *log = log_of(instance, event->room);
	if (log && !known)
		muclog_room_add(log, &(struct muclog_event){.kind = MUCLOG_STARTED});
	return HOOK_PASS;
}

static enum hook_verdict on_created(struct module_instance *instance, struct hook_room_created *event)
{
	struct muclog_room *log = log_of(instance, event->room);
	if (log)
		muclog_room_add(log, &(struct muclog_event){.kind = MUCLOG_CREATED});
	return HOOK_PASS;
}

static enum hook_verdict on_configured(struct module_instance *instance, struct hook_room_configured *event)
{
	struct muclog_room *known = muclog_room_find(module_state(instance), event->room);
	struct muclog_room *log = known ? known : log_of(instance, event->room);
	struct strbuf changes = {0};
	if (!log)
		return HOOK_PASS;
	struct muclog_head *now = muclog_head_new(event->room, log->head->subject, log->head->author);
	if (known)
		muclog_put_changes(&changes, log->head, now);
	else
		strbuf_cstr(&changes, "The discussion is logged.");
	muclog_room_set_head(log, now);
	muclog_room_add(log, &(struct muclog_event){.kind = MUCLOG_CONFIGURED,
				 .by = nick_behind(event->room, event->by),
				 .text = strbuf_view(&changes)});
	if (!room_flag(event->room, "logging"))
		muclog_room_end(log);
	strbuf_fini(&changes);
	return HOOK_PASS;
}

static enum hook_verdict on_destroyed(struct module_instance *instance, struct hook_room_destroyed *event)
{
	struct muclog_room *log = log_of(instance, event->room);
	if (log) {
		muclog_room_add(log, &(struct muclog_event){.kind = MUCLOG_DESTROYED,
					 .by = nick_behind(event->room, event->by),
					 .text = event->reason});
		log->closed = true;
	}
	return HOOK_PASS;
}

static enum hook_verdict on_unload(struct module_instance *instance, struct hook_room_unload *event)
{
	struct muclog_room *log = muclog_room_find(module_state(instance), event->room);
	if (log)
		muclog_room_end(log);
	return HOOK_PASS;
}

/* --- people --------------------------------------------------------------------------------------------- */

static enum hook_verdict on_entered(struct module_instance *instance, struct hook_room_entered *event)
{
	struct muclog_room *log = event->first ? log_of(instance, event->room) : NULL;
	if (log) {
		log->closed = false;
		muclog_room_add(log, &(struct muclog_event){.kind = MUCLOG_JOIN, .nick = nick_of(event->occupant)});
	}
	return HOOK_PASS;
}

static enum hook_verdict on_left(struct module_instance *instance, struct hook_room_left *event)
{
	static const enum muclog_kind kinds[] = {
	    [ROOM_LEFT] = MUCLOG_LEAVE,
	    [ROOM_LEFT_KICKED] = MUCLOG_KICK,
	    [ROOM_LEFT_BANNED] = MUCLOG_BAN,
	    [ROOM_LEFT_NO_MEMBER] = MUCLOG_NO_MEMBER,
	    [ROOM_LEFT_ERROR] = MUCLOG_ERROR,
	    [ROOM_LEFT_END] = MUCLOG_CLOSED,
	};
	struct muclog_room *log = log_of(instance, event->room);
	struct muclog_event line = {.kind = kinds[event->why], .text = event->reason};
	if (!log || log->closed)
		return HOOK_PASS;
	log->closed = line.kind == MUCLOG_CLOSED;
	if (!log->closed) {
		line.nick = nick_of(event->occupant);
		line.by = nick_of(event->by);
	}
	muclog_room_add(log, &line);
	return HOOK_PASS;
}

static enum hook_verdict on_renamed(struct module_instance *instance, struct hook_room_renamed *event)
{
	struct muclog_room *log = log_of(instance, event->room);
	if (log)
		muclog_room_add(log, &(struct muclog_event){.kind = MUCLOG_RENAME,
					 .by = event->before,
					 .nick = nick_of(event->occupant)});
	return HOOK_PASS;
}

/* Of those who are there; a ban is told when they leave. */
static enum hook_verdict on_affiliation(struct module_instance *instance, struct hook_room_affiliation *event)
{
	struct str nick = nick_behind(event->room, event->jid);
	struct muclog_room *log =
	    nick.len && event->now != ROOM_OUTCAST ? log_of(instance, event->room) : NULL;
	if (log && event->now != event->before)
		muclog_room_add(log, &(struct muclog_event){.kind = MUCLOG_AFFILIATION,
					 .nick = nick,
					 .by = nick_behind(event->room, event->by),
					 .affiliation = event->now,
					 .text = event->reason});
	return HOOK_PASS;
}

/* --- what they say -------------------------------------------------------------------------------------- */

static void set_subject(struct muclog_room *log, struct str subject, struct str author)
{
	struct muclog_head head = *log->head;
	head.subject = subject;
	head.author = author;
	muclog_room_set_head(log, muclog_head_copy(&head));
}

static void say(struct muclog_room *log, const struct hook_room_message *event)
{
	const struct xml *root = event->stanza->root;
	struct strbuf joined = {0};
	struct muclog_event line = {
	    .kind = event->subject ? MUCLOG_SUBJECT : MUCLOG_MESSAGE,
	    .nick = jid_resource(event->as),
	    .text = xml_child_text(root, event->subject ? "subject" : "body", &joined),
	    .corrected = !event->subject && xml_child(root, "replace", NS_CORRECTION),
	};
	if (event->subject)
		set_subject(log, line.text, line.nick);
	if (event->subject || line.text.len)
		muclog_room_add(log, &line);
	strbuf_fini(&joined);
}

static enum hook_verdict on_message(struct module_instance *instance, struct hook_room_message *event)
{
	struct muclog_room *log = log_of(instance, event->room);
	if (log && !message_has_hint(event->stanza, "no-store") &&
	    !message_has_hint(event->stanza, "no-permanent-store"))
		say(log, event);
	return HOOK_PASS;
}

/* XEP-0045 16.5.3 muc#roominfo_logs */
static enum hook_verdict on_disco(struct module_instance *instance, struct hook_room_disco *event)
{
	struct muclog *log = module_state(instance);
	struct strbuf url = {0}, folder = {0};
	if (log->settings.url && room_flag(event->room, "logging")) {
		muclog_put_folder(&folder, &log->settings, room_jid(event->room));
		strbuf_printf(&url, "%s/", log->settings.url);
		muclog_put_url_part(&url, strbuf_view(&folder));
		strbuf_char(&url, '/');
		form_put1(event->info, "muc#roominfo_logs", "text-single", strbuf_view(&url));
	}
	strbuf_fini(&folder);
	strbuf_fini(&url);
	return HOOK_PASS;
}

/* --- the module ----------------------------------------------------------------------------------------- */

static int on_start(struct module_instance *instance, struct err *err)
{
	struct muclog *log = mem_zalloc(sizeof(*log));
	log->instance = instance;
	log->started_us = clock_real_us();
	if (muclog_settings_read(&log->settings, instance, err) < 0) {
		muclog_settings_fini(&log->settings);
		free(log);
		return -1;
	}
	pthread_mutex_init(&log->lock, NULL);
	module_set_state(instance, log);
	return 0;
}

static void on_stop(struct module_instance *instance)
{
	struct muclog *log = module_state(instance);
	muclog_rooms_free(log);
	muclog_settings_fini(&log->settings);
	pthread_mutex_destroy(&log->lock);
	free(log);
}

static const struct option options[] = {
    {"access_log", OPTION_ACCESS, "muc_admin", "Who may turn the option `logging` of a room on and off."},
    {"cssfile", OPTION_STRING, NULL,
	"A style sheet for the pages: a file, which is put into each page, or a URL. A style is built in."},
    {"dirname", OPTION_ENUM, "room_jid", "What the folder of a room is called: its JID, or its name alone.",
	"room_jid|room_name"},
    {"dirtype", OPTION_ENUM, "subdirs",
	"`subdirs`: a folder for each year and each month; `plain`: all days of a room in one folder.",
	"subdirs|plain"},
    {"file_format", OPTION_ENUM, "html", "Pages of HTML, or plain text.", "html|plaintext"},
    {"file_permissions", OPTION_MAP, NULL,
	"`mode` and `group` of the files, both numbers; `{mode: 644}` and the server's group when absent."},
    {"outdir", OPTION_STRING, "'@DATABASE_PATH@/www/muc'",
	"The folder that all logs are in. A relative name is beside the configuration file."},
    {"spam_prevention", OPTION_BOOL, "true", "Links that people wrote are marked with `nofollow` for search engines."},
    {"timezone", OPTION_ENUM, "local", "Whether times and days are local ones or those of UTC.", "local|universal"},
    {"top_link", OPTION_MAP, "{/: Home}", "A URL, and the text of a link to it that is on top of each page."},
    {"url", OPTION_STRING, NULL,
	"Where `outdir` is on the web: rooms that are logged tell where their pages are, below this URL."},
    {0},
};

static const struct hook_entry hooks[] = {
    HOOK_ENTRY(room_created, on_created, HOOK_NORMAL, NULL),
    HOOK_ENTRY(room_loaded, on_loaded, HOOK_NORMAL, NULL),
    HOOK_ENTRY(room_entered, on_entered, HOOK_NORMAL, NULL),
    HOOK_ENTRY(room_left, on_left, HOOK_NORMAL, NULL),
    HOOK_ENTRY(room_renamed, on_renamed, HOOK_NORMAL, NULL),
    HOOK_ENTRY(room_message, on_message, HOOK_LAST, NULL),
    HOOK_ENTRY(room_affiliation, on_affiliation, HOOK_NORMAL, NULL),
    HOOK_ENTRY(room_configured, on_configured, HOOK_NORMAL, NULL),
    HOOK_ENTRY(room_destroyed, on_destroyed, HOOK_NORMAL, NULL),
    HOOK_ENTRY(room_disco, on_disco, HOOK_NORMAL, NULL),
    HOOK_ENTRY(room_unload, on_unload, HOOK_NORMAL, NULL),
    {0},
};

static const struct metric metrics[] = {
    [MUCLOG_METRIC_LINES] = {"logged_lines", METRIC_COUNTER, "Lines that were written to logs of rooms."},
    [MUCLOG_METRIC_LOST] = {"lost_lines", METRIC_COUNTER, "Lines that could not be written, or were too many."},
    {0},
};

static const char *const needs[] = {"mod_muc", NULL};

const struct module mod_muc_log = {
    .abi = STANZAD_MODULE_ABI,
    .size = sizeof(struct module),
    .name = "mod_muc_log",
    .doc = "Logs of rooms as pages that people can read.",
    .options = options,
    .hooks = hooks,
    .metrics = metrics,
    .needs = needs,
    .start = on_start,
    .stop = on_stop,
};
