# SPDX-License-Identifier: Apache-2.0
"""XEP-0160 and XEP-0203: messages for those who are away, and when they were sent."""
import datetime

import pytest

from harness import ns
from harness.settings import Settings

SETTINGS = Settings(max_offline=10)
BODY = f"{{{ns.CLIENT}}}body"
DELAY = f"{{{ns.DELAY}}}delay"


def messages(client, *senders):
    return [each for each in client.settle(*senders) if each.tag == f"{{{ns.CLIENT}}}message"]


@pytest.fixture
def romeo(cast):
    return cast.client("romeo").online()


@pytest.fixture
def juliet(cast):
    """Not connected yet."""
    return cast.client("juliet")


def come_online(client, priority=None):
    client.login()
    client.presence(priority=priority)
    return messages(client)


class TestDelivery:
    def test_at_initial_presence(self, romeo, juliet):
        romeo.message(juliet.bare, "hello")
        romeo.nothing()
        got = come_online(juliet)
        assert [each.findtext(BODY) for each in got] == ["hello"]
        assert got[0].get("from") == romeo.full and got[0].get("type") == "chat"

    def test_not_before_presence(self, cast, romeo, juliet):
        romeo.message(juliet.bare)
        romeo.ping()
        juliet.login()
        cast.nothing(juliet)

    def test_not_at_negative_priority(self, romeo, juliet):
        romeo.message(juliet.bare)
        romeo.ping()
        assert come_online(juliet, -1) == []
        juliet.presence(priority=1)
        assert len(messages(juliet)) == 1

    def test_order(self, romeo, juliet):
        for number in range(8):
            romeo.message(juliet.bare, number)
        romeo.ping()
        assert [each.findtext(BODY) for each in come_online(juliet)] == [str(n) for n in range(8)]

    def test_once(self, cast, romeo, juliet):
        romeo.message(juliet.bare)
        romeo.ping()
        assert len(come_online(juliet)) == 1
        juliet.close()
        assert come_online(cast.client("juliet", "again")) == []

    def test_after_unavailable(self, romeo, juliet):
        juliet.online()
        juliet.presence("type='unavailable'")
        juliet.settle()
        romeo.message(juliet.bare)
        romeo.ping()
        assert messages(juliet, romeo) == []
        juliet.presence()
        assert len(messages(juliet)) == 1

    def test_payload_is_kept(self, romeo, juliet):
        romeo.send(f"<message to='{juliet.bare}' type='chat' id='m7' xml:lang='fr'><subject>s</subject>"
                   "<body>é&lt;☃</body><thread>t</thread><x xmlns='urn:x'><y a='1'/></x></message>")
        romeo.ping()
        juliet.login()
        juliet.presence()
        juliet.take(lambda each: each.tag == f"{{{ns.CLIENT}}}presence")
        juliet.expect("<message id='m7' xml:lang='fr' from='{r}'>{more}<subject>s</subject>"
                      "<body>é&lt;☃</body><thread>t</thread><x xmlns='urn:x'><y a='1'/></x>"
                      "</message>", r=romeo.full)


class TestDelay:
    def test_stamp(self, romeo, juliet):
        before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=2)
        romeo.message(juliet.bare)
        romeo.ping()
        delay = come_online(juliet)[0].find(DELAY)
        assert delay.get("stamp").endswith("Z")
        stamp = datetime.datetime.fromisoformat(delay.get("stamp").replace("Z", "+00:00"))
        assert before <= stamp <= before + datetime.timedelta(minutes=2)

    def test_from(self, romeo, juliet):
        romeo.message(juliet.bare)
        romeo.ping()
        assert come_online(juliet)[0].find(DELAY).get("from") in (None, "localhost", juliet.bare)

    def test_no_stamp_on_what_was_not_delayed(self, romeo, juliet):
        juliet.online()
        romeo.message(juliet.full)
        assert juliet.recv().find(DELAY) is None

    def test_forged_stamp_is_taken_out(self, romeo, juliet):
        """XEP-0203 4: a server strips a delay that claims to come from itself."""
        juliet.online()
        romeo.send(f"<message to='{juliet.full}' type='chat'><body>x</body><delay xmlns='{ns.DELAY}' "
                   "from='localhost' stamp='2002-09-10T23:08:25Z'/></message>")
        assert juliet.recv().find(DELAY) is None


class TestWhatIsKept:
    """XEP-0160 3, rule by rule."""

    @pytest.mark.parametrize("type, kept", [
        ("chat", True), ("normal", True), ("", True), ("headline", False), ("groupchat", False),
        ("error", False)])
    def test_types(self, romeo, juliet, type, kept):
        attribute = f"type='{type}'" if type else ""
        romeo.send(f"<message to='{juliet.bare}' {attribute}><body>x</body></message>")
        romeo.settle()
        assert len(come_online(juliet)) == int(kept)

    def test_chat_state_alone_is_not_kept(self, romeo, juliet):
        romeo.send(f"<message to='{juliet.bare}' type='chat'>"
                   "<composing xmlns='http://jabber.org/protocol/chatstates'/></message>")
        romeo.settle()
        assert come_online(juliet) == []

    def test_full_queue(self, romeo, juliet):
        """The eleventh of ten is refused, and the ten are still there."""
        for number in range(11):
            romeo.message(juliet.bare, number, extra=f"id='n{number}'")
        errors = romeo.settle(via=juliet.bare)
        assert [each.get("id") for each in errors] == ["n10"]
        assert errors[0].get("type") == "error"
        assert errors[0].find(f".//{{{ns.STANZA_ERRORS}}}service-unavailable") is not None or \
            errors[0].find(f".//{{{ns.STANZA_ERRORS}}}resource-constraint") is not None
        assert len(come_online(juliet)) == 10

    def test_feature_is_announced(self, romeo):
        reply = romeo.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to="localhost")
        assert "msgoffline" in {each.get("var") for each in reply.iter(f"{{{ns.DISCO_INFO}}}feature")}
