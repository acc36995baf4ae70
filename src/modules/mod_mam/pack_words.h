/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What messages are made of: the dictionary of pack.c, the most frequent at the end. It is in databases: not a byte of
 * it may change. Another one goes with another mark.
 */
#pragma once

static const char pack_words[] =
    "<geoloc xmlns='http://jabber.org/protocol/geoloc'><lat></lat><lon></lon></geoloc>"
    "<event xmlns='http://jabber.org/protocol/pubsub#event'><items node=''><item id=''></item></items></event>"
    "<x xmlns='http://jabber.org/protocol/muc#user'><invite from=''><reason></reason></invite></x>"
    "<x xmlns='jabber:x:conference' jid='conference.muc.chat.rooms.groupchat'/>"
    "<html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'><p></p></body></html>"
    "<finish xmlns='urn:xmpp:jingle-message:0'/><propose xmlns='urn:xmpp:jingle-message:0'>"
    "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio' media='video'/></propose>"
    "<proceed xmlns='urn:xmpp:jingle-message:0'/><reject xmlns='urn:xmpp:jingle-message:0'/>"
    "<reference xmlns='urn:xmpp:reference:0' begin='0' end='' type='mention' uri='xmpp:'/>"
    "<media-sharing xmlns='urn:xmpp:sims:1'><file xmlns='urn:xmpp:jingle:apps:file-transfer:5'>"
    "<media-type>image/jpeg</media-type><name></name><size></size></file></media-sharing>"
    "<reactions xmlns='urn:xmpp:reactions:0' id=''><reaction></reaction></reactions>"
    "<apply-to xmlns='urn:xmpp:fasten:0' id=''>"
    "<retract xmlns='urn:xmpp:message-retract:1' id=''/>"
    "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end=''/></fallback>"
    "<reply xmlns='urn:xmpp:reply:0' to='' id=''/>"
    "<x xmlns='jabber:x:oob'><url>https://upload.example.org:5443/upload/.jpg.png</url></x>"
    "<replace xmlns='urn:xmpp:message-correct:0' id=''/>"
    "<delay xmlns='urn:xmpp:delay' from='' stamp='2025-01-01T00:00:00.000000Z'/>"
    "<encryption xmlns='urn:xmpp:eme:0' namespace='eu.siacs.conversations.axolotl' name='OMEMO'/>"
    "<body>I sent you an OMEMO encrypted message but your client doesn't seem to support that.</body>"
    "<encrypted xmlns='urn:xmpp:omemo:2'><keys jid=''><encrypted xmlns='eu.siacs.conversations.axolotl'>"
    "<header sid=''><key rid='' prekey='true'></key><iv></iv></header><payload></payload></encrypted>"
    "<no-copy xmlns='urn:xmpp:hints'/><store xmlns='urn:xmpp:hints'/>"
    "<received xmlns='urn:xmpp:chat-markers:0' id=''/><displayed xmlns='urn:xmpp:chat-markers:0' id=''/>"
    "<received xmlns='urn:xmpp:receipts' id=''/>"
    "<composing xmlns='http://jabber.org/protocol/chatstates'/>"
    "<subject></subject><thread></thread>"
    " the and that have for not with you this but from they say will one all would there what out about get "
    "which when make can like time just know take people into your good some could them see other than then now"
    " ich nicht und die der das ist wir auf mit ein zu es que de la le et les des en un est pas pour por los "
    "Conversations.Dino.Gajim.Psi.Monal.Siskin.Profanity.phone.desktop.tablet.home.work.example.com.net.org"
    "<message xmlns='jabber:client' type='normal' xml:lang='en' xml:lang='de' to='' from='' id=''>"
    "<active xmlns='http://jabber.org/protocol/chatstates'/>"
    "<request xmlns='urn:xmpp:receipts'/><markable xmlns='urn:xmpp:chat-markers:0'/>"
    "<origin-id xmlns='urn:xmpp:sid:0' id=''/>"
    "<stanza-id xmlns='urn:xmpp:sid:0' by='' id='17'/>"
    "<message from='@localhost/' to='@localhost' type='chat' id='' xml:lang='en' xmlns='jabber:client'><body>"
    "</body></message>";
