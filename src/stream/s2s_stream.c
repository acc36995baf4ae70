/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/s2s_stream.h"

#include "stream/s2s_in.h"
#include "stream/s2s_out.h"

struct about_walk {
	void (*each)(void *arg, const struct s2s_about *about);
	void *arg;
};

static void about_one(void *arg, struct peer *peer)
{
	const struct about_walk *walk = arg;
	if (peer->ops == &s2s_out_peer_ops)
		s2s_out_describe(peer, walk->each, walk->arg);
	else if (peer->ops == &s2s_in_peer_ops)
		s2s_in_describe(peer, walk->each, walk->arg);
}

void s2s_streams_each(void (*each)(void *arg, const struct s2s_about *about), void *arg)
{
	struct about_walk walk = {each, arg};
	peers_each(about_one, &walk);
}

static void close_gone_one(void *arg, struct peer *peer)
{
	if (peer->ops == &s2s_out_peer_ops)
		s2s_out_close_gone(peer);
	else if (peer->ops == &s2s_in_peer_ops)
		s2s_in_close_gone(peer);
	(void)arg;
}

void s2s_streams_close_gone(void)
{
	peers_each(close_gone_one, NULL);
}

void s2s_streams_init(void)
{
	s2s_set_opener(&s2s_out_opener);
	s2s_in_init();
}

void s2s_streams_stop(void)
{
	s2s_out_stop();
}

void s2s_streams_fini(void *unused)
{
	s2s_in_fini();
	s2s_verifiers_fini();
	s2s_attempts_fini(unused);
}
