# SPDX-License-Identifier: Apache-2.0
"""Message carbons (XEP-0280), by its sections; what passes untouched; IM Routing-NG (XEP-0409)."""
import asyncio
import sqlite3
import xml.etree.ElementTree as ET

import pytest

from harness import ns, wait
from harness.component import Component
from harness.settings import Settings
from harness.sm import SM, Managed

pytestmark = pytest.mark.only("stanzad")

CARBONS = "urn:xmpp:carbons:2"
FORWARD = "urn:xmpp:forward:0"
HINTS = "urn:xmpp:hints"
ROOM = "http://jabber.org/protocol/muc#user"
ROUTING = "urn:xmpp:im-ng:0"
MESSAGE = f"{{{ns.CLIENT}}}message"
BODY = f"{{{ns.CLIENT}}}body"
DELAY = f"{{{ns.DELAY}}}delay"
ENABLE = f"<enable xmlns='{CARBONS}'/>"
DISABLE = f"<disable xmlns='{CARBONS}'/>"
PRIVATE = f"<private xmlns='{CARBONS}'/>"

SETTINGS = Settings(
    listeners={"component": {"module": "ejabberd_service", "hosts": {"rooms.localhost": {"password": "secret"}}}},
    modules={"mod_carboncopy": {}, "mod_stream_mgmt": {"resume_timeout": "60 s", "resend_on_timeout": True}})
ROUTING_SETTINGS = Settings(modules={"mod_carboncopy": {"im_routing_ng": True}})


def device(cast, name, priority=None, payload=ENABLE):
    user, _, resource = name.partition("/")
    client = cast.client(user, resource).login()
    if payload:
        assert client.iq("set", payload).get("type") == "result"
    client.presence(priority=priority)
    return client


def inside(copy):
    return copy.find(f"{{{FORWARD}}}forwarded/{MESSAGE}")


def seen(client, *senders):
    """('direct'|'sent'|'received', body or type) of each message, in order."""
    found = []
    for stanza in client.settle(*senders):
        if stanza.tag != MESSAGE:
            continue
        kind, message = "direct", stanza
        for each in ("sent", "received"):
            copy = stanza.find(f"{{{CARBONS}}}{each}")
            if copy is not None and stanza.get("from") == client.bare:
                assert stanza.get("to") == client.full and len(stanza) == 1 + len(stanza.findall(DELAY))
                kind, message = each, inside(copy)
                assert stanza.get("type") == message.get("type")
        found.append((kind, message.findtext(BODY) or message.get("type")))
    return found


class Scene:
    """Juliet writes; romeo has a phone and a desk with carbons, and a tablet without."""

    def __init__(self, cast, phone=0, desk=0, tablet=-1):
        self.juliet = cast.client("juliet").online()
        self.phone = device(cast, "romeo/phone", phone)
        self.desk = device(cast, "romeo/desk", desk)
        self.tablet = device(cast, "romeo/tablet", tablet, None)
        self.all = (self.juliet, self.phone, self.desk, self.tablet)
        cast.settle()

    def seen(self):
        return [seen(each, *self.all) for each in self.all]


@pytest.fixture
def scene(cast):
    return Scene(cast)


@pytest.fixture
def rooms(server):
    made = Component(server, "rooms.localhost").attach()
    yield made
    made.drop()
    wait.until(lambda: not server.ask_json("list_components"), "it is gone")


class TestDiscovery:
    def test_features(self, cast):
        """3, 6.2"""
        info = cast.client("romeo").login().iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to="localhost")
        features = {each.get("var") for each in info.iter(f"{{{ns.DISCO_INFO}}}feature")}
        assert {CARBONS, "urn:xmpp:carbons:rules:0"} <= features
        assert ROUTING not in features


