# SPDX-License-Identifier: Apache-2.0
"""mod_mam: the archives of rooms (XEP-0313 6.1.2): what is in them, who may read them, and what whom is shown."""
import collections
import sqlite3
import xml.etree.ElementTree as ET

import pytest

from harness import match, ns, rooms, wait
from harness.settings import Settings
from harness.sm import Managed
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")
SETTINGS = Settings(modules={"mod_muc": {}, "mod_mam": {"default": "always"}, "mod_disco": {}, "mod_stream_mgmt": {}})
MAM, SID, RSM, DATA = "urn:xmpp:mam:2", "urn:xmpp:sid:0", "http://jabber.org/protocol/rsm", "jabber:x:data"
RETRACT, OCCUPANT = "urn:xmpp:message-retract:1", "urn:xmpp:occupant-id:0"
HINTS = "xmlns='urn:xmpp:hints'"
BODY, STANZA_ID, MESSAGE = f"{{{ns.CLIENT}}}body", f"{{{SID}}}stanza-id", f"{{{ns.CLIENT}}}message"
RESULT, FORWARDED = f"{{{MAM}}}result", "{urn:xmpp:forward:0}forwarded"
ITEM = f"{{{rooms.USER}}}x/{{{rooms.USER}}}item"
BEGIN, SECOND = 1278803305000000, 1000000
OPTIONS = {"mam": "1", "persistentroom": "1"}


class Hall:
    """A room with an archive, made by romeo, who is its owner."""

    def __init__(self, server, cast, **options):
        self.server, self.cast = server, cast
        self.jid = f"{server.unique('hall')}@{rooms.service(server)}"
        self.romeo = cast.client("romeo").online()
        self.make(**options)

    def make(self, **options):
        fields = {f"muc#roomconfig_{name}": [value] for name, value in {**OPTIONS, **options}.items()}
        rooms.create(self.romeo, self.jid, "Romeo", fields.items())

    def enter(self, name, nick=None, **options):
        client = self.cast.client(name).online()
        rooms.join(client, self.jid, nick or name.title(), **options)
        return client

    def say(self, client, content="<body>x</body>", attributes=""):
        """What the room sends to the one who says it."""
        id = f"m{next(client.ids)}"
        client.send(f"<message to='{self.jid}' type='groupchat' id='{id}' {attributes}>{content}</message>")
        return client.take(lambda each: each.get("id") == id)

    def affiliate(self, client, affiliation):
        item = f"<item affiliation='{affiliation}' jid='{client.bare}'/>"
        rooms.insist(self.romeo.iq("set", f"<query xmlns='{rooms.ADMIN}'>{item}</query>", to=self.jid))

    def rows(self, asking=True):
        """When romeo asks, all that was said before is there."""
        if asking:
            self.query(self.romeo, rsm(max=0))
        with sqlite3.connect(self.server.database, timeout=20) as db:
            return db.execute("SELECT timestamp, peer, bare_peer, xml, txt, kind, nick, origin_id, server_host "
                              "FROM archive WHERE username = ? ORDER BY timestamp", (self.jid,)).fetchall()

    def fill(self, count, sender="nurse@verona.lit/window", nick="Nurse", first=0, pad=0):
        """Messages a second apart; number n has the body 'message n'."""
        values = []
        for number in range(first, first + count):
            text = f"message {number}" + " " * bool(pad) + "x" * pad
            values.append((self.jid, self.romeo.host, BEGIN + number * SECOND, sender, sender.partition("/")[0],
                           f"<message from='{sender}' to='{self.jid}' type='groupchat' id='f{number}'>"
                           f"<body>{text}</body></message>", text, nick))
        with sqlite3.connect(self.server.database, timeout=20) as db:
            db.executemany("INSERT INTO archive (username, server_host, timestamp, peer, bare_peer, xml, txt, nick, "
                           "kind) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'groupchat')", values)

    def query(self, client, *inside, attributes=""):
        payload = f"<query xmlns='{MAM}' {attributes}>" + "".join(inside) + "</query>"
        return Answer(client, client.iq("set", payload, to=self.jid), self.jid)


