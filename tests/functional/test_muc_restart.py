# SPDX-License-Identifier: Apache-2.0
"""Chat rooms over an orderly restart and over kill -9: what is kept of them, and who is in them."""
import sqlite3

import pytest

from harness import match, ns, rooms, wait
from harness.settings import Settings
from harness.sm import SM, Managed
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")
SETTINGS = Settings(rooms=True, modules={"mod_mam": {}, "mod_stream_mgmt": {"resume_timeout": "60 s"}})
STANZA, X = f"{{{ns.CLIENT}}}", f"{{{rooms.USER}}}x"
OPTIONS = {"persistentroom": "1", "mam": "1", "roomname": "Grüße & <Küsse>", "roomdesc": "Orchard\nof Capulet",
           "changesubject": "0", "maxusers": "30", "whois": "anyone", "allowinvites": "1", "moderatedroom": "1",
           "presencebroadcast": "moderator,participant,visitor"}


@pytest.fixture(params=["stop", "kill"])
def server(request, own_server):
    """restarts() lets it end in one of the ways, and start again."""
    server = own_server(SETTINGS).start()

    def restarts(*clients):
        server.stop() if request.param == "stop" else server.kill()
        for client in clients:
            client.drop()
        server.start()
    server.restarts, server.way = restarts, request.param
    return server


@pytest.fixture
def cast(server, cast_for):
    return cast_for(server)


def new_room(server, client, nick, **options):
    room = f"{server.unique('hall')}@{rooms.service(server)}"
    fields = [(f"muc#roomconfig_{name}", value.split(",")) for name, value in options.items()]
    rooms.create(client, room, nick, fields)
    return room


def managed(cast, name):
    client = cast.client(name, kind=Managed).online()
    client.manage()
    return client


def stored(server, room):
    """{full JID: (nick, presence)} of those who are in the room, in the database."""
    with sqlite3.connect(server.database, timeout=20) as db:
        rows = db.execute("SELECT jid, nick, presence FROM mod_muc_client WHERE room = ?", (room,)).fetchall()
    return {jid: (nick, presence) for jid, nick, presence in rows}


def until_stored(server, room, *clients):
    """Exactly these are in the room, in the database."""
    wait.until(lambda: stored(server, room).keys() == {each.full for each in clients}, "it is written who is there")


def change(client, room, item):
    rooms.insist(client.iq("set", f"<query xmlns='{rooms.ADMIN}'>{item}</query>", to=room))


def come_in(client, room, nick):
    """Enter; everything that comes up to the subject."""
    client.presence(f"to='{room}/{nick}'", f"<x xmlns='{rooms.MUC}'/>")
    stanzas = []
    while not stanzas or not rooms.is_subject(stanzas[-1]):
        stanzas.append(client.recv())
    return stanzas


def who(stanzas):
    """{nick: (affiliation, role, real JID, status text, occupant id)} of available presence."""
    found = {}
    for each in stanzas:
        if rooms.is_named(each, "presence") and each.get("type") is None and each.find(X) is not None:
            item = each.find(f"{X}/{{{rooms.USER}}}item")
            found[each.get("from").partition("/")[2]] = (
                item.get("affiliation"), item.get("role"), item.get("jid"), each.findtext(f"{STANZA}status"),
                each.find("{urn:xmpp:occupant-id:0}occupant-id").get("id"))
    return found


def said(stanzas):
    """Of the history: author, body, id in the archive, whose time it has."""
    return [(each.get("from"), each.findtext(f"{STANZA}body"), each.find("{urn:xmpp:sid:0}stanza-id").get("id"),
             each.find(f"{{{ns.DELAY}}}delay").get("from"))
            for each in stanzas if each.find(f"{STANZA}body") is not None]


def configuration(client, room):
    form = rooms.insist(client.iq("get", f"<query xmlns='{rooms.OWNER}'/>", to=room))
    return {field.get("var"): [each.text for each in field.findall(f"{{{ns.DATA}}}value")]
            for field in form.iter(f"{{{ns.DATA}}}field")}