class TestSwitching:
    """4, 5, 10.1"""

    @pytest.mark.parametrize("to", [None, "{bare}", "localhost"])
    def test_on_and_off(self, cast, to):
        romeo = cast.client("romeo").online()
        to = to and to.format(bare=romeo.bare)
        other = cast.client("romeo", "other").online()
        for _ in range(2):
            assert romeo.iq("set", ENABLE, to=to).get("type") == "result"
        other.message("nobody@localhost", "one")
        assert seen(romeo, other) == [("sent", "one")]
        for _ in range(2):
            assert romeo.iq("set", DISABLE, to=to).get("type") == "result"
        other.message("nobody@localhost", "two")
        assert seen(romeo, other) == []

    def test_only_for_oneself(self, cast):
        romeo, juliet = cast.online("romeo", "juliet")
        for payload in (ENABLE, DISABLE):
            reply = romeo.iq("set", payload, to=juliet.bare)
            assert reply.find(f".//{{{ns.STANZA_ERRORS}}}not-allowed") is not None

    @pytest.mark.parametrize("type, payload, condition", [
        ("get", ENABLE, "not-allowed"), ("set", f"<what xmlns='{CARBONS}'/>", "bad-request")])
    def test_nonsense(self, cast, type, payload, condition):
        reply = cast.client("romeo").login().iq(type, payload)
        assert reply.find(f".//{{{ns.STANZA_ERRORS}}}{condition}") is not None

    def test_it_ends_with_the_session(self, cast):
        first = device(cast, "romeo/phone")
        first.close()
        again = cast.client("romeo", "phone").online()
        other = cast.client("romeo", "other").online()
        cast.settle()
        other.message("nobody@localhost")
        assert seen(again, other) == []


class TestReceived:
    """7"""

    def test_to_a_full_jid(self, scene):
        scene.juliet.message(scene.phone.full, "hi")
        assert scene.seen() == [[], [("direct", "hi")], [("received", "hi")], []]

    def test_the_copy(self, scene):
        scene.juliet.send(f"<message to='{scene.phone.full}' type='chat' id='m1' xml:lang='de'>"
                          "<body>a &amp; b</body><thread>t</thread><x xmlns='urn:test' y='1'><z/></x></message>")
        scene.desk.expect(
            f"<message from='{scene.desk.bare}' to='{scene.desk.full}' type='chat'><received xmlns='{CARBONS}'>"
            f"<forwarded xmlns='{FORWARD}'><message xmlns='{ns.CLIENT}' from='{scene.juliet.full}' "
            f"to='{scene.phone.full}' type='chat' id='m1' xml:lang='de'><body>a &amp; b</body><thread>t</thread>"
            "<x xmlns='urn:test' y='1'><z/></x></message></forwarded></received></message>")

    def test_to_the_bare_jid_with_a_tie(self, scene):
        scene.juliet.message(scene.phone.bare, "hi")
        assert scene.seen() == [[], [("direct", "hi")], [("direct", "hi")], []]

    def test_to_the_bare_jid_by_priority(self, cast):
        scene = Scene(cast, phone=5, desk=-2, tablet=5)
        scene.juliet.message(scene.phone.bare, "hi")
        assert scene.seen() == [[], [("direct", "hi")], [("received", "hi")], [("direct", "hi")]]

    def test_to_a_resource_that_is_gone(self, cast):
        scene = Scene(cast, phone=5, desk=1)
        scene.juliet.message(scene.phone.bare + "/gone", "hi")
        assert scene.seen() == [[], [("direct", "hi")], [("received", "hi")], []]
        scene.juliet.message(scene.phone.bare + "/gone", "hi", type="normal")
        assert scene.seen() == [[("direct", "hi")], [], [], []]

    def test_before_presence(self, cast, scene):
        quiet = cast.client("romeo", "quiet").login()
        assert quiet.iq("set", ENABLE).get("type") == "result"
        scene.juliet.message(scene.phone.full, "hi")
        assert seen(quiet, *scene.all) == [("received", "hi")]

    def test_offline(self, cast):
        """What is kept for later is delivered later, once."""
        scene = Scene(cast, phone=-1, desk=-1)
        scene.juliet.message(scene.phone.bare, "later")
        assert scene.seen() == [[], [], [], []]
        scene.desk.presence(priority=1)
        assert seen(scene.desk, *scene.all) == [("direct", "later")]
        assert seen(scene.phone, *scene.all) == []

    def test_from_another_server(self, scene, rooms):
        rooms.say(scene.phone.full, "hi", user="friend", extra="type='chat'")
        rooms.ping()
        assert scene.seen() == [[], [("direct", "hi")], [("received", "hi")], []]