class Answer:
    def __init__(self, client, iq, room):
        self.iq = iq
        self.error = None
        if iq.get("type") == "error":
            self.error = next(each.tag.partition("}")[2] for each in iq.find(f"{{{ns.CLIENT}}}error"))
        found = [element for kind, element in client.events
                 if kind == "stanza" and element.find(RESULT) is not None]
        client.events = [event for event in client.events if event[1] not in found]
        assert all(each.get("from") == room and each.get("to") == client.full for each in found)
        self.ids = [each.find(RESULT).get("id") for each in found]
        self.messages = [each.find(f"{RESULT}/{FORWARDED}/{MESSAGE}") for each in found]
        self.bodies = [each.findtext(BODY) for each in self.messages]
        self.numbers = [(int(each) - BEGIN) // SECOND for each in self.ids]
        self.fin = iq.find(f"{{{MAM}}}fin")
        self.complete = self.fin is not None and self.fin.get("complete") == "true"

    def text(self, name):
        return self.fin.findtext(f"{{{RSM}}}set/{{{RSM}}}{name}")


def field(var, *values):
    return f"<field var='{var}'>" + "".join(f"<value>{match.escape(each)}</value>" for each in values) + "</field>"


def form(*fields):
    return (f"<x xmlns='{DATA}' type='submit'><field var='FORM_TYPE' type='hidden'><value>{MAM}</value></field>"
            + "".join(fields) + "</x>")


def rsm(inside="", **numbers):
    return f"<set xmlns='{RSM}'>" + "".join(f"<{k}>{v}</{k}>" for k, v in numbers.items()) + inside + "</set>"


def id_of(message, room):
    return [each.get("id") for each in message.findall(STANZA_ID) if each.get("by") == room]


def features(client, room):
    answer = client.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to=room)
    return {each.get("var") for each in answer.iter(f"{{{ns.DISCO_INFO}}}feature")}


@pytest.fixture
def hall(server, cast):
    return Hall(server, cast)


