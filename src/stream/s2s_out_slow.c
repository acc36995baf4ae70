/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "stream/s2s_out.h"

#define PAUSE_MS 50 /* as long again it is read */

static void on_over(struct timer *timer)
{
	struct s2s_out *out = list_entry(timer, struct s2s_out, slow);
	out->slowed = false;
	out->slow_free_ms = clock_mono_ms() + PAUSE_MS;
	peer_unpause(&out->peer);
}

void s2s_out_slow_down(struct s2s_out *out)
{
	if (out->slowed || out->peer.is_closing)
		return;
	out->slowed = true;
	peer_pause(&out->peer);
	timer_start(&out->slow, PAUSE_MS, on_over);
}

static void slow_one(void *arg, struct peer *peer)
{
	const struct str *remote = arg;
	struct s2s_out *out = (struct s2s_out *)peer;
	if (peer->ops == &s2s_out_peer_ops && out->bidi && str_eq(out->remote, *remote) &&
	    clock_mono_ms() >= out->slow_free_ms)
		s2s_out_slow_down(out);
}

void s2s_out_slow(struct str remote)
{
	peers_each(slow_one, &remote);
}

void s2s_out_slow_fini(struct s2s_out *out)
{
	timer_stop(&out->slow);
	if (out->slowed)
		peer_unpause(&out->peer);
	out->slowed = false;
}