class TestSent:
    """8"""

    def test_to_somebody(self, scene):
        scene.phone.message(scene.juliet.bare, "one")
        scene.tablet.message(scene.juliet.full, "two")
        found = scene.seen()
        assert sorted(found[0]) == [("direct", "one"), ("direct", "two")]
        assert found[1] == [("sent", "two")] and sorted(found[2]) == [("sent", "one"), ("sent", "two")]
        assert found[3] == []

    def test_the_copy(self, scene):
        scene.phone.send(f"<message to='{scene.juliet.bare}' type='chat' id='m1'><body>hi</body></message>")
        scene.desk.expect(
            f"<message from='{scene.desk.bare}' to='{scene.desk.full}' type='chat'><sent xmlns='{CARBONS}'>"
            f"<forwarded xmlns='{FORWARD}'><message xmlns='{ns.CLIENT}' from='{scene.phone.full}' "
            f"to='{scene.juliet.bare}' type='chat' id='m1'><body>hi</body></message></forwarded></sent></message>")

    def test_without_a_resource(self, scene):
        """The stanza has no address: it is for the sender's own account."""
        scene.tablet.send("<message type='chat'><body>note</body></message>")
        assert scene.seen() == [[], [("direct", "note")], [("direct", "note")], []]

    def test_to_oneself(self, cast):
        scene = Scene(cast, phone=5, desk=1)
        scene.desk.message(scene.desk.bare, "bare")
        assert scene.seen() == [[], [("direct", "bare")], [], []]
        scene.phone.message(scene.phone.bare, "mine")
        assert scene.seen() == [[], [("direct", "mine")], [("sent", "mine")], []]

    def test_to_a_resource_of_ones_own(self, scene):
        scene.phone.message(scene.tablet.full, "full")
        assert scene.seen() == [[], [], [("sent", "full")], [("direct", "full")]]
        scene.tablet.message(scene.phone.full, "back")
        assert scene.seen() == [[], [("direct", "back")], [("sent", "back")], []]

    def test_to_a_resource_of_ones_own_that_is_gone(self, cast):
        scene = Scene(cast, phone=5, desk=1)
        scene.tablet.message(scene.tablet.bare + "/gone", "hi")
        assert scene.seen() == [[], [("direct", "hi")], [("sent", "hi")], []]

    def test_to_oneself_when_nobody_takes_messages(self, cast):
        scene = Scene(cast, phone=-1, desk=-1)
        scene.tablet.message(scene.tablet.bare, "later")
        assert scene.seen() == [[], [], [], []]
        scene.phone.presence(priority=1)
        assert seen(scene.phone, *scene.all) == [("direct", "later")]


def message(to, type="normal", children="", id="m"):
    return f"<message to='{to}' type='{type}' id='{id}'>{children}</message>"