class TestWhatIsArchived:
    @pytest.mark.parametrize("content, wanted", [
        ("<body>x</body>", True),
        ("<subject>x</subject>", True),
        ("<subject/>", True),
        ("<subject>x</subject><body>y</body>", True),
        ("<body/>", False),
        ("<active xmlns='http://jabber.org/protocol/chatstates'/>", False),
        ("<encrypted xmlns='eu.siacs.conversations.axolotl'><payload>x</payload></encrypted>", True),
        (f"<reactions xmlns='urn:xmpp:reactions:0' id='1'/><store {HINTS}/>", True),
        (f"<body>x</body><no-store {HINTS}/>", False),
        (f"<body>x</body><no-permanent-store {HINTS}/>", False),
        (f"<retract xmlns='{RETRACT}' id='1'/>", True),
    ])
    def test_rules(self, hall, content, wanted):
        said = hall.say(hall.romeo, content)
        assert len(id_of(said, hall.jid)) == int(wanted)
        assert hall.query(hall.romeo).ids == id_of(said, hall.jid)
        assert len(hall.rows()) == int(wanted)

    def test_columns(self, hall):
        romeo = hall.romeo
        said = hall.say(romeo, f"<body>one &amp; two</body><origin-id xmlns='{SID}' id='o1'/>", "xml:lang='it'")
        row, = hall.rows()
        assert row[0] == int(id_of(said, hall.jid)[0])
        assert row[1:3] == (romeo.full, romeo.bare)
        assert row[4:] == ("one & two", "groupchat", "Romeo", said.get("id"), romeo.host)
        message = ET.fromstring(row[3])
        assert (message.get("from"), message.get("to")) == (f"{hall.jid}/Romeo", None)
        assert romeo.bare not in row[3] and "stanza-id" not in row[3] and OCCUPANT in row[3]

    def test_once(self, hall):
        juliet = hall.enter("juliet")
        said = hall.say(juliet)
        assert [id_of(each, hall.jid) for each in hall.romeo.settle(juliet) if each.get("id") == said.get("id")] == \
            [id_of(said, hall.jid)]
        assert len(hall.query(juliet).ids) == 1

    def test_refused_and_private(self, hall):
        juliet = hall.enter("juliet")
        rooms.insist(hall.romeo.iq("set", f"<query xmlns='{rooms.ADMIN}'><item nick='Juliet' role='visitor'/></query>",
                                   to=hall.jid))
        assert hall.say(juliet).get("type") == "error"
        hall.romeo.message(f"{hall.jid}/Juliet", "psst")
        hall.romeo.message(hall.jid, "chat to the room")
        rooms.fence(hall.romeo, hall.jid)
        assert hall.query(hall.romeo).ids == [] and hall.rows() == []

    def test_claims(self, hall):
        said = hall.say(hall.romeo, f"<body>x</body><stanza-id xmlns='{SID}' by='{hall.jid}' id='7'/>"
                        f"<x xmlns='{rooms.USER}'><item jid='evil@example.org' affiliation='owner'/></x>"
                        f"<occupant-id xmlns='{OCCUPANT}' id='evil'/>")
        row, = hall.rows()
        assert id_of(said, hall.jid) == [str(row[0])] and "evil" not in row[3]

    def test_off(self, server, cast):
        hall = Hall(server, cast, mam="0")
        assert id_of(hall.say(hall.romeo), hall.jid) == []
        assert hall.rows() == []
        assert hall.query(hall.romeo).error in ("service-unavailable", "feature-not-implemented")
        assert not {MAM, f"{MAM}#extended"} & features(hall.romeo, hall.jid)

    def test_turned_on_and_off(self, server, cast):
        hall = Hall(server, cast, mam="0")
        for value in ("1", "0"):
            rooms.insist(hall.romeo.iq("set", rooms.form([("muc#roomconfig_mam", [value])]), to=hall.jid))
            assert len(id_of(hall.say(hall.romeo), hall.jid)) == int(value)
            assert value == "0" or len(hall.rows()) == 1
        assert len(hall.rows()) == 1

    def test_disco(self, hall):
        assert {MAM, f"{MAM}#extended", SID, "urn:xmpp:fulltext:0", f"{RETRACT}#tombstone"} <= \
            features(hall.romeo, hall.jid)


class TestWhatIsShown:
    def test_semi_anonymous(self, hall):
        juliet, nurse = hall.enter("juliet"), hall.enter("nurse")
        said = hall.say(juliet, "<body>x</body><thread>t</thread>", "xml:lang='it'")
        occupant = said.find(f"{{{OCCUPANT}}}occupant-id").get("id")
        for client, shown in ((nurse, False), (juliet, True), (hall.romeo, True)):
            message, = hall.query(client).messages
            assert dict(message.attrib) == {
                "from": f"{hall.jid}/Juliet", "type": "groupchat", "id": said.get("id"),
                "{http://www.w3.org/XML/1998/namespace}lang": "it"}
            assert message.findtext(f"{{{ns.CLIENT}}}thread") == "t"
            assert [each.get("id") for each in message.findall(f"{{{OCCUPANT}}}occupant-id")] == [occupant]
            assert message.find(STANZA_ID) is None
            assert [dict(each.attrib) for each in message.findall(ITEM)] == (
                [{"affiliation": "none", "role": "participant", "jid": juliet.full}] if shown else [])
            assert shown or juliet.user not in show(message).replace("/Juliet", "")

    def test_non_anonymous(self, server, cast):
        hall = Hall(server, cast, whois="anyone")
        stranger = cast.client("stranger").online()
        hall.say(hall.romeo)
        message, = hall.query(stranger).messages
        assert message.find(ITEM).get("jid") == hall.romeo.full
        rooms.insist(hall.romeo.iq("set", rooms.form([("muc#roomconfig_whois", ["moderators"])]), to=hall.jid))
        message, = hall.query(stranger).messages
        assert message.find(ITEM) is None

    def test_of_ejabberd(self, hall):
        juliet = hall.enter("juliet")
        hall.fill(1)
        message, = hall.query(juliet).messages
        assert (message.get("from"), message.get("to")) == (f"{hall.jid}/Nurse", None)
        assert "verona" not in show(message)
        message, = hall.query(hall.romeo).messages
        assert message.find(ITEM).get("jid") == "nurse@verona.lit/window"

    def test_with(self, hall):
        juliet, nurse = hall.enter("juliet"), hall.enter("nurse")
        for client in (juliet, nurse, hall.romeo):
            hall.say(client, f"<body>{client.name}</body>")
        def said_by(client, jid): return hall.query(client, form(field("with", jid)))
        assert said_by(hall.romeo, juliet.bare).bodies == ["juliet"]
        assert said_by(hall.romeo, juliet.full).bodies == ["juliet"]
        assert said_by(nurse, juliet.bare).error == "forbidden"
        assert said_by(nurse, nurse.bare).bodies == ["nurse"]
        assert said_by(nurse, f"{hall.jid}/Juliet").bodies == ["juliet"]
        assert said_by(nurse, f"{hall.jid}/Nobody").error == "item-not-found"


