/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Domains that components serve (XEP-0114): programs outside, each of which holds a stream on some worker.
 * One domain may have several, chosen among by domain_balancing; one component may serve several domains.
 *
 * A stanza goes from the recipient's home worker to the worker of the component that is chosen there. When a
 * component goes, what it had not taken, and what is still on the way to it, comes back to that home worker,
 * and goes to another component or bounces; what is newer and would have gone to the one that left waits
 * there until all of that has come. So order is kept for each sender and recipient (but not by 'random',
 * where each stanza takes its own way), and nothing is delivered twice or not at all.
 *
 * route/ knows no streams: a stream hands in a struct component_ops.
 */
#pragma once

#include "base/list.h"
#include "stanzad/stanza.h"

struct component_link;
struct conf;

/* What the stream of a component does; on the worker that opened the link. */
struct component_ops {
	/*
	 * The link serves its domains, or (refused is not NULL and says why) none: then it is to be closed.
	 * Once, never from within component_link_open. domains: those that it got, the first one asked for
	 * among them; they live as long as the link.
	 */
	void (*opened)(void *stream, const struct str *domains, size_t count, const char *refused);
	/* A stanza for one of its domains; may come before opened. false: no room, and it bounces. */
	bool (*deliver)(void *stream, const struct jid *from, const struct jid *to, struct stanza *stanza);
};

/*
 * Asks for domains (prepared; copied). The first one must be had, the others are left out when somebody else
 * serves them.
 */
struct component_link *component_link_open(
    const struct str *domains, size_t count, const struct component_ops *ops, void *stream);
/* What it took and certainly did not deliver, oldest first, just before closing. From the first one on
 * nothing that came back is handed to this link again: it would come back once more, behind what is younger.
 */
void component_link_return(
    struct component_link *link, const struct jid *from, const struct jid *to, struct stanza *stanza);
/* The stream takes no more; none of its ops is called any more. */
void component_link_close(struct component_link **link);

/*
 * Worker 0. Domains that components are expected for: they are nobody else's, and what comes for them while
 * there is no component bounces. Drop: those that conf does not name any more are free, if no component
 * serves them; before modules of conf are started. Expect: the others are added, after that.
 */
void components_drop(const struct conf *conf);
void components_expect(const struct conf *conf);
/* Whether the route of a domain is a component's, and one is connected. Any worker, like local_route_of. */
struct local_route;
bool component_route_is(const struct local_route *local);
bool component_route_is_served(const struct local_route *local);
/* After workers_fini. */
void components_fini(void);