def people(client, room, affiliation):
    answer = rooms.insist(client.iq("get", f"<query xmlns='{rooms.ADMIN}'><item affiliation='{affiliation}'/></query>",
                                    to=room))
    return {item.get("jid"): item.findtext(f"{{{rooms.ADMIN}}}reason")
            for item in answer.iter(f"{{{rooms.ADMIN}}}item")}


def snapshot(client, room, nick):
    """Everything that one can see who enters as an owner."""
    stanzas = come_in(client, room, nick)
    registered = rooms.insist(client.iq("get", f"<query xmlns='{ns.REGISTER}'/>", to=room))
    return {"there": who(stanzas), "history": said(stanzas), "configuration": configuration(client, room),
            "subject": (stanzas[-1].get("from"), stanzas[-1].findtext(f"{STANZA}subject")),
            "people": {each: people(client, room, each) for each in ("owner", "admin", "member", "outcast")},
            "nick": registered.findtext(f".//{{{ns.REGISTER}}}username")}


def furnish(romeo, juliet, room):
    for name, affiliation, reason in (("paris", "outcast", "a <rival>"), ("friar", "admin", "wise"),
                                      ("nurse", "member", "ö" * 200), ("tybalt", "outcast", "")):
        change(romeo, room, f"<item jid='{name}@verona.example' affiliation='{affiliation}'>"
                            f"<reason>{match.escape(reason)}</reason></item>")
    change(romeo, room, "<item jid='mantua.example' affiliation='outcast'/>")
    form = (f"<query xmlns='{ns.REGISTER}'><x xmlns='{ns.DATA}' type='submit'><field var='FORM_TYPE'>"
            "<value>http://jabber.org/protocol/muc#register</value></field>"
            "<field var='muc#register_roomnick'><value>Romeo</value></field></x></query>")
    rooms.insist(romeo.iq("set", form, to=room))
    romeo.send(f"<message to='{room}' type='groupchat'><subject>Balcony &amp; moon</subject></message>")
    for number in range(30):
        (romeo, juliet)[number % 2].message(room, f"line {number} &lt;&#x1F339;>", "groupchat")
        juliet.take(lambda each: (each.findtext(f"{STANZA}body") or "").startswith(f"line {number} "))


def test_everything_is_kept(server, cast):
    romeo, juliet = cast.online("romeo", "juliet")
    room = new_room(server, romeo, "Romeo", **OPTIONS)
    rooms.join(juliet, room, "Juliet")
    furnish(romeo, juliet, room)
    romeo.settle(juliet)
    before = snapshot(romeo, room, "Romeo")
    assert before["subject"] == (f"{room}/Romeo", "Balcony & moon")
    assert len(before["history"]) == 20 and before["nick"] == "Romeo", before
    assert before["people"]["outcast"]["paris@verona.example"] == "a <rival>", before
    until_stored(server, room, romeo, juliet)
    server.restarts(romeo, juliet)
    romeo, juliet = cast.client("romeo").online(), cast.client("juliet").online()
    rooms.join(juliet, room, "Juliet")
    after = snapshot(romeo, room, "Romeo")
    for part in before:
        assert after[part] == before[part], part
    romeo.settle()
    juliet.presence(f"to='{room}/Romeo'", f"<x xmlns='{rooms.MUC}'/>")
    refused = juliet.take(lambda each: each.get("type") == "error")
    assert refused.find(f"{STANZA}error/{{{ns.STANZA_ERRORS}}}conflict") is not None, show(refused)


def test_several_times(server, cast):
    """Nothing is added or lost by saving and reading."""
    romeo, juliet = cast.online("romeo", "juliet")
    room = new_room(server, romeo, "Romeo", **OPTIONS)
    rooms.join(juliet, room, "Juliet")
    furnish(romeo, juliet, room)
    juliet.presence(f"to='{room}/Juliet' type='unavailable'")
    juliet.settle()
    romeo.settle()
    before = snapshot(romeo, room, "Romeo")
    for _ in range(3):
        server.restarts(romeo, juliet)
        romeo = cast.client("romeo").online()
        rooms.join(romeo, room, "Romeo")
        change(romeo, room, "<item jid='peter@verona.example' affiliation='member'/>")
        change(romeo, room, "<item jid='peter@verona.example' affiliation='none'/>")
        romeo.presence(f"to='{room}/Romeo' type='unavailable'")
        romeo.settle()
    assert snapshot(romeo, room, "Romeo") == before


