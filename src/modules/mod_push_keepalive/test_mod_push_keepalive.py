# SPDX-License-Identifier: Apache-2.0
"""mod_push_keepalive, and mod_push for sessions whose clients are away (XEP-0198)."""
import re

import pytest

from harness import ns, wait
from harness.bookkeeper import Bookkeeper
from harness.push import PushService, disable, enable, sent
from harness.settings import Settings

pytestmark = pytest.mark.only("stanzad")
COMPONENT = {"module": "ejabberd_service", "password": "secret", "check_from": False}
CARBONS = "urn:xmpp:carbons:2"


def settings(usual="1 hour", push=None, **keepalive):
    return Settings(listeners={"component": COMPONENT},
                    modules={"mod_push": push or {}, "mod_push_keepalive": keepalive,
                             "mod_stream_mgmt": {"resume_timeout": usual}})


SETTINGS = settings()


@pytest.fixture
def services():
    made = []
    yield made
    for each in made:
        each.drop()


def attach(server, services, domain="push.localhost"):
    services.append(PushService(server, domain))
    return services[-1].attach()


@pytest.fixture
def push(server, services):
    yield attach(server, services)
    wait.until(lambda: not server.process or services[-1].drop() or not server.ask_json("list_components"),
               "the domain is free")


@pytest.fixture
def romeo(cast):
    return cast.client("romeo").online()


def phone(cast, service="push.localhost", name="juliet"):
    """With stream management and a registration; its client is here."""
    client = cast.client(name, kind=Bookkeeper)
    client.login()
    client.presence()
    assert enable(client, service, "node").get("type") == "result"
    client.settle()
    return client


def leave(server, client):
    """The connection is cut, and the server knows."""
    line = f"event=mgmt.away session={client.full}"
    before = server.log.read_text().count(line)
    client.ping()
    client.drop()
    wait.until(lambda: server.log.read_text().count(line) > before, "the client is away")


class TestSessionsThatWait:
    @pytest.fixture
    def juliet(self, server, cast, push):
        client = phone(cast)
        leave(server, client)
        return client

    def test_message(self, romeo, juliet, push):
        romeo.message(juliet.full)
        told = push.take_one()
        assert told.user == juliet.bare and told.summary["message-count"] == "1"
        romeo.message(juliet.bare)
        assert push.take_one().summary["message-count"] == "2"

    def test_nothing_while_the_client_is_here(self, cast, romeo, push):
        juliet = phone(cast)
        romeo.message(juliet.full)
        romeo.message(juliet.bare)
        push.nothing_new(romeo)

    def test_count_begins_anew(self, server, romeo, juliet, push):
        for _ in range(2):
            romeo.message(juliet.full)
        push.until_messages(2)
        juliet.resume()
        leave(server, juliet)
        romeo.message(juliet.full)
        assert push.take_one().summary["message-count"] == "1"

    def test_request(self, romeo, juliet, push):
        romeo.send(f"<iq type='get' id='1' to='{juliet.full}'><ping xmlns='{ns.PING}'/></iq>")
        assert push.take_one().summary is None

    def test_not_told(self, cast, romeo, juliet, push):
        romeo.send(f"<message to='{juliet.full}' type='chat'>"
                   "<composing xmlns='http://jabber.org/protocol/chatstates'/></message>"
                   f"<message to='{juliet.full}'><received xmlns='urn:xmpp:receipts' id='1'/></message>"
                   f"<presence to='{juliet.full}'/>"
                   f"<message to='{juliet.full}'><sent xmlns='{CARBONS}'><forwarded xmlns='urn:xmpp:forward:0'>"
                   "<message xmlns='jabber:client'><body>x</body></message></forwarded></sent></message>")
        push.nothing_new(romeo)

    def test_own_session_only(self, server, cast, romeo, juliet, push):
        """What waits for one phone is not told to the other one's node."""
        other = cast.client("juliet", "other", kind=Bookkeeper)
        other.login()
        enable(other, "push.localhost", "other")
        leave(server, other)
        romeo.message(juliet.full)
        assert push.take_one().node == "node"
        romeo.send(f"<message to='{other.full}'><body>x</body></message>")
        assert push.take_one().node == "other"
        push.nothing_new(romeo)

    def test_burst(self, romeo, juliet, push):
        romeo.send(f"<message to='{juliet.full}'><body>x</body></message>" * 1000)
        romeo.ping()
        assert push.until_messages(1000) < 20

    def test_sender_does_not_wait(self, cast, juliet, push):
        """The message is acknowledged although the service has not answered."""
        sender = cast.client("sender", kind=Bookkeeper)
        sender.login()
        sender.message(juliet.full)
        push.notification()
        sender.all_acked()

    def test_disabled_elsewhere(self, cast, romeo, juliet, push):
        other = cast.client("juliet", "other").login()
        disable(other, "push.localhost", "node")
        romeo.message(juliet.full)
        push.nothing_new(romeo)

    def test_ended_without_coming_back(self, server, romeo, juliet, push):
        """Told when it came, and once more when it became an offline message."""
        romeo.message(juliet.full)
        assert push.take_one().summary["message-count"] == "1"
        server.ask("kick_session", juliet.user, juliet.host, "test", "bye")
        assert push.take_one().summary["message-count"] == "1"


