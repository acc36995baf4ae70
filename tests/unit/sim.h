/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Simulation: the server without main. One worker, real streams, sessions, modules, executor and store; the
 * clients are the other ends of socket pairs, and time stands still unless sim_advance moves it. So a test
 * says exactly when something happens, however long it takes on the clock on the wall.
 *
 *   sim_start("", "modules: {mod_roster: {}, mod_ping: {}}\n");
 *   struct sim_client *alice = sim_login("alice@sim.example/desk");
 *   sim_send(alice, "<presence/>");
 *   expect(alice, "<presence ");
 *   sim_advance(60000);
 *   nothing(alice);
 *   sim_stop();
 */
#pragma once

#include "stanzad/module.h"
#include "tap.h"

#define SIM_START_US INT64_C(1767225600000000) /* 2026-01-01T00:00:00Z: when each simulation starts */
#define SIM_HEADER                                                                                           \
	"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' "              \
	"to='sim.example' version='1.0'>"

#define SIM_PEER_HEADER                                                                                      \
	"<stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' "              \
	"xmlns:db='jabber:server:dialback' from='other.example' to='sim.example' version='1.0'>"

struct sim_client;

/*
 * Serves sim.example from an empty database in a fresh directory. listener: more options of the c2s listener,
 * each behind a comma (", send_timeout: 5 s"); rest: further top-level lines of the configuration, modules
 * among them.
 */
void sim_start(const char *listener, const char *rest);
/* Another configuration, as stanzactl reload_config puts it in force; streams keep the listener that they
 * came by. */
void sim_reload(const char *listener, const char *rest);
/* The same; false with err when the hosts or modules of the configuration could not be had: nothing has
 * changed. */
bool sim_try_reload(const char *listener, const char *rest, struct err *err);
/* Modules beside the built-in ones, NULL-terminated; before the first sim_start of the program. */
void sim_offer(const struct module *const *modules);
/* Ends all streams and frees everything, clients included. */
void sim_stop(void);

/* A connection, from a Unix socket or from that IP address; nothing is sent. Freed by sim_stop. */
struct sim_client *sim_client(void);
/* The same by another listener: they are numbered in the order of the configuration, the c2s listener is 0. */
struct sim_client *sim_client_at(size_t listener);
struct sim_client *sim_client_from(const char *address);
/* The same as another server: of the listener ejabberd_s2s_in. */
struct sim_client *sim_peer(void);
/* The account is made when it is not there (password "secret"); then SASL PLAIN. A resource is bound when the
 * JID has one. What the server said so far is read. */
struct sim_client *sim_login(const char *jid);
/* An authenticated client that has not bound yet. */
void sim_authenticate(struct sim_client *client, const char *user, const char *password);

/* Each subscribes to the other's presence; both must have sent theirs. Bare JIDs. */
void sim_befriend(struct sim_client *a, const char *a_jid, struct sim_client *b, const char *b_jid);

/* Sends it as fast as the server reads. */
void sim_send(struct sim_client *client, const char *text);
void sim_sendf(struct sim_client *client, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* It reads nothing from now on, or again. */
void sim_deaf(struct sim_client *client, bool deaf);
/* A deaf one reads that many bytes, at most. */
void sim_hear(struct sim_client *client, size_t bytes);
/* The connection is cut, without a word. */
void sim_cut(struct sim_client *client);
/* The same, and it is freed. */
void sim_free(struct sim_client *client);

/* From now on no job is run and nothing is read from storage; release goes on. */
void sim_hold_jobs(void);
void sim_release_jobs(void);
/* Lets everything happen that happens without time passing. */
void sim_settle(void);
/* The same, then ms pass at once, then what is due happens. */
void sim_advance(uint64_t ms);

/* Each settles first. Whether text came, which is read with all that is before it. */
bool sim_expect(struct sim_client *client, const char *text);
/* Whether everything that came was read. */
bool sim_nothing(struct sim_client *client);
/* Whether text is among what was not read yet. */
bool sim_has(struct sim_client *client, const char *text);
/* How often text occurs in what came; all of it is read. */
unsigned sim_count(struct sim_client *client, const char *text);
/* What came between two texts, which are read; lives until the next call. Empty when they did not come. */
struct str sim_between(struct sim_client *client, const char *before, const char *behind);
/* What came and was not read; lives until the next call for the client. */
struct str sim_unread(struct sim_client *client);
/* Reads all that came. */
void sim_skip(struct sim_client *client);
/* Whether the server ended the connection. */
bool sim_closed(struct sim_client *client);
/* Bytes that the server has not taken from the client's side of the socket. */
size_t sim_unsent(struct sim_client *client);

/* As TAP lines. */
#define expect(client, text)                                                                                 \
	tap_check(sim_expect((client), (text)), __FILE__, __LINE__, #client " gets " #text)
#define nothing(client) tap_check(sim_nothing(client), __FILE__, __LINE__, #client " gets nothing")
#define closed(client) tap_check(sim_closed(client), __FILE__, __LINE__, #client " is closed")