class TestWhoIsThere:
    @pytest.fixture
    def scene(self, server, cast):
        """romeo, owner; juliet, who changed her nick and is away; nurse, whose voice was taken."""
        clients = romeo, juliet, nurse = [managed(cast, name) for name in ("romeo", "juliet", "nurse")]
        room = new_room(server, romeo, "Romeo", persistentroom="1", moderatedroom="1")
        rooms.join(juliet, room, "Jule")
        rooms.join(nurse, room, "Nurse")
        juliet.presence(f"to='{room}/Juliet'")
        juliet.presence(f"to='{room}/Juliet'", "<show>away</show><status>on the balcony</status>")
        change(romeo, room, "<item nick='Nurse' role='visitor'/>")
        until_stored(server, room, *clients)
        wait.until(lambda: "balcony" in stored(server, room)[juliet.full][1], "the presence is written")
        wait.until(lambda: self.role(server, nurse) == 1, "the role is written")
        for client in clients:
            client.settle(*clients)
            client.all_handled()
        return room, clients

    @staticmethod
    def role(server, client):
        with sqlite3.connect(server.database, timeout=20) as db:
            return db.execute("SELECT role FROM mod_muc_client WHERE jid = ?", (client.full,)).fetchone()[0]

    def test_they_are_still_in_it(self, server, cast, scene):
        room, clients = scene
        server.restarts(*clients)
        for client in clients:
            assert client.resume().tag == f"{{{SM}}}resumed"
        romeo, juliet, nurse = clients
        for speaker in romeo, juliet:
            speaker.message(room, f"here is {speaker.name}", "groupchat")
            for client in clients:
                heard = client.take(lambda each: each.findtext(f"{STANZA}body") == f"here is {speaker.name}")
                assert heard.get("from") == f"{room}/{speaker.name.title()}", show(heard)
        nurse.message(room, "and I", "groupchat", "id='n1'")
        refused = nurse.take(lambda each: each.get("id") == "n1")
        assert refused.find(f"{STANZA}error/{{{ns.STANZA_ERRORS}}}forbidden") is not None, show(refused)
        assert not [each for each in romeo.settle(juliet, nurse) if each.get("from", "").startswith(room)]
        friar = cast.client("friar").online()
        there = {nick: each[:2] + each[3:4] for nick, each in who(come_in(friar, room, "Friar")).items()}
        assert there == {"Romeo": ("owner", "moderator", None), "Juliet": ("none", "participant", "on the balcony"),
                         "Nurse": ("none", "visitor", None), "Friar": ("none", "participant", None)}
        seen = romeo.take(lambda each: each.get("from") == f"{room}/Friar")
        assert seen.find(f"{X}/{{{rooms.USER}}}item").get("jid") == friar.full, show(seen)

    def test_they_can_act(self, server, cast, scene):
        """Private messages, requests to each other, another nick, a kick, and leaving."""
        room, clients = scene
        server.restarts(*clients)
        romeo, juliet, nurse = clients
        for client in clients:
            client.resume()
        juliet.message(f"{room}/Romeo", "psst")
        assert romeo.take(lambda each: each.findtext(f"{STANZA}body") == "psst").get("from") == f"{room}/Juliet"
        romeo.send(f"<iq type='get' id='v1' to='{room}/Juliet'><query xmlns='jabber:iq:version'/></iq>")
        request = juliet.take(lambda each: each.get("type") == "get")
        juliet.send(f"<iq type='result' id='{request.get('id')}' to='{request.get('from')}'/>")
        assert romeo.take(lambda each: each.get("id") == "v1").get("type") == "result"
        juliet.presence(f"to='{room}/Capulet'")
        renamed = romeo.take(lambda each: each.get("from") == f"{room}/Juliet")
        assert 303 in rooms.codes(renamed), show(renamed)
        change(romeo, room, "<item nick='Nurse' role='none'/>")
        assert 307 in rooms.codes(nurse.take(lambda each: each.get("from") == f"{room}/Nurse"
                                             and each.get("type") == "unavailable"))
        juliet.presence(f"to='{room}/Capulet' type='unavailable'")
        romeo.take(lambda each: each.get("from") == f"{room}/Capulet" and each.get("type") == "unavailable")
        until_stored(server, room, romeo)

    def test_one_does_not_come_back(self, server, cast, scene):
        """Who has no session any more has left, at an orderly stop, or is found out when somebody writes."""
        room, clients = scene
        friar = cast.client("friar").online()
        rooms.join(friar, room, "Friar")
        until_stored(server, room, *clients, friar)
        server.restarts(*clients, friar)
        romeo = clients[0]
        romeo.resume()
        romeo.message(room, "who is there?", "groupchat")
        if server.way == "kill":
            gone = romeo.take(lambda each: each.get("from") == f"{room}/Friar" and each.get("type") == "unavailable")
            assert gone.find(f"{X}/{{{rooms.USER}}}item").get("role") == "none", show(gone)
        until_stored(server, room, *clients)

    def test_twice(self, server, cast, scene):
        room, clients = scene
        for _ in range(2):
            server.restarts(*clients)
            for client in clients:
                client.resume()
                client.settle()
                client.all_handled()
        clients[0].message(room, "again", "groupchat")
        for client in clients:
            client.take(lambda each: each.findtext(f"{STANZA}body") == "again")

    def test_who_left_stays_away(self, server, cast, scene):
        room, clients = scene
        romeo, juliet, nurse = clients
        nurse.presence(f"to='{room}/Nurse' type='unavailable'")
        until_stored(server, room, romeo, juliet)
        server.restarts(*clients)
        friar = cast.client("friar").online()
        assert set(who(come_in(friar, room, "Friar"))) == {"Romeo", "Juliet", "Friar"}