class TestWhoMayRead:
    def asks(self, hall, client):
        answer = hall.query(client)
        metadata = client.iq("get", f"<metadata xmlns='{MAM}'/>", to=hall.jid)
        assert (metadata.get("type") == "error") == (answer.error is not None)
        return answer.error or len(answer.ids)

    def test_open(self, hall, cast):
        hall.say(hall.romeo)
        stranger = cast.client("stranger").online()
        assert self.asks(hall, stranger) == 1
        hall.affiliate(stranger, "outcast")
        assert self.asks(hall, stranger) == "forbidden"

    def test_members_only(self, server, cast):
        hall = Hall(server, cast, membersonly="1")
        hall.say(hall.romeo)
        stranger, member = cast.client("stranger").online(), cast.client("member").online()
        hall.affiliate(member, "member")
        assert self.asks(hall, stranger) == "forbidden"
        assert self.asks(hall, member) == self.asks(hall, hall.romeo) == 1

    def test_password(self, server, cast):
        hall = Hall(server, cast, passwordprotectedroom="1", roomsecret="sesame")
        hall.say(hall.romeo)
        stranger = cast.client("stranger").online()
        assert self.asks(hall, stranger) == "forbidden"
        rooms.join(stranger, hall.jid, "Stranger", password="sesame")
        assert self.asks(hall, stranger) == 1

    def test_no_room(self, hall, cast):
        answer = hall.romeo.iq("set", f"<query xmlns='{MAM}'/>", to=f"none-{hall.jid}")
        assert answer.get("type") == "error"

    def test_other_requests(self, hall):
        answer = hall.romeo.iq("get", f"<prefs xmlns='{MAM}'/>", to=hall.jid)
        assert answer.get("type") == "error"
        answer = hall.romeo.iq("get", f"<query xmlns='{MAM}'/>", to=hall.jid)
        assert {each.get("var") for each in answer.iter(f"{{{DATA}}}field")} >= {"with", "start", "ids", "withtext"}


