/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/mem.h"
#include "conf/access.h"
#include "loop/worker.h"
#include "stanzad/log.h"
#include "stream/s2s_in_private.h"

struct s2s_pair *s2s_pair_find(const struct s2s_in *in, struct str local, struct str remote)
{
	struct s2s_pair *pair = in->pairs;
	while (pair && !(str_eq(pair->remote, remote) && str_eq(pair->local, local)))
		pair = pair->next;
	return pair;
}

struct s2s_pair *s2s_pair_new(struct s2s_in *in, struct str local, struct str remote)
{
	struct s2s_pair *pair = mem_zalloc(sizeof(*pair) + local.len + remote.len);
	pair->in = in;
	memcpy(pair->text, local.ptr, local.len);
	memcpy(pair->text + local.len, remote.ptr, remote.len);
	pair->local = (struct str){pair->text, local.len};
	pair->remote = (struct str){pair->text + local.len, remote.len};
	list_init(&pair->slow);
	pair->next = in->pairs;
	in->pairs = pair;
	in->pair_count++;
	return pair;
}

void s2s_pair_free(struct s2s_pair *pair)
{
	struct s2s_in *in = pair->in;
	struct s2s_pair **at = &in->pairs;
	s2s_in_uncheck(pair);
	list_remove(&pair->slow);
	while (*at != pair)
		at = &(*at)->next;
	*at = pair->next;
	in->pair_count--;
	in->valid_count -= pair->authentication != S2S_AUTH_NONE;
	free(pair);
}

/* --- authenticated -------------------------------------------------------------------------------------- */

static const char *authentication_text(enum s2s_authentication authentication)
{
	static const char *const texts[] = {
	    [S2S_AUTH_NONE] = "none",
	    [S2S_AUTH_DIALBACK] = "dialback",
	    [S2S_AUTH_EXTERNAL] = "certificate",
	    [S2S_AUTH_DANE] = "dane",
	};
	return texts[authentication];
}

static void stream_counts(struct s2s_in *in, const struct s2s_pair *pair)
{
	struct jid jid = {pair->remote.ptr, 0, (uint16_t)pair->remote.len, 0};
	struct access_subject subject = {&jid, conn_peer(in->peer.conn)};
	const struct option_value *shaper = conf_listener_get(in->listener, "shaper");
	struct shaper_rate rate = access_shaper(in->conf, pair->local, shaper, &subject);
	struct xml_limits limits = s2s_in_limits(in, true);
	conn_set_shaper(in->peer.conn, rate.rate, rate.burst);
	peer_set_limits(&in->peer, &limits);
	peer_expect_within(&in->peer, 0, NULL);
}

static void settled(struct s2s_pair *pair)
{
	struct s2s_in *in = pair->in;
	if (in->valid_count++ == 0)
		stream_counts(in, pair);
	s2s_in_slow_add(pair);
	s2s_is_back(pair->local, pair->remote);
	s2s_in_active(in);
	LOG_INFO("s2s_in.authenticated", LOG_STR("local", pair->local), LOG_STR("remote", pair->remote),
	    LOG_CSTR("by", authentication_text(pair->authentication)), LOG_BOOL("tls", in->secure),
	    LOG_STR("address", conn_peer_text(in->peer.conn)));
	if (pair->by_sasl) {
		s2s_in_external_succeeded(in);
	} else {
		s2s_in_dialback_answer(in, pair, "valid");
		s2s_pair_offer(pair);
	}
}

/* --- to the home worker --------------------------------------------------------------------------------- */

static void on_moved(void *owner)
{
	struct s2s_in *in = list_entry((struct peer *)owner, struct s2s_in, peer);
	struct s2s_pair *pair = in->held;
	in->held = NULL;
	peer_arrived(&in->peer);
	peer_resume(&in->peer);
	settled(pair);
}

/* The link of a pair is on the pair's home worker, and what can be resumed; a stream that nothing else goes on yet can
 * go there. */
static bool should_move(const struct s2s_pair *pair)
{
	const struct s2s_in *in = pair->in;
	return !in->valid_count && in->pair_count == 1 && conn_is_open(in->peer.conn) &&
	       s2s_home(pair->local, pair->remote) != worker_self();
}

void s2s_pair_authenticated(struct s2s_pair *pair, enum s2s_authentication authentication)
{
	struct s2s_in *in = pair->in;
	pair->authentication = authentication;
	if (!should_move(pair)) {
		settled(pair);
		return;
	}
	in->held = pair;
	peer_wait(&in->peer);
	peer_leaves(&in->peer);
	conn_move(in->peer.conn, s2s_home(pair->local, pair->remote), on_moved);
}

void s2s_pair_offer(struct s2s_pair *pair)
{
	struct s2s_in *in = pair->in;
	if (in->bidi && !pair->link && !in->peer.is_closing)
		pair->link = s2s_offer(pair->local, pair->remote, &s2s_in_stream_ops, pair);
}