@pytest.mark.parametrize("way", ["stop", "kill"])
def test_restart(own_server, cast_for, services, way):
    """The session that waits still knows its registration."""
    server = own_server(SETTINGS).start()
    cast, push = cast_for(server), attach(server, services)
    juliet = phone(cast)
    leave(server, juliet)
    cast.account("romeo")
    getattr(server, way)()
    push.drop()
    server.start()
    push, romeo = attach(server, services), cast.client("romeo").online()
    romeo.message(juliet.full, "hello")
    assert push.take_one().node == "node"
    juliet.resume()
    assert juliet.take(lambda each: each.tag.endswith("}message")).findtext(f"{{{ns.CLIENT}}}body") == "hello"


def ended(server, client):
    return lambda: re.search(f"event=mgmt.not_resumed session={re.escape(client.full)} ", server.log.read_text())


class TestKeepalive:
    def test_longer_than_others(self, own_server, cast_for, services):
        """Others have ended when it is still there."""
        server = own_server(settings("1 s", resume_timeout="1 hour")).start()
        cast = cast_for(server)
        attach(server, services)
        juliet, other = phone(cast), cast.client("other", kind=Bookkeeper)
        other.login()
        leave(server, juliet)
        leave(server, other)
        wait.until(ended(server, other), "a usual session has ended")
        juliet.resume()
        leave(server, juliet)
        juliet.resume()

    def test_no_longer_when_it_was_told(self, own_server, cast_for, services):
        server = own_server(settings("1 s", resume_timeout="1 hour")).start()
        cast, push = cast_for(server), attach(server, services)
        juliet, romeo = phone(cast), cast.client("romeo").online()
        leave(server, juliet)
        romeo.message(juliet.full)
        push.take_one()
        wait.until(ended(server, juliet), "the session has ended")

    def test_woken_before_the_end(self, own_server, cast_for, services):
        server = own_server(settings("1 s", resume_timeout="2 s")).start()
        cast, push = cast_for(server), attach(server, services)
        juliet = phone(cast)
        leave(server, juliet)
        assert push.take_one().summary is None
        wait.until(ended(server, juliet), "the session has ended")

    def test_not_woken(self, own_server, cast_for, services):
        server = own_server(settings("1 s", resume_timeout="2 s", wake_on_timeout=False)).start()
        cast, push = cast_for(server), attach(server, services)
        juliet = phone(cast)
        leave(server, juliet)
        wait.until(ended(server, juliet), "the session has ended")
        push.nothing_new()

    def test_wake_on_start(self, own_server, cast_for, services):
        """Everybody, even if there are more than are woken at once."""
        server = own_server(settings(wake_on_start=True)).start()
        cast, users = cast_for(server), 60
        for number in range(users):
            client = cast.client(f"user{number}").login()
            enable(client, "push.localhost", "node")
            client.close()
        server.restart()
        wait.until(lambda: f"event=push.woken host=localhost users={users}" in server.log.read_text(), "all are woken")
        wait.until(lambda: sent(server) == users, "their services were told")
