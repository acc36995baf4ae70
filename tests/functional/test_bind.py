# SPDX-License-Identifier: Apache-2.0
"""RFC 6120 7: resource binding."""
import pytest

from harness import match, ns
from harness.settings import Settings
from harness.stream import show

SETTINGS = Settings(max_user_sessions=3)


def authenticated(cast, name="romeo", **options):
    client = cast.client(name, **options).connect().open()
    client.authenticate()
    return client.open()


def condition(reply):
    assert reply.get("type") == "error", show(reply)
    return {child.tag.partition("}")[2] for child in reply.find(f"{{{ns.CLIENT}}}error")}


class TestResource:
    def test_made_by_the_server(self, cast):
        one, two = authenticated(cast), authenticated(cast)
        one.bind()
        two.bind()
        assert one.full.startswith(one.bare + "/") and len(one.full) > len(one.bare) + 1
        assert one.full != two.full

    def test_empty_element_means_any(self, cast):
        romeo = authenticated(cast)
        reply = romeo.iq("set", f"<bind xmlns='{ns.BIND}'><resource/></bind>")
        assert reply.get("type") == "result" and len(
            reply.find(f".//{{{ns.BIND}}}jid").text.partition("/")[2]) > 0

    @pytest.mark.parametrize("name", ["orchard", "Two Words", "a/b@c", "ünïcödé ☃", "x" * 1023,
                                      "<&'\">"], ids=range(6))
    def test_chosen(self, cast, name):
        romeo = authenticated(cast)
        assert romeo.bind(name).get("type") == "result"
        assert romeo.full.startswith(romeo.bare + "/")
        romeo.message(match.escape(romeo.full))
        romeo.expect("<message type='chat'>{more}</message>")

    def test_chosen_is_given(self, cast):
        """The server may choose another, but a simple free name has no reason to be refused."""
        romeo = authenticated(cast)
        romeo.bind("orchard")
        assert romeo.full == romeo.bare + "/orchard"

    @pytest.mark.parametrize("name", ["x" * 1024, "a\u200eb", "a&#9;b", "a&#10;b"],
                             ids=["long", "direction mark", "tab", "newline"])
    def test_impossible(self, cast, name):
        romeo = authenticated(cast)
        romeo.send(f"<iq type='set' id='b'><bind xmlns='{ns.BIND}'><resource>{name}</resource>"
                   "</bind></iq>")
        reply = romeo.recv()
        assert "bad-request" in condition(reply) or "jid-malformed" in condition(reply)

    def test_after_a_refusal(self, cast):
        romeo = authenticated(cast)
        romeo.bind("x" * 2000)
        assert romeo.bind("good").get("type") == "result"


class TestRequest:
    def test_get(self, cast):
        """Only a set binds; anything else gets a stanza error or ends the stream."""
        romeo = authenticated(cast)
        romeo.send(f"<iq type='get' id='b'><bind xmlns='{ns.BIND}'/></iq>")
        reply = romeo.recv()
        if reply.tag == f"{{{ns.STREAM}}}error":
            assert reply.find(f"{{{ns.STREAM_ERRORS}}}not-authorized") is not None, show(reply)
        else:
            assert condition(reply) & {"bad-request", "not-allowed", "not-authorized"}

    def test_second_on_the_same_stream(self, cast):
        romeo = authenticated(cast)
        romeo.bind("one")
        reply = romeo.bind("two")
        assert condition(reply) & {"not-allowed", "bad-request", "service-unavailable",
                                   "feature-not-implemented"}
        romeo.message(romeo.full)
        romeo.expect("<message from='{me}'>{more}</message>", me=romeo.full)

    def test_without_authentication(self, cast):
        romeo = cast.client("romeo").connect().open()
        romeo.send(f"<iq type='set' id='b'><bind xmlns='{ns.BIND}'/></iq>")
        romeo.stream_error("not-authorized")


class TestSessionLimit:
    """max_user_sessions: one more ends the oldest, as in ejabberd, or is refused."""

    def test_one_too_many(self, cast):
        clients = [authenticated(cast) for _ in range(4)]
        for client in clients[:3]:
            assert client.bind().get("type") == "result"
        reply = clients[3].bind()
        if reply.get("type") == "error":
            assert "resource-constraint" in condition(reply)
        else:
            clients[0].stream_error("policy-violation|conflict|resource-constraint")
            clients[1].ping()


class TestConflict:
    """RFC 6120 7.7.2.2: which of two with the same resource stays."""

    def pair(self, cast):
        first, second = authenticated(cast), authenticated(cast)
        first.bind("same")
        return first, second, second.bind("same")

    def test_close_the_old(self, cast):
        first, second, reply = self.pair(cast)
        assert reply.get("type") == "result" and second.full.endswith("/same")
        first.stream_error("conflict")
        second.ping()

    def test_messages_go_to_the_new(self, cast):
        first, second, _ = self.pair(cast)
        first.stream_error("conflict")
        juliet = cast.client("juliet").login()
        juliet.message(second.full)
        second.expect("<message>{more}</message>")

    def test_presence_is_withdrawn_first(self, cast):
        """Contacts see the old session go before the new one comes."""
        cast.friends("romeo", "juliet")
        juliet, romeo = cast.online("juliet", "romeo/same")
        cast.settle()
        other = cast.client("romeo", "same").login()
        other.presence()
        juliet.expect("<presence type='unavailable' from='{r}'>{more}</presence>",
                      "<presence type='{none}' from='{r}'>{more}</presence>", r=romeo.full)

    def test_refuse_the_new(self, own_server, cast_for):
        cast = cast_for(own_server(resource_conflict="closenew").start())
        first, second = authenticated(cast), authenticated(cast)
        first.bind("same")
        second.send(f"<iq type='set' id='b'><bind xmlns='{ns.BIND}'><resource>same</resource>"
                    "</bind></iq>")
        reply = second.recv()
        if reply.tag == f"{{{ns.STREAM}}}error":
            assert reply.find(f"{{{ns.STREAM_ERRORS}}}conflict") is not None
        else:
            assert "conflict" in condition(reply)
        first.ping()

    def test_another_name(self, own_server, cast_for):
        cast = cast_for(own_server(resource_conflict="setresource").start())
        first, second, reply = self.pair(cast)
        assert reply.get("type") == "result" and second.full != first.full
        first.ping()
        second.ping()


class TestGone:
    def test_resource_is_free_after_a_cut(self, cast):
        for _ in range(5):
            romeo = authenticated(cast)
            assert romeo.bind("same").get("type") == "result"
            assert romeo.full.endswith("/same")
            romeo.drop()

    def test_cut_is_noticed(self, cast):
        cast.friends("romeo", "juliet")
        juliet, romeo = cast.online("juliet", "romeo")
        cast.settle()
        romeo.drop()
        juliet.expect("<presence type='unavailable' from='{r}'>{more}</presence>", r=romeo.full)
