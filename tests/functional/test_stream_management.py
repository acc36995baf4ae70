# SPDX-License-Identifier: Apache-2.0
"""XEP-0198: acknowledgements, resumption, what becomes of what was not acknowledged."""
import pytest

from harness import ns, wait
from harness.settings import Settings
from harness.sm import SM, Managed
from harness.stream import show

SETTINGS = Settings(modules={"mod_stream_mgmt": {"resume_timeout": "60 s"}})
BODY = f"{{{ns.CLIENT}}}body"
MESSAGE = f"{{{ns.CLIENT}}}message"
DELAY = f"{{{ns.DELAY}}}delay"


def condition(element):
    return [child.tag.partition("}")[2] for child in element]


def bodies(stanzas):
    return [each.findtext(BODY) for each in stanzas if each.tag == MESSAGE]


@pytest.fixture
def romeo(cast):
    client = cast.client("romeo", kind=Managed).online()
    client.manage()
    return client


@pytest.fixture
def juliet(cast):
    client = cast.client("juliet", kind=Managed).online()
    client.manage()
    return client


def got(client, count):
    """The bodies of the next messages."""
    return [client.take(lambda each: each.tag == MESSAGE).findtext(BODY) for _ in range(count)]


def over(server, client):
    """The session that waits for its client ends."""
    wait.until(lambda: server.ask("num_resources", client.user, "localhost").strip() == "0", "the session is over")


class TestEnable:
    def test_feature(self, cast):
        client = cast.client("romeo").login()
        assert client.features.find(f"{{{SM}}}sm") is not None
        assert client.features.find("{urn:xmpp:sm:2}sm") is not None

    @pytest.mark.parametrize("resume, id", [("resume='true'", True), ("resume='1'", True), ("", False),
                                            ("resume='false'", False), ("resume='0'", False)])
    def test_enabled(self, cast, resume, id):
        client = cast.client("romeo", kind=Managed).login()
        reply = client.manage(resume=False, attributes=resume)
        assert (reply.get("resume") in ("true", "1")) == id == bool(reply.get("id"))

    @pytest.mark.parametrize("wanted, granted", [("5", "5"), ("60", "60"), ("100000", "60"), ("junk", "60")])
    def test_max(self, cast, wanted, granted):
        client = cast.client("romeo", kind=Managed).login()
        assert client.manage(attributes=f"max='{wanted}'").get("max") == granted

    def test_twice(self, romeo):
        romeo.send(f"<enable xmlns='{SM}'/>")
        assert condition(romeo.recv()) == ["unexpected-request"]

    def test_before_bind(self, cast):
        client = cast.client("romeo", kind=Managed).again()
        client.send(f"<enable xmlns='{SM}'/>")
        reply = client.recv()
        assert reply.tag == f"{{{SM}}}failed" and condition(reply) == ["unexpected-request"]
        assert client.bind("test").get("type") == "result"

    def test_without(self, cast):
        client = cast.client("romeo", kind=Managed).login()
        for element in "<a xmlns='%s' h='0'/>", "<r xmlns='%s'/>":
            client.send(element % SM)
            assert condition(client.recv()) == ["unexpected-request"]

    def test_old_namespace(self, cast):
        client = cast.client("romeo").login()
        client.send("<enable xmlns='urn:xmpp:sm:2'/>")
        assert client.recv().tag == "{urn:xmpp:sm:2}enabled"
        client.send("<r xmlns='urn:xmpp:sm:2'/>")
        assert client.recv().tag == "{urn:xmpp:sm:2}a"


class TestAcks:
    def test_counts(self, romeo):
        assert romeo.handled() == 0
        romeo.ping()
        romeo.presence()
        romeo.message(romeo.full)
        assert romeo.handled() == romeo.sent == 3

    def test_answers_are_counted(self, romeo):
        """Errors that the stream itself makes are stanzas, too."""
        romeo.send("<message to='@@'/>")
        romeo.send("<iq type='get' id='1'/>")
        romeo.ping()
        romeo.acknowledge()
        romeo.ping()
        assert romeo.received == 4

    def test_it_asks(self, cast, romeo):
        cast.client("juliet").online().message(romeo.full)
        got(romeo, 1)
        wait.until(lambda: romeo.ping() or romeo.requests, "<r/>")

    @pytest.mark.parametrize("h", ["", "h=''", "h='x'", "h='-1'", "h='4294967296'"])
    def test_bad_h(self, romeo, h):
        romeo.send(f"<a xmlns='{SM}' {h}/>")
        assert condition(romeo.recv()) == ["bad-request"]

    def test_too_high(self, romeo):
        romeo.acknowledge(99)
        error = romeo.stream_error("undefined-condition")
        detail = error.find(f"{{{SM}}}handled-count-too-high")
        assert detail.get("h") == "99" and detail.get("send-count") == "0", show(error)

    def test_rolled_back(self, romeo):
        romeo.ping()
        romeo.ping()
        romeo.acknowledge(2)
        romeo.acknowledge(1)
        romeo.ping()

    def test_held_until_safe(self, cast, romeo):
        """A message is acknowledged when the recipient has acknowledged it or it is in storage."""
        juliet = cast.client("juliet", kind=Managed).online()
        juliet.manage()
        juliet.acknowledges = False
        romeo.message(juliet.full, "one")
        assert romeo.handled() == 1
        assert got(juliet, 1) == ["one"]

    def test_offline(self, cast, romeo):
        romeo.message(f"{cast.account('juliet')}@localhost", "one")
        assert romeo.handled() == 1