class TestPages:
    def test_pages(self, hall):
        hall.fill(600)
        juliet = hall.enter("juliet")
        def ask(*inside): return hall.query(juliet, *inside)
        first = ask()
        assert first.numbers == list(range(50)) and not first.complete and first.text("count") == "600"
        assert (first.text("first"), first.text("last")) == (first.ids[0], first.ids[-1])
        assert ask(rsm(max=999)).numbers == list(range(250))
        assert ask(rsm(max=20, after=first.ids[-1])).numbers == list(range(50, 70))
        assert ask(rsm("<before/>", max=20)).numbers == list(range(580, 600))
        assert ask(rsm("<before/>", max=20), "<flip-page/>").numbers == list(range(599, 579, -1))
        assert ask("<flip-page/>", rsm(max=3)).numbers == [2, 1, 0]
        last = ask(rsm(max=250, after=hall_id(349)))
        assert last.numbers == list(range(350, 600)) and last.complete
        assert ask(form(field("ids", hall_id(7), hall_id(5)))).numbers == [5, 7]
        assert ask(form(field("after-id", hall_id(595)))).numbers == [596, 597, 598, 599]
        assert ask(form(field("start", "2010-07-10T23:18:23Z"))).numbers == [598, 599]
        assert ask(rsm(after="17")).error == "item-not-found"
        assert hall.query(juliet, attributes="queryid='q1'").iq.get("type") == "result"

    def test_large(self, hall):
        """Half a MiB or so in a page: nothing tells the room how fast the client reads."""
        hall.fill(60, pad=50000)
        juliet, seen = hall.enter("juliet"), []
        while not seen or not page.complete:
            page = hall.query(juliet, rsm(max=50, **({"after": seen[-1]} if seen else {})))
            assert 10 <= len(page.ids) <= 11 or page.complete
            assert page.text("last") == page.ids[-1] and page.text("count") == "60"
            seen += page.ids
        assert seen == [hall_id(each) for each in range(60)]
        page = hall.query(juliet, rsm("<before/>", max=50))
        assert page.numbers == list(range(49, 60)) and page.text("first") == page.ids[0] and not page.complete
        page = hall.query(juliet, rsm(max=50), "<flip-page/>")
        assert page.numbers == list(range(10, -1, -1)) and page.text("first") == hall_id(0)
        page = hall.query(juliet, rsm("<before/>", max=50), "<flip-page/>")
        assert page.numbers == list(range(59, 48, -1)) and page.text("first") == hall_id(49)

    def test_words(self, hall):
        juliet = hall.enter("juliet")
        hall.say(juliet, "<body>a rose by any other name</body>")
        hall.say(hall.romeo, "<body>what light</body>")
        assert hall.query(juliet, form(field("{urn:xmpp:fulltext:0}fulltext", "ROSE"))).bodies == \
            ["a rose by any other name"]
        assert hall.query(juliet, form(field("withtext", "light"), field("with", juliet.bare))).bodies == []

    def test_metadata(self, hall):
        hall.fill(3)
        answer = hall.romeo.iq("get", f"<metadata xmlns='{MAM}'/>", to=hall.jid)
        assert [each.get("id") for each in answer[0]] == [hall_id(0), hall_id(2)]

    def test_many_at_once(self, hall):
        """Four of one client wait; all are answered, each behind its results, which may stand between others."""
        hall.fill(250)
        for number in range(12):
            hall.romeo.send(f"<iq type='set' id='many{number}' to='{hall.jid}'><query xmlns='{MAM}' "
                            f"queryid='many{number}'>{rsm(max=250)}</query></iq>")
        answered, refused, results = {}, 0, collections.Counter()
        while len(answered) + refused < 12:
            stanza = hall.romeo.recv()
            if stanza.find(RESULT) is not None:
                results[stanza.find(RESULT).get("queryid")] += 1
            elif stanza.get("type") == "error":
                refused += 1
            elif (stanza.get("id") or "").startswith("many"):
                answered[stanza.get("id")] = results[stanza.get("id")]
        assert len(answered) >= 4
        assert set(answered.values()) == {250}

    def test_from_elsewhere(self, hall, cast):
        """A result that finds nobody is not kept for later."""
        hall.fill(3)
        gone = cast.client("gone", "far").online()
        gone.send(f"<iq type='set' id='q' to='{hall.jid}'><query xmlns='{MAM}'/></iq></stream:stream>")
        gone.wait_end()
        rooms.fence(hall.romeo, hall.jid)
        back = cast.client("gone", "back").login()
        back.presence()
        assert not [each for each in back.settle(hall.romeo) if each.find(RESULT) is not None]


def hall_id(number):
    return str(BEGIN + number * SECOND)