class TestEligibility:
    """6.1"""

    @pytest.mark.parametrize("type, children, copied", [
        ("chat", "<body>hi</body>", True),
        ("chat", "", True),
        ("chat", "<active xmlns='http://jabber.org/protocol/chatstates'/>", True),
        ("normal", "<body>hi</body>", True),
        ("normal", "<body/>", True),
        ("normal", "<subject>hi</subject>", False),
        ("normal", "<received xmlns='urn:xmpp:receipts' id='1'/>", True),
        ("normal", "<request xmlns='urn:xmpp:receipts'/>", True),
        ("normal", "<composing xmlns='http://jabber.org/protocol/chatstates'/>", True),
        ("normal", "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>", True),
        ("normal", "<propose xmlns='urn:xmpp:jingle-message:0' id='1'/>", True),
        ("normal", "<encrypted xmlns='urn:xmpp:omemo:2'/>", True),
        ("normal", "<x xmlns='jabber:x:conference' jid='room@rooms.localhost'/>", True),
        ("normal", f"<x xmlns='{ROOM}'><invite from='a@b'/></x>", True),
        ("normal", f"<x xmlns='{ROOM}'><status code='104'/></x>", False),
        ("headline", "<body>hi</body>", False),
        ("headline", "<event xmlns='http://jabber.org/protocol/pubsub#event'/>", False),
        ("groupchat", "<body>hi</body>", False),
        ("error", "<body>hi</body>", False),
        ("chat", "<body>hi</body>" + PRIVATE, False),
        ("chat", f"<body>hi</body><no-copy xmlns='{HINTS}'/>", False),
        ("chat", f"<body>hi</body>{PRIVATE}<no-copy xmlns='{HINTS}'/>", False),
        ("chat", f"<body>hi</body><no-store xmlns='{HINTS}'/>", True),
    ])
    def test_types(self, scene, type, children, copied):
        scene.juliet.send(message(scene.phone.full, type, children))
        scene.tablet.send(message(scene.juliet.full, type, children))
        found = scene.seen()
        assert [kind for kind, _ in found[2]] == (["received", "sent"] if copied else []) \
            or [kind for kind, _ in found[2]] == ["sent", "received"] and copied
        assert "direct" in [kind for kind, _ in found[0]] and "direct" in [kind for kind, _ in found[1]]

    def test_private_stays_in_the_message(self, scene):
        """9"""
        scene.juliet.send(message(scene.phone.full, "chat", "<body>hi</body>" + PRIVATE))
        scene.phone.expect(f"<message type='chat'>{{more}}<private xmlns='{CARBONS}'/></message>")

    def test_of_an_occupant(self, scene, rooms):
        """A room sends to each device itself; its invitations are for all."""
        rooms.send(f"<message from='room@rooms.localhost/nick' to='{scene.phone.full}' type='chat'>"
                   f"<body>psst</body><x xmlns='{ROOM}'/></message>"
                   f"<message from='room@rooms.localhost' to='{scene.phone.full}' id='i'>"
                   f"<x xmlns='{ROOM}'><invite from='a@localhost'/></x></message>")
        rooms.ping()
        assert scene.seen()[1:3] == [[("direct", "psst"), ("direct", None)], [("received", None)]]

    def test_to_an_occupant(self, scene, rooms):
        scene.phone.send(f"<message to='room@rooms.localhost/nick' type='chat'><body>psst</body>"
                         f"<x xmlns='{ROOM}'/></message>")
        assert seen(scene.desk, scene.phone) == [("sent", "psst")]

    def test_groupchat_of_a_room(self, scene, rooms):
        rooms.send(f"<message from='room@rooms.localhost/nick' to='{scene.phone.full}' type='groupchat'>"
                   "<body>hi all</body></message>")
        rooms.ping()
        assert scene.seen()[1:3] == [[("direct", "hi all")], []]


class TestErrors:
    """6.1: of errors those are copied that answer what was copied; 10.3"""

    @staticmethod
    def fence(scene):
        """What was sent to nobody was answered."""
        scene.phone.iq("get", "<query xmlns='urn:example:fence'/>", to="nobody@localhost")

    def test_answer_of_the_server(self, scene):
        scene.phone.send(message("nobody@localhost", "chat", "<body>hi</body>", id="e1"))
        self.fence(scene)
        assert scene.seen()[1:3] == [[("direct", "hi")], [("sent", "hi"), ("received", "hi")]]

    def test_answer_to_what_was_not_copied(self, scene):
        scene.phone.send(message("nobody@localhost", "chat", "<body>hi</body>" + PRIVATE, id="e1"))
        scene.phone.send(message("nobody@localhost", "normal", "<what xmlns='urn:test'/>", id="e2"))
        self.fence(scene)
        found = scene.seen()
        assert len(found[1]) == 2 and found[2] == []

    def test_answer_of_a_client(self, scene):
        scene.juliet.send(message(scene.phone.full, "chat", "<body>hi</body>", id="e1"))
        assert seen(scene.desk, *scene.all) == [("received", "hi")]
        scene.phone.send(message(scene.juliet.full, "error", "<error type='cancel'/>", id="e1"))
        assert scene.seen() == [[("direct", "error")], [("direct", "hi")], [("sent", "error")], []]

    def test_error_to_a_copy(self, scene):
        """It ends at the server, and is nobody's."""
        scene.juliet.message(scene.phone.full)
        assert seen(scene.desk, *scene.all) == [("received", "hi")]
        scene.desk.send(message(scene.desk.bare, "error", "<error type='cancel'/>"))
        assert scene.seen() == [[], [("direct", "hi")], [], []]


FORGED = (f"<{{kind}} xmlns='{CARBONS}'><forwarded xmlns='{FORWARD}'><message xmlns='{ns.CLIENT}' "
          "from='capulet@localhost/hall' to='{to}' type='chat'><body>meet me</body></message></forwarded></{kind}>")


