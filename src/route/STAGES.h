/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journey of a stanza, in the order in which things happen. One row a stage: STAGE(token, word, story).
 * 'stanzactl explain' prints the stages that a stanza passes with what each decided; docs/STANZA.md tells the
 * story at length.
 */
STAGE(RECEIVED, "received", "a client's stream gave a complete, well-formed element that is a stanza")
STAGE(ADDRESSED, "addressed", "from is stamped by the server, to is prepared or filled in (RFC 6120 8.1)")
STAGE(SENT, "sent", "the sender's modules saw it: hooks user_send and privacy_check")
STAGE(FILTERED, "filtered", "the router's modules saw it: hook filter")
STAGE(ROUTED, "routed", "the router chose by the domain: a host of ours, a service, another server")
STAGE(HOMED, "homed", "it is on the worker that is the home of its recipient")
STAGE(LOADED, "loaded", "the recipient's user is in memory")
STAGE(INBOUND, "inbound", "the recipient's modules saw it: hooks user_inbound and privacy_check")
STAGE(HANDLED, "handled", "an IQ handler, a presence hook or the server itself dealt with it")
STAGE(CHOSEN, "chosen", "the session manager chose resources (RFC 6121 8)")
STAGE(OFFLINE, "offline", "nobody is there: hook message_offline")
STAGE(RECEIVING, "receiving", "the recipient's modules saw it: hooks privacy_check and user_receive")
STAGE(WRITTEN, "written", "its bytes are in the recipient's output queue")
STAGE(BOUNCED, "bounced", "an error went back to the sender")
STAGE(DROPPED, "dropped", "it ends here, by rule or by a module")