class TestRetraction:
    def test_own(self, hall):
        juliet = hall.enter("juliet")
        said = hall.say(juliet, "<body>secret</body>")
        id, = id_of(said, hall.jid)
        taken = hall.say(juliet, f"<retract xmlns='{RETRACT}' id='{id}'/>")
        tombstone, retraction = hall.query(hall.romeo).messages
        retracted = tombstone.find(f"{{{RETRACT}}}retracted")
        assert retracted.get("id") == taken.get("id") and retracted.get("stamp")
        assert tombstone.find(BODY) is None and tombstone.find(f"{{{OCCUPANT}}}occupant-id") is not None
        assert tombstone.find(ITEM).get("jid") == juliet.full and tombstone.get("id") == said.get("id")
        assert retraction.find(f"{{{RETRACT}}}retract").get("id") == id
        assert "secret" not in str(hall.rows())

    def test_others(self, hall):
        juliet = hall.enter("juliet")
        id, = id_of(hall.say(hall.romeo, "<body>mine</body>"), hall.jid)
        hall.say(juliet, f"<retract xmlns='{RETRACT}' id='{id}'>"
                         f"<moderated xmlns='urn:xmpp:message-moderate:1' by='{hall.jid}'/></retract>")
        assert hall.query(juliet).bodies == ["mine", None]


    def test_moderation(self, hall):
        """XEP-0425: by a moderator, whoever said it; all hear of it, and who comes later does not hear what it was."""
        moderate = "<moderate xmlns='urn:xmpp:message-moderate:1' id='{}'><retract xmlns='" + RETRACT + "'/>" \
            "<reason>not here</reason></moderate>"
        juliet, nurse = hall.enter("juliet"), hall.enter("nurse")
        assert "urn:xmpp:message-moderate:1" in features(juliet, hall.jid)
        said = hall.say(juliet, "<body>secret</body>")
        id, = id_of(said, hall.jid)
        assert nurse.iq("set", moderate.format(id), to=hall.jid).find(".//{*}forbidden") is not None
        assert hall.romeo.iq("set", moderate.format(7), to=hall.jid).find(".//{*}item-not-found") is not None
        rooms.insist(hall.romeo.iq("set", moderate.format(id), to=hall.jid))
        told = nurse.take(lambda each: each.find(f"{{{RETRACT}}}retract") is not None)
        retract = told.find(f"{{{RETRACT}}}retract")
        assert told.get("from") == hall.jid and retract.get("id") == id and len(id_of(told, hall.jid)) == 1
        moderated = retract.find("{urn:xmpp:message-moderate:1}moderated")
        assert moderated.get("by") == f"{hall.jid}/Romeo" and moderated.find(f"{{{OCCUPANT}}}occupant-id") is not None
        assert retract.findtext(f"{{{RETRACT}}}reason") == "not here"
        tombstone, retraction = hall.query(nurse).messages
        retracted = tombstone.find(f"{{{RETRACT}}}retracted")
        assert retracted.get("id") == told.get("id") and tombstone.find(BODY) is None
        assert retracted.find("{urn:xmpp:message-moderate:1}moderated").get("by") == f"{hall.jid}/Romeo"
        assert retraction.get("from") == hall.jid and hall.romeo.full not in show(retraction)
        assert "secret" not in str(hall.rows())
        assert self.history(hall) == []

    def test_history(self, hall):
        kept = hall.say(hall.romeo, "<body>kept</body>")
        for said in (hall.say(hall.romeo, "<body>gone</body>"), kept):
            taker = hall.romeo if said is not kept else hall.enter("juliet")
            hall.say(taker, f"<retract xmlns='{RETRACT}' id='{id_of(said, hall.jid)[0]}'/>")
        assert self.history(hall) == ["kept"]

    def history(self, hall):
        late = hall.cast.client("late").online()
        late.presence(f"to='{hall.jid}/Late'", f"<x xmlns='{rooms.MUC}'/>")
        late.take(rooms.is_subject)
        return [each.findtext(BODY) for kind, each in late.events if each.find(BODY) is not None]