class TestSecurity:
    """11"""

    @pytest.mark.parametrize("kind", ["sent", "received"])
    def test_forged(self, scene, kind):
        """It arrives as what it is: a message of somebody else, and is not copied."""
        forged = FORGED.format(kind=kind, to=scene.phone.full)
        scene.juliet.send(message(scene.phone.full, "chat", forged))
        scene.phone.expect(f"<message from='{scene.juliet.full}' type='chat'>{{more}}</message>")
        assert scene.seen() == [[], [], [], []]

    def test_forged_by_a_device(self, scene):
        forged = FORGED.format(kind="received", to=scene.desk.full)
        scene.phone.send(message(scene.desk.full, "chat", forged))
        scene.desk.expect(f"<message from='{scene.phone.full}' type='chat'>{{more}}</message>")
        assert scene.seen() == [[], [], [], []]


class TestAfterwards:
    def test_a_device_that_goes(self, cast, scene):
        scene.desk.close()
        scene.juliet.message(scene.phone.full)
        assert seen(scene.phone, scene.juliet) == [("direct", "hi")]

    def test_nothing_is_kept(self, server, scene):
        scene.juliet.message(scene.phone.full)
        scene.seen()
        with sqlite3.connect(server.database, timeout=20) as db:
            assert db.execute("SELECT COUNT(*) FROM spool WHERE username = ?",
                              (scene.phone.user,)).fetchone() == (0,)

    def test_many_devices(self, cast):
        juliet = cast.client("juliet").online()
        devices = [device(cast, f"romeo/{number}", number % 3) for number in range(9)]
        cast.settle()
        juliet.message(devices[0].bare, "bare")
        juliet.message(devices[0].full, "full")
        for number, each in enumerate(devices):
            direct = [("direct" if number % 3 == 2 else "received", "bare"),
                      ("direct" if number == 0 else "received", "full")]
            assert seen(each, juliet) == direct
        devices[4].message(juliet.bare, "back")
        for each in devices:
            assert seen(each, devices[4]) == ([] if each is devices[4] else [("sent", "back")])


def managed(cast, name, priority=None, attributes=""):
    user, _, resource = name.partition("/")
    client = cast.client(user, resource, kind=Managed).login()
    assert client.iq("set", ENABLE).get("type") == "result"
    client.presence(priority=priority)
    client.settle()
    client.manage(attributes=attributes)
    client.handled()            # its session is in storage now
    return client


def over(server, client, left):
    """The session that waits for its client ends; so many others are there."""
    wait.until(lambda: server.ask("num_resources", client.user, "localhost").strip() == str(left),
               "the session is over")
    assert client.resume().tag == f"{{{SM}}}failed"


class TestStreamManagement:
    """XEP-0198"""

    def test_resumed(self, cast):
        """It stays on, and copies wait for the client."""
        juliet = cast.client("juliet").online()
        phone, desk = managed(cast, "romeo/phone"), device(cast, "romeo/desk")
        cast.settle()
        phone.drop()
        juliet.message(desk.full, "while away")
        assert seen(desk, juliet) == [("direct", "while away")]
        assert phone.resume().tag == f"{{{SM}}}resumed"
        juliet.message(desk.full, "afterwards")
        assert seen(phone, juliet, desk) == [("received", "while away"), ("received", "afterwards")]

    @pytest.mark.parametrize("way", ["stop", "kill"])
    def test_restart(self, own_server, cast_for, way):
        server = own_server(SETTINGS).start()
        cast = cast_for(server)
        phone = managed(cast, "romeo/phone")
        phone.ping()
        getattr(server, way)()
        phone.drop()
        server.start()
        assert phone.resume().tag == f"{{{SM}}}resumed"
        desk = device(cast, "romeo/desk")
        desk.message("nobody@localhost", "hi")
        assert ("sent", "hi") in seen(phone, desk)

    @pytest.mark.parametrize("to", ["{phone.full}", "{phone.bare}"])
    def test_not_resumed(self, server, cast, to):
        """What the phone did not get is on the desk already, as a copy."""
        juliet = cast.client("juliet").online()
        phone, desk = managed(cast, "romeo/phone", 5, "max='1'"), device(cast, "romeo/desk", 1)
        cast.settle()
        phone.drop()
        juliet.message(to.format(phone=phone), "hi")
        assert seen(desk, juliet) == [("received", "hi")]
        over(server, phone, 1)
        assert seen(desk, juliet) == []
        phone.bind("phone")
        phone.presence(priority=5)
        assert seen(phone, juliet) == [] and seen(desk, juliet) == []

    def test_a_copy_that_nobody_took(self, server, cast):
        """It is for that session alone."""
        juliet = cast.client("juliet").online()
        phone, desk = managed(cast, "romeo/phone", 1, "max='1'"), device(cast, "romeo/desk", 5)
        tablet = device(cast, "romeo/tablet", 1, None)
        cast.settle()
        phone.drop()
        juliet.message(desk.full, "hi")
        over(server, phone, 2)
        assert seen(desk, juliet) == [("direct", "hi")] and seen(tablet, juliet) == []
        phone.bind("phone")
        phone.presence(priority=5)
        assert seen(phone, juliet) == []


