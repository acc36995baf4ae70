/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum work_kind {
	WORK_LOGIN,
	WORK_IDLE,
	WORK_CHAT,
	WORK_OPEN,
	WORK_PAGE,
	WORK_RESUME,
	WORK_ROOM,
	WORK_CROWD,
};

enum tls_mode {
	TLS_NONE,
	TLS_DIRECT,
	TLS_STARTTLS,
};

enum sasl_mechanism {
	SASL_SCRAM_SHA_1,
	SASL_PLAIN,
};

enum {
	OPTIONS_PIDS_MAX = 16,
	CROWD_USERS_MIN = 20,
};

/* Ids of archived messages: first, first + step, ..., of which there are count. */
struct id_range {
	uint64_t first;
	uint64_t step;
	uint64_t count;
};

/* What one run does; the strings are borrowed from argv. */
struct options {
	const char *host; /* numeric address */
	unsigned port;
	const char *domain;
	unsigned peer_port;	 /* of the second server, where every other user is; 0: there is none */
	const char *peer_domain; /* and its domain */
	const char *user_prefix; /* user n is called prefix followed by n */
	const char *password;    /* the same for all users */
	unsigned users;
	unsigned first;	      /* number of the first of them */
	unsigned concurrency; /* log-ins under way at a time */
	enum sasl_mechanism mechanism;
	enum tls_mode tls;
	enum work_kind work;
	unsigned window; /* messages on their way per client, closed loop */
	unsigned body;   /* bytes */
	double rate;     /* messages per second of all clients together, open loop */
	unsigned burst;  /* open: messages that fall due at the same moment */
	bool sm;         /* stream management on every stream */
	bool whole;   /* chat: measure from the first message to the last */
	unsigned ask_every; /* stanzas between two <r/> at most */
	unsigned page;	    /* messages of a page */
	struct id_range after; /* page: after one of these; count 0: the last page */
	const char *room;      /* its address; NULL: one that nobody has used */
	unsigned senders;      /* room: occupants that write */
	const char *broadcast; /* role whose presence the room announces; NULL: as the server likes it */
	double patience;       /* crowd: seconds after which it is given up */
	double seconds;  /* measured; for idle: how long the sessions are held before memory is read */
	double warmup;   /* seconds before that, not counted */
	pid_t pids[OPTIONS_PIDS_MAX];
	unsigned n_pids;
	bool json;
};

/* Reads argv. Returns 0; > 0 after printing the help that was asked for; < 0 after saying what is wrong. */
int options_read(int argc, char **argv, struct options *options_r);

/* The words that the options are written with. */
const char *options_work_name(enum work_kind work);
const char *options_tls_name(enum tls_mode tls);
const char *options_mechanism_name(enum sasl_mechanism mechanism);