class TestLife:
    def test_restart(self, own_server, cast_for):
        server = own_server(SETTINGS).start()
        hall = Hall(server, cast_for(server))
        for number in range(25):
            hall.say(hall.romeo, f"<body>said {number}</body>")
        before = hall.rows()
        with sqlite3.connect(server.database, timeout=20) as db:    # the clock was wrong once
            db.execute("UPDATE archive SET timestamp = ? WHERE timestamp = ?", (1 << 52, before[-1][0]))
        server.restart()
        cast = cast_for(server)
        juliet = cast.client("juliet").online()
        juliet.presence(f"to='{hall.jid}/Juliet'", f"<x xmlns='{rooms.MUC}'/>")
        juliet.take(rooms.is_subject)
        history = [each for kind, each in juliet.events if each.find(BODY) is not None]
        assert [each.findtext(BODY) for each in history] == [f"said {number}" for number in range(5, 25)]
        assert [id_of(each, hall.jid) for each in history[:-1]] == [[str(row[0])] for row in before[5:-1]]
        assert all(each.get("from") == f"{hall.jid}/Romeo" and each.find(ITEM) is None and
                   len(each.findall(f"{{{OCCUPANT}}}occupant-id")) == 1 for each in history)
        juliet.events = []
        assert int(id_of(hall.say(juliet), hall.jid)[0]) == (1 << 52) + 1

    @pytest.mark.parametrize("clear", [True, False])
    def test_destroyed(self, own_server, cast_for, clear):
        modules = {**SETTINGS.modules, "mod_mam": {"clear_archive_on_room_destroy": clear}}
        server = own_server(Settings(modules=modules)).start()
        hall = Hall(server, cast_for(server))
        hall.fill(1200)
        hall.say(hall.romeo)
        rooms.insist(hall.romeo.iq("set", f"<query xmlns='{rooms.OWNER}'><destroy/></query>", to=hall.jid))
        hall.romeo.settle()
        if clear:
            wait.until(lambda: not hall.rows(), "the archive is empty")
        hall.make()
        hall.say(hall.romeo, "<body>anew</body>")
        assert len(hall.rows()) == (1 if clear else 1202)
        assert hall.query(hall.romeo, rsm("<before/>", max=1)).bodies == ["anew"]

    def test_left_over(self, hall):
        """What a room of that name left behind is not for those who make it anew."""
        other = Hall.__new__(Hall)
        other.server, other.cast, other.romeo = hall.server, hall.cast, hall.romeo
        other.jid = "left-" + hall.jid
        other.fill(700)
        other.make()
        wait.until(lambda: not other.rows(), "the archive is empty")

    def test_commands(self, hall):
        hall.fill(5)
        hall.say(hall.romeo)
        hall.server.ask("delete_old_mam_messages", "chat", "1")
        assert len(hall.rows()) == 6
        hall.server.ask("delete_old_mam_messages", "groupchat", "1")
        assert len(hall.rows()) == 1


class TestSafe:
    def test_killed(self, own_server, cast_for):
        """What the sender saw acknowledged is in the archive, whatever became of the server."""
        server = own_server(SETTINGS).start()
        for turn in range(3):
            cast = cast_for(server)
            if turn == 0:
                hall = Hall(server, cast)
            hall.cast, client = cast, Managed(server, server.unique(f"writer{turn}"))
            server.add_user(client.user)
            client.login()
            client.manage()
            rooms.join(client, hall.jid, f"Writer{turn}")
            for number in range(60):
                client.send(f"<message to='{hall.jid}' type='groupchat'><body>{turn} {number}</body></message>")
            wait.until(lambda: client.handled() >= 20, "some are acknowledged")
            acknowledged = client.acked - 1     # the presence
            server.kill()
            client.drop()
            server.start()
            kept = [row[4] for row in hall.rows(asking=False) if row[4].startswith(f"{turn} ")]
            assert kept == [f"{turn} {number}" for number in range(len(kept))] and len(kept) >= acknowledged
        ids = [row[0] for row in hall.rows(asking=False)]
        assert len(ids) == len(set(ids))
