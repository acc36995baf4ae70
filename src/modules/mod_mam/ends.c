/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "modules/mod_mam/query.h"
#include "stanzad/list.h"
#include "stanzad/log.h"
#include "stanzad/mem.h"

static unsigned epoch; /* atomic */

void mam_ends_forget(void)
{
	__atomic_add_fetch(&epoch, 1, __ATOMIC_ACQ_REL);
}

unsigned mam_ends_epoch(void)
{
	return __atomic_load_n(&epoch, __ATOMIC_ACQUIRE);
}

void mam_ends_set(struct mam_user *mam, const struct mam_ends *ends, unsigned epoch_then)
{
	mam->ends = *ends;
	mam->ends_epoch = epoch_then;
}

void mam_ends_add(struct mam_user *mam, int64_t id)
{
	if (!mam->ends.any)
		mam->ends.first = id;
	mam->ends.any = true;
	mam->ends.last = id;
}

/* --- reading them anew ---------------------------------------------------------------------------------- */

struct look {
	struct store_op op;
	struct user *user; /* held */
	struct mam_ends ends;
	unsigned epoch;
};

static int look_run(struct store_op *op, struct db *db, struct err *err)
{
	struct look *look = list_entry(op, struct look, op);
	const struct jid *jid = user_jid(look->user);
	return mam_ends_find(jid_domain(jid), jid_local(jid), db, &look->ends, err);
}

/* What was archived meanwhile is behind what was found. */
static void looked(struct mam_user *mam, const struct look *look)
{
	struct mam_ends added = mam->ends;
	mam_ends_set(mam, &look->ends, look->epoch);
	if (added.any && !mam->ends.any)
		mam->ends = added;
	else if (added.any && added.last > mam->ends.last)
		mam->ends.last = added.last;
}

static void look_done(struct store_op *op, int result, const struct err *err)
{
	struct look *look = list_entry(op, struct look, op);
	struct mam_user *mam = mam_user_of(look->user); /* NULL: the module left meanwhile */
	if (result < 0)
		LOG_ERROR("mam.read_failed", LOG_STR("user", jid_bare(user_jid(look->user))),
		    LOG_CSTR("reason", err->text));
	if (mam)
		mam->ends_asked = false;
	if (mam && result == 0)
		looked(mam, look);
	user_release(look->user);
	free(look);
}

static void look(struct user *user, struct mam_user *mam)
{
	if (mam->ends_asked)
		return;
	struct look *look = mem_zalloc(sizeof(*look));
	mam->ends_asked = true;
	mam->ends = (struct mam_ends){0};
	look->user = user;
	user_hold(user);
	look->epoch = mam_ends_epoch();
	look->op.kind = STORE_READ;
	look->op.key = jid_bare(user_jid(user));
	look->op.run = look_run;
	look->op.done = look_done;
	store_submit(&look->op);
}

/* --- the bind: XEP-0386 3.2 ----------------------------------------------------------------------------- */

enum hook_verdict mam_ends_on_bind_features(struct module_instance *instance, struct hook_bind2_features *event)
{
	xml_open(event->features, "feature", NULL);
	xml_put_attr(event->features, "var", STR(NS_MAM));
	xml_close(event->features);
	return HOOK_PASS;
}

/* Whoever binds hears of the archive, asked for or not. */
enum hook_verdict mam_ends_on_bind(struct module_instance *instance, struct hook_bind2_request *event)
{
	struct user *user = session_user(event->session);
	struct mam_user *mam = mam_user_of(user);
	if (!mam)
		return HOOK_PASS;
	if (!mam->ends_asked && mam->ends_epoch == mam_ends_epoch())
		mam_metadata_write(event->answer, &mam->ends);
	else
		look(user, mam);
	return HOOK_PASS;
}