class TestResume:
    def test_nothing_missed(self, romeo, juliet):
        romeo.drop()
        for number in range(3):
            juliet.message(romeo.full, number)
        assert juliet.handled() == 3
        assert romeo.resume().get("previd") == romeo.id
        assert got(romeo, 3) == ["0", "1", "2"]
        romeo.message(juliet.full, "thanks")
        assert got(juliet, 1) == ["thanks"]

    def test_only_what_was_not_acknowledged(self, romeo, juliet):
        romeo.acknowledges = False
        juliet.message(romeo.full, "seen")
        juliet.message(romeo.full, "lost")
        assert got(romeo, 2) == ["seen", "lost"]
        romeo.drop()
        romeo.resume(h=romeo.received - 1)
        romeo.received -= 1
        again = romeo.take(lambda each: each.tag == MESSAGE)
        assert again.findtext(BODY) == "lost" and again.find(DELAY) is not None
        romeo.nothing(juliet)

    def test_contacts_see_nothing(self, cast):
        cast.friends("romeo", "juliet")
        romeo = cast.client("romeo", kind=Managed).online()
        juliet = cast.client("juliet").online()
        cast.settle()
        romeo.manage()
        romeo.drop()
        juliet.nothing()
        romeo.resume()
        juliet.nothing(romeo)

    def test_presence_is_folded(self, cast):
        cast.friends("romeo", "juliet")
        romeo = cast.client("romeo", kind=Managed).online()
        juliet = cast.client("juliet").online()
        cast.settle()
        romeo.manage()
        romeo.drop()
        for number in range(5):
            juliet.presence(children=f"<status>{number}</status>")
        juliet.ping()
        romeo.resume()
        seen = [each.findtext(f"{{{ns.CLIENT}}}status") for each in romeo.settle(juliet)
                if each.tag == f"{{{ns.CLIENT}}}presence"]
        assert seen == ["4"]

    def test_while_connected(self, romeo, cast):
        """The old stream ends with conflict."""
        other = cast.client("romeo", kind=Managed)
        other.full, other.id, other.received = romeo.full, romeo.id, romeo.received
        assert other.resume().tag == f"{{{SM}}}resumed"
        romeo.managed = False
        romeo.stream_error("conflict")
        other.ping()

    def test_client_resends(self, romeo, juliet):
        """h says what arrived: the rest is sent again and arrives once."""
        romeo.message(juliet.full, "one")
        romeo.drop()
        assert got(juliet, 1) == ["one"]
        reply = romeo.resume()
        assert reply.get("h") == "1"
        romeo.message(juliet.full, "two")
        assert got(juliet, 1) == ["two"]

    @pytest.mark.parametrize("attributes, name", [
        ("h='0' previd='nonsense'", "item-not-found"), ("h='0'", "bad-request"), ("previd='x'", "bad-request"),
        ("h='x' previd='x'", "bad-request"), ("h='0' previd=''", "bad-request")])
    def test_refused(self, cast, attributes, name):
        client = cast.client("romeo", kind=Managed).again()
        client.send(f"<resume xmlns='{SM}' {attributes}/>")
        reply = client.recv()
        assert reply.tag == f"{{{SM}}}failed" and condition(reply) == [name]
        assert client.bind("test").get("type") == "result"

    def test_somebody_else(self, cast, romeo):
        thief = cast.client("thief", kind=Managed)
        reply = thief.resume(h=0, id=romeo.id)
        assert reply.tag == f"{{{SM}}}failed" and condition(reply) == ["item-not-found"]
        romeo.ping()

    def test_too_high(self, romeo):
        romeo.drop()
        romeo.again()
        romeo.send(f"<resume xmlns='{SM}' h='77' previd='{romeo.id}'/>")
        romeo.stream_error("undefined-condition")

    def test_within_a_session(self, romeo):
        romeo.send(f"<resume xmlns='{SM}' h='0' previd='{romeo.id}'/>")
        assert condition(romeo.recv()) == ["unexpected-request"]

    def test_not_resumable(self, cast):
        client = cast.client("romeo", kind=Managed).online()
        client.manage(resume=False)
        client.drop()
        reply = client.resume(id="x")
        assert reply.tag == f"{{{SM}}}failed"

    def test_a_thousand_times(self, romeo, juliet):
        for number in range(30):
            romeo.drop()
            juliet.message(romeo.full, number)
            assert romeo.resume().tag == f"{{{SM}}}resumed"
            assert got(romeo, 1) == [str(number)]