@pytest.fixture
def routing(own_server, cast_for):
    server = own_server(ROUTING_SETTINGS)
    server.start()
    return cast_for(server)


ALL = f"<enable xmlns='{ROUTING}'/>"


class TestRouting:
    """XEP-0409"""

    @pytest.fixture
    def scene(self, routing):
        made = Scene(routing, tablet=3)
        for each in (made.phone, made.desk):
            assert each.iq("set", ALL).get("type") == "result"
        routing.settle()
        made.legacy = device(routing, "romeo/legacy", -5)
        made.all += (made.legacy,)
        routing.settle()
        return made

    def test_feature(self, routing):
        """3.1"""
        info = routing.client("romeo").login().iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to="localhost")
        assert ROUTING in {each.get("var") for each in info.iter(f"{{{ns.DISCO_INFO}}}feature")}

    def test_to_the_bare_jid(self, scene):
        """3.3: to all that asked, whatever their priority, and by the old rules to the others"""
        scene.juliet.message(scene.phone.bare, "hi")
        assert scene.seen() == [[], [("direct", "hi")], [("direct", "hi")], [("direct", "hi")], [("received", "hi")]]

    def test_to_a_full_jid(self, scene):
        """4: as if it were sent to the bare JID"""
        scene.juliet.message(scene.phone.full, "hi")
        assert scene.seen() == [[], [("direct", "hi")], [("direct", "hi")], [], [("received", "hi")]]
        scene.juliet.message(scene.phone.bare + "/gone", "hi", type="normal")
        assert scene.seen()[:3] == [[], [("direct", "hi")], [("direct", "hi")]]

    def test_to_one_resource(self, scene):
        only = f"<body>hi</body><im-ng xmlns='{ROUTING}'/>"
        scene.juliet.send(message(scene.phone.full, "chat", only + PRIVATE))
        assert scene.seen() == [[], [("direct", "hi")], [], [], []]
        scene.juliet.send(message(scene.phone.bare + "/gone", "chat", only + PRIVATE))
        scene.juliet.expect("<message type='error'>{more}<error type='cancel'>"
                            f"<service-unavailable xmlns='{ns.STANZA_ERRORS}'/></error></message>")
        assert scene.seen() == [[], [], [], [], []]

    def test_groupchat_and_headline(self, scene):
        """4: to a full JID they are for that resource alone."""
        for type in ("groupchat", "headline"):
            scene.juliet.send(message(scene.phone.full, type, "<body>full</body>"))
            assert scene.seen() == [[], [("direct", "full")], [], [], []]
        scene.juliet.send(message(scene.phone.bare, "groupchat", "<body>bare</body>"))
        assert scene.seen() == [[], [("direct", "bare")], [("direct", "bare")], [], []]
        scene.juliet.send(message(scene.phone.bare, "headline", "<body>bare</body>"))
        assert scene.seen() == [[], [("direct", "bare")], [("direct", "bare")], [("direct", "bare")], []]

    def test_errors(self, scene):
        """4: to a full JID they are for all, to the bare JID for nobody."""
        scene.juliet.send(message(scene.phone.full, "error", "<error type='cancel'/>"))
        assert scene.seen() == [[], [("direct", "error")], [("direct", "error")], [], []]
        scene.juliet.send(message(scene.phone.bare, "error", "<error type='cancel'/>"))
        assert scene.seen() == [[], [], [], [], []]

    def test_what_is_sent(self, scene):
        """3.3: it comes back to all that asked, the sender too."""
        scene.phone.message(scene.juliet.bare, "out")
        assert scene.seen() == [[("direct", "out")], [("direct", "out")], [("direct", "out")], [], [("sent", "out")]]
        scene.phone.message(scene.phone.bare, "self")
        assert scene.seen() == [[], [("direct", "self")], [("direct", "self")], [("direct", "self")],
                                [("sent", "self")]]

    def test_not_both(self, scene):
        """4: who asks for carbons again gets carbons alone."""
        assert scene.desk.iq("set", ENABLE).get("type") == "result"
        scene.juliet.message(scene.phone.full, "hi")
        assert scene.seen()[1:3] == [[("direct", "hi")], [("received", "hi")]]


