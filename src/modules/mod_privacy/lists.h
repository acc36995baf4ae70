/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All privacy lists of a user, in memory and written behind: a change counts at once and is answered when it
 * is durable; what could not be written is undone by reading all of it again. On the user's home worker. A
 * user who never had a list has none of this.
 */
#pragma once

#include "modules/mod_privacy/list.h"
#include "modules/mod_privacy/privacy.h"
#include "stanzad/module.h"

#define PRIVACY_BYTES_MAX (1024 * 1024) /* of one user, all lists together */
#define PRIVACY_NAME_MAX 191            /* bytes: what an index of every database takes */

extern const struct module mod_privacy;

struct privacy_reread;

struct privacy_lists {
	struct privacy_list **lists; /* as they were made */
	uint32_t count;
	struct privacy_list *standard; /* the default list, one of them; NULL: none */
	uint32_t changes;              /* grows with each */
	struct privacy_reread *reread; /* private to save.c */
	bool memory_only;              /* of a user without an account: nothing is written */
};

/* NULL: the user has none. */
struct privacy_lists *privacy_lists_of(const struct user *user);
/* Makes the struct when it is not there. */
struct privacy_lists *privacy_lists_make(struct user *user);
void privacy_lists_free(struct user *user);
/* Empties it, of active lists, too. */
void privacy_lists_clear(struct user *user);
struct privacy_list *privacy_list_find(const struct privacy_lists *lists, struct str name);

/* What a session has asked for. */
struct privacy_session {
	struct privacy_list *active; /* one of the user's lists; NULL: none */
	bool asked;                  /* uses privacy lists: hears of changes by the blocking command */
};
/* NULL: nothing. */
struct privacy_session *privacy_session_of(const struct session *session);
struct privacy_session *privacy_session_make(struct session *session);
void privacy_session_free(struct session *session);
/* The one that counts for a session, or with NULL for the user as a whole (XEP-0016 2.2); NULL: none. */
struct privacy_list *privacy_list_for(const struct privacy_lists *lists, const struct session *session);

/* A change of one list, of which one is the default, or of both. */
struct privacy_edit {
	struct privacy_list *before; /* lent; NULL: there was none of that name */
	struct privacy_list
	    *after; /* a reference that is taken over; the same as before: it stays; NULL: it goes */
	enum { STANDARD_STAYS, STANDARD_IS_AFTER, STANDARD_IS_NONE } standard;
	/* By the blocking command: only contacts that match these can be concerned. NULL: everybody. */
	const struct jid *only;
	size_t only_count;
};

/* The default list as it will be behind the edit. Lent. */
struct privacy_list *privacy_standard_behind(
    const struct privacy_lists *lists, const struct privacy_edit *edit);
/* Does it, with all presence that it brings (XEP-0016 2.10, 2.11), and writes it. */
void privacy_edit_apply(struct user *user, struct privacy_edit *edit, privacy_saved *saved, void *arg);
/* The list of a session from now on; NULL: none. */
void privacy_activate(struct session *session, struct privacy_list *list);
/* Whether a list is in use by another session than sender, which may be NULL (XEP-0016 2.2 rule 11). */
bool privacy_list_is_used(struct user *user, const struct privacy_list *list, const struct session *sender);
/* Whether the user's lists would have too many bytes with 'after' in place of 'before'. */
bool privacy_edit_fits(const struct privacy_lists *lists, const struct privacy_edit *edit);
