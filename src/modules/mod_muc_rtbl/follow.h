/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Following a list that another server publishes (https://xmppbl.org, XEP-0060): a subscription, all items, and what
 * changes from then on. Worker 0, but for what comes from the other server.
 */
#pragma once

#include "modules/mod_muc_rtbl/list.h"
#include "stanzad/module.h"
#include "stanzad/timer.h"

#define RTBL_PAUSE_MS 5000                /* before the second attempt; then twice as long each time, */
#define RTBL_PAUSE_MAX_MS (60 * 60 * 1000) /* up to this */
#define RTBL_FRESH_MS (12 * 60 * 60 * 1000) /* then everything is asked for again, lest something was missed */
#define RTBL_PAGES_MAX 10000

enum { RTBL_METRIC_ENTRIES, RTBL_METRIC_REFUSED, RTBL_METRIC_EXPELLED };

/* The state of an instance. */
struct rtbl {
	struct module_instance *instance;
	struct jid server; /* on the heap */
	char *node;
	struct rtbl_list *list;
	struct module_timer *timer;
	uint64_t pause_ms;  /* before the next attempt when this one fails */
	unsigned asking;    /* number of the attempt: answers to another one are late */
	bool under_way;
	unsigned pages;
	size_t items;       /* of this attempt */
	bool said;          /* that it does not work */
	bool nearby;        /* the other server is a part of this one: its stanzas do not come by s2s */
	unsigned checking;  /* atomic: 0: rooms are not being looked through; more than 1: and once more after that */
};

/* Asks for the subscription and the items, now or when an attempt that is under way has ended. */
void rtbl_follow(struct rtbl *rtbl);
/* The same, soon and on worker 0. Any worker. */
void rtbl_follow_soon(struct rtbl *rtbl);
/* A message to the host. True: it was from the list, and is dealt with. Any worker. */
bool rtbl_heard(struct rtbl *rtbl, const struct jid *from, const struct stanza *message);
/* Those who are in rooms and on the list go. Any worker. mod_muc_rtbl.c */
void rtbl_check_rooms(struct rtbl *rtbl);
/* The hook through which messages of a server that is a part of this one are seen. mod_muc_rtbl.c */
extern const struct hook_entry rtbl_nearby_hook;