class TestOrderlyStop:
    @pytest.fixture
    def server(self, own_server):
        return own_server(SETTINGS).start()

    def test_it_is_written_at_the_end(self, server, cast):
        """Though it was not yet when the server was told to stop."""
        romeo, juliet = managed(cast, "romeo"), managed(cast, "juliet")
        room = new_room(server, romeo, "Romeo", persistentroom="1")
        rooms.join(juliet, room, "J")
        juliet.presence(f"to='{room}/Juliet'", "<status>late</status>")
        juliet.ping()
        server.stop()
        there = stored(server, room)
        assert {jid: nick for jid, (nick, _) in there.items()} == {romeo.full: "Romeo", juliet.full: "Juliet"}
        assert "late" in there[juliet.full][1]

    def test_temporary_rooms_end(self, server, cast):
        romeo, juliet = cast.client("romeo").online(), managed(cast, "juliet")
        room = new_room(server, romeo, "Romeo")
        rooms.join(juliet, room, "Juliet")
        romeo.settle(juliet)
        juliet.settle()
        server.stop()
        for client, nick in ((romeo, "Romeo"), (juliet, "Juliet")):
            end, = (each for each in client.wait_end() if rooms.is_named(each, "presence"))
            assert (end.get("from"), end.get("type")) == (f"{room}/{nick}", "unavailable"), show(end)
            assert {110, 332} <= set(rooms.codes(end)), show(end)
            client.drop()
        server.start()
        assert juliet.resume().tag == f"{{{SM}}}resumed"
        answer = juliet.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to=room)
        assert answer.find(f"{STANZA}error/{{{ns.STANZA_ERRORS}}}item-not-found") is not None, show(answer)

    def test_temporary_rooms_are_not_kept_after_a_crash(self, server, cast):
        romeo = managed(cast, "romeo")
        room = new_room(server, romeo, "Romeo")
        romeo.all_handled()
        server.kill()
        romeo.drop()
        server.start()
        assert romeo.resume().tag == f"{{{SM}}}resumed"
        romeo.message(room, "hello?", "groupchat", "id='m1'")
        answer = romeo.take(lambda each: each.get("id") == "m1")
        assert answer.find(f"{STANZA}error/{{{ns.STANZA_ERRORS}}}item-not-found") is not None, show(answer)