# --- slixmpp ------------------------------------------------------------------------------------------------

def play(server, scene, *jids):
    bots = pytest.importorskip("harness.bots")
    authority = server.certificates[0].crt
    made = []

    def make(jid):
        bot = bots.Bot(jid, server, authority)
        for plugin in ("xep_0280", "xep_0184", "xep_0085", "xep_0333", "xep_0308", "xep_0334"):
            bot.register_plugin(plugin)
        bot["xep_0184"].auto_request = bot["xep_0184"].auto_ack = False
        made.append(bot)
        return bot
    bots.play(scene, *(lambda jid=jid: make(jid) for jid in jids))


class TestSlixmpp:
    @pytest.fixture
    def jids(self, cast):
        return [f"{cast.account(user)}@localhost/{resource}"
                for user, resource in (("romeo", "phone"), ("romeo", "desk"), ("juliet", "test"))]

    def test_carbons(self, server, jids):
        async def scene(phone, desk, juliet):
            for bot in (phone, desk, juliet):
                await bot.ready.wait()
            sent, received = asyncio.Queue(), asyncio.Queue()
            desk.add_event_handler("carbon_sent", sent.put_nowait)
            desk.add_event_handler("carbon_received", received.put_nowait)
            await desk["xep_0280"].enable()
            juliet.send_message(mto=jids[0], mbody="art thou", mtype="chat")
            assert (await received.get())["carbon_received"]["body"] == "art thou"
            phone.send_message(mto=jids[2], mbody="it is I", mtype="chat")
            copy = await sent.get()
            assert copy["carbon_sent"]["body"] == "it is I" and copy["from"] == jids[1].partition("/")[0]
            await desk["xep_0280"].disable()
        play(server, scene, *jids)

    @pytest.mark.parametrize("extra", [
        "<request xmlns='urn:xmpp:receipts'/>",
        "<received xmlns='urn:xmpp:receipts' id='m0'/>",
        "<markable xmlns='urn:xmpp:chat-markers:0'/>",
        "<displayed xmlns='urn:xmpp:chat-markers:0' id='m0'/>",
        "<replace xmlns='urn:xmpp:message-correct:0' id='m0'/>",
        "<reactions xmlns='urn:xmpp:reactions:0' id='m0'><reaction>\U0001F44B</reaction></reactions>",
        "<retract xmlns='urn:xmpp:message-retract:1' id='m0'/>"
        "<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:message-retract:1'/>",
    ])
    def test_passes_untouched(self, server, jids, extra):
        """XEP-0184, 0333, 0308, 0444, 0424: as they were sent, directly and in the copies."""
        text = f"<message to='{jids[0]}' type='chat' id='m1'><body>hi</body>{extra}</message>"
        wanted = [canonical(each) for each in ET.fromstring(f"<message xmlns='{ns.CLIENT}'>{extra}</message>")]

        async def scene(phone, desk, juliet):
            for bot in (phone, desk, juliet):
                await bot.ready.wait()
            received = asyncio.Queue()
            desk.add_event_handler("carbon_received", received.put_nowait)
            await desk["xep_0280"].enable()
            juliet.send_raw(text)
            direct = await phone.inbox.get()
            copy = (await received.get())["carbon_received"]
            for got in (direct, copy):
                found = [canonical(each) for each in got.xml]
                assert all(each in found for each in wanted), (wanted, found)
                assert len(found) == 1 + len(wanted) and got["id"] == "m1"
        play(server, scene, *jids)


def canonical(element):
    return ET.canonicalize(ET.tostring(element, encoding="unicode"))