class TestTheEnd:
    def test_closed_in_order(self, cast, romeo, juliet):
        """What was not acknowledged is an offline message, stamped."""
        romeo.acknowledges = False
        juliet.message(romeo.bare, "late")
        got(romeo, 1)
        romeo.close()
        again = cast.client("romeo").login()
        again.presence()
        message = again.take(lambda each: each.tag == MESSAGE)
        assert message.findtext(BODY) == "late" and len(message.findall(DELAY)) == 1
        assert not bodies(again.settle(juliet))

    def test_acknowledged_is_not_repeated(self, cast, romeo, juliet):
        juliet.message(romeo.bare, "once")
        got(romeo, 1)
        romeo.acknowledge()
        romeo.close()
        again = cast.client("romeo").online()
        again.nothing(juliet)

    def test_killed_session(self, server, cast, romeo, juliet):
        romeo.drop()
        juliet.message(romeo.bare, "kept")
        assert juliet.handled() == 1
        server.ask("kick_session", romeo.user, "localhost", romeo.full.partition("/")[2], "bye")
        assert romeo.resume().tag == f"{{{SM}}}failed"
        romeo.bind("test")
        romeo.presence()
        assert got(romeo, 1) == ["kept"]

    def test_timeout(self, server, cast):
        romeo = cast.client("romeo", kind=Managed).online()
        juliet = cast.client("juliet", kind=Managed).online()
        juliet.manage()
        romeo.manage(attributes="max='1'")
        romeo.drop()
        juliet.message(romeo.full, "kept")
        over(server, romeo)
        assert romeo.resume().tag == f"{{{SM}}}failed"
        romeo.bind("test")
        romeo.presence()
        assert got(romeo, 1) == ["kept"]

    def test_h_of_the_past(self, server, cast):
        romeo = cast.client("romeo", kind=Managed).online()
        romeo.manage(attributes="max='1'")
        romeo.ping()
        romeo.drop()
        over(server, romeo)
        assert romeo.resume().get("h") == "1"


class TestRestart:
    @pytest.fixture(params=["kill", "stop"])
    def server(self, request, own_server):
        server = own_server(SETTINGS).start()
        server.way = getattr(server, request.param) if request.param == "stop" else server.kill
        return server

    def test_queue_and_counters(self, server, cast_for):
        cast = cast_for(server)
        romeo = cast.client("romeo", kind=Managed).online()
        juliet = cast.client("juliet", kind=Managed).online()
        romeo.manage()
        juliet.manage()
        juliet.ping()
        romeo.acknowledges = False
        juliet.message(romeo.full, "one")
        juliet.message(romeo.full, "two")
        assert juliet.handled() == 3
        assert got(romeo, 1) == ["one"]
        server.way()
        for client in romeo, juliet:
            client.drop()
        server.start()
        assert juliet.resume().get("h") == "3"
        juliet.message(romeo.full, "three")
        assert juliet.handled() == 4
        romeo.acknowledges = True
        assert romeo.resume(h=1).get("h") == "0"
        assert got(romeo, 2) == ["two", "three"]
        assert not bodies(romeo.settle(juliet))

    def test_what_nobody_waits_for(self, own_server, cast_for):
        """An orderly stop keeps what came from clients without acknowledgements, too."""
        server = own_server(SETTINGS).start()
        cast = cast_for(server)
        romeo = cast.client("romeo", kind=Managed).online()
        juliet = cast.client("juliet", kind=Managed).online()
        plain = cast.client("plain").online()
        for client in romeo, juliet:
            client.manage()
        romeo.acknowledges = False
        plain.message(romeo.full, "zero")
        assert got(romeo, 1) == ["zero"]
        juliet.message(romeo.full, "one")
        assert juliet.handled() == 1 and got(romeo, 1) == ["one"]
        plain.message(romeo.full, "two")
        assert got(romeo, 1) == ["two"]
        server.stop()
        for client in romeo, juliet, plain:
            client.drop()
        server.start()
        romeo.acknowledges = True
        assert romeo.resume(h=0).tag == f"{{{SM}}}resumed"
        assert got(romeo, 3) == ["zero", "one", "two"]

    def test_not_resumed(self, server, cast_for):
        """What was acknowledged to the sender is there for the next session."""
        cast = cast_for(server)
        romeo = cast.client("romeo", kind=Managed).online()
        juliet = cast.client("juliet", kind=Managed).online()
        romeo.manage(resume=False)
        juliet.manage()
        romeo.acknowledges = False
        juliet.message(romeo.bare, "one")
        assert juliet.handled() == 1
        server.way()
        for client in romeo, juliet:
            client.drop()
        server.start()
        again = cast.client("romeo").login()
        again.presence()
        assert got(again, 1) == ["one"]

    def test_presence_is_back(self, server, cast_for):
        cast = cast_for(server)
        cast.friends("romeo", "juliet")
        romeo = cast.client("romeo", kind=Managed).online()
        juliet = cast.client("juliet", kind=Managed).online()
        for client in romeo, juliet:
            client.manage()
            client.handled()
        server.way()
        for client in romeo, juliet:
            client.drop()
        server.start()
        for client in romeo, juliet:
            assert client.resume().tag == f"{{{SM}}}resumed"
        cast.settle()
        juliet.presence(children="<status>back</status>")
        assert romeo.take(lambda each: each.findtext(f"{{{ns.CLIENT}}}status") == "back") is not None
