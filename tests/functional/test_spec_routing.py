# SPDX-License-Identifier: Apache-2.0
"""RFC 6120 8 and 10, RFC 6121 8: corners of where stanzas go and how they arrive."""
import xml.etree.ElementTree as ET

import pytest

from harness import ns
from harness.stream import show

DELAY = f"{{{ns.DELAY}}}delay"
FORGED = f"<delay xmlns='{ns.DELAY}' from='localhost' stamp='2002-09-10T23:08:25Z'/>"


def condition(reply):
    assert reply.get("type") == "error", show(reply)
    return {child.tag.partition("}")[2] for child in reply.find(f"{{{ns.CLIENT}}}error")}


@pytest.fixture
def romeo(cast):
    return cast.client("romeo").login()


@pytest.fixture
def juliet(cast):
    return cast.client("juliet").login()


class TestDelay:
    """XEP-0203 5: only the server says that something waited on the server."""

    def test_forged_in_a_message(self, romeo, juliet):
        romeo.send(f"<message to='{juliet.full}' type='chat' id='i' xml:lang='cs'>a<x xmlns='urn:x'/>"
                   f"{FORGED}<body>&lt;b&gt;</body></message>")
        got = juliet.expect("<message type='chat' id='i' xml:lang='cs' from='{r}'>{more}"
                            "<body>&lt;b&gt;</body></message>", r=romeo.full)
        assert got.find(DELAY) is None and got.text == "a" and got.find("{urn:x}x") is not None

    def test_forged_in_presence(self, cast, romeo):
        tybalt = cast.online("tybalt")
        romeo.presence(f"to='{tybalt.full}'", FORGED + "<show>away</show>")
        tybalt.expect("<presence from='{r}'><show>away</show></presence>", r=romeo.full)

    def test_of_somebody_else_stays(self, romeo, juliet):
        """A gateway or a room may say so."""
        romeo.send(f"<message to='{juliet.full}'>{FORGED.replace('localhost', 'room.example')}</message>")
        assert juliet.recv().find(DELAY).get("from") == "room.example"

    def test_kept_message_has_one(self, cast, romeo):
        cast.account("benvolio")
        benvolio = cast.client("benvolio")
        romeo.send(f"<message to='{benvolio.bare}' type='chat'><body>x</body>{FORGED}</message>")
        romeo.ping()
        benvolio.login().presence()
        got = benvolio.take(lambda each: each.tag == f"{{{ns.CLIENT}}}message")
        stamps = got.findall(DELAY)
        assert len(stamps) == 1 and stamps[0].get("stamp") > "2020"
        assert stamps[0].get("from") == "localhost" and not stamps[0].text


class TestContent:
    """What is inside a stanza is its sender's."""

    @pytest.mark.parametrize("payload", [
        "<a:x xmlns:a='urn:1'><a:x xmlns:a='urn:2'/><a:y/></a:x>",
        "<x xmlns='urn:1' xmlns:a='urn:2' a:b='c' b='d'><x xmlns=''><y/></x></x>",
        "<x xmlns='urn:1'><body xmlns='jabber:client'>1</body></x>",
        "<x xmlns='urn:1'>a<![CDATA[<b>&amp;]]>c<![CDATA[]]></x>",
        "<x xmlns='urn:&lt;&amp;&apos;' a='&#9;&#10;&quot;&gt;'/>",
        "<x xmlns='urn:1' xml:lang='de' xml:space='preserve'> <y/> </x>",
        "<message xmlns='jabber:client' to='x'><body>1</body></message>",
        "<x xmlns='jabber:server'><iq/></x>",
        "<stream:x/>",
    ], ids=range(9))
    def test_arrives(self, romeo, juliet, payload):
        romeo.send(f"<message to='{juliet.full}' type='chat'>{payload}</message>")
        got = juliet.recv()[0]
        context = ET.fromstring(f"<a xmlns='jabber:client' xmlns:stream='{ns.STREAM}'>{payload}</a>")
        assert ET.canonicalize(ET.tostring(got), rewrite_prefixes=True) == ET.canonicalize(
            ET.tostring(context[0]), rewrite_prefixes=True)

    def test_attributes_of_the_stanza(self, romeo, juliet):
        romeo.send(f"<message to='{juliet.full}' xmlns:p='urn:p' p:from='a' p:id='b' other='&lt;&apos;' "
                   "id='&amp;'/>")
        got = juliet.recv()
        assert dict(got.attrib) == {"from": romeo.full, "to": juliet.full, "{urn:p}from": "a",
                                    "{urn:p}id": "b", "other": "<'", "id": "&"}

    @pytest.mark.parametrize("text", [
        "<c:message xmlns:c='jabber:client' to='{j}'><c:body>x</c:body></c:message>",
        "<message xmlns='jabber:client' to='{j}'><body>x</body></message>",
        "<message to = \"{j}\" ><body >x</body ></message >",
    ])
    def test_spelling_of_the_stanza(self, romeo, juliet, text):
        romeo.send(text.format(j=juliet.full))
        juliet.expect("<message from='{r}'><body>x</body></message>", r=romeo.full)


class TestErrors:
    """RFC 6120 8.3: from the address that was meant, with the same id and what was sent."""

    @pytest.mark.parametrize("to", ["localhost", "localhost/x", "nobody@localhost", "nobody@localhost/x",
                                    "there.example", "u@there.example/x"])
    def test_to_a_request(self, romeo, to):
        reply = romeo.iq("set", "<a xmlns='urn:a' b='c'><d>e</d></a>", to=to)
        assert reply.get("from") == to and reply.get("to") == romeo.full
        wanted = "remote-server-not-found" if "example" in to else "service-unavailable"
        assert wanted in condition(reply)
        assert reply[0].tag == "{urn:a}a" and reply[0].findtext("{urn:a}d") == "e"

    def test_of_the_own_account(self, romeo):
        reply = romeo.iq("get", "<a xmlns='urn:a'/>")
        assert reply.get("from") in (None, romeo.bare) and "service-unavailable" in condition(reply)

    @pytest.mark.parametrize("stanza", ["message", "presence"])
    def test_to_another_domain(self, romeo, stanza):
        romeo.send(f"<{stanza} to='u@there.example' id='1'/>")
        reply = romeo.recv()
        assert reply.get("id") == "1" and reply.get("from") == "u@there.example"
        assert "remote-server-not-found" in condition(reply)

    @pytest.mark.parametrize("text", [
        "<message to='u@there.example' type='error'><error type='cancel'/></message>",
        "<presence to='u@there.example' type='error'><error type='cancel'/></presence>",
        "<iq to='u@there.example' type='error' id='1'><error type='cancel'/></iq>",
        "<iq to='u@there.example' type='result' id='1'/>",
        "<message to='@' type='error'/>", "<iq to='@' type='result' id='2'/>",
        "<presence type='error'/>",
    ])
    def test_never_about_an_error(self, cast, romeo, text):
        romeo.send(text)
        cast.nothing(romeo)


class TestServer:
    """RFC 6120 10.5.2, 10.5.3: the server's own address."""

    @pytest.mark.parametrize("text", [
        "<presence to='localhost'/>", "<presence to='localhost' type='unavailable'/>",
        "<presence to='localhost/x' type='probe'/>", "<message to='localhost' type='error'/>",
        "<iq to='localhost' type='result' id='1'/>", "<iq to='localhost' type='error' id='1'/>",
    ])
    def test_ignores(self, cast, romeo, text):
        romeo.send(text)
        cast.nothing(romeo)

    def test_answers_at_any_resource(self, romeo):
        reply = romeo.iq("get", f"<ping xmlns='{ns.PING}'/>", to="localhost/anything")
        assert reply.get("type") == "result" and reply.get("from") == "localhost/anything"

    def test_gives_no_presence(self, cast, romeo):
        """Who asks is refused and does not wait for ever."""
        romeo.iq("get", f"<query xmlns='{ns.ROSTER}'/>")
        romeo.presence()
        romeo.settle()
        romeo.presence("to='localhost' type='subscribe'")
        got = [each for each in romeo.settle() if each.get("from") == "localhost"]
        assert [each.get("type") for each in got] == ["unsubscribed"], [show(each) for each in got]
        items = romeo.iq("get", f"<query xmlns='{ns.ROSTER}'/>")[0]
        assert [(each.get("subscription"), each.get("ask")) for each in items] == [("none", None)]


class TestSubscriptionErrors:
    def test_request_that_cannot_be_sent(self, cast, romeo):
        """Who asks learns that there is nobody to ask."""
        romeo.presence()
        romeo.settle()
        romeo.presence("to='u@there.example' type='subscribe'", "<status>hi</status>")
        romeo.expect("<presence type='error' from='u@there.example' to='{me.bare}'>{more}</presence>")
        cast.nothing(romeo)

    def test_error_about_nothing(self, cast):
        romeo, tybalt = cast.online("romeo", "tybalt")
        tybalt.presence(f"to='{romeo.bare}' type='error'",
                        f"<error type='cancel'><gone xmlns='{ns.STANZA_ERRORS}'/></error>")
        cast.nothing(romeo)


class TestPing:
    @pytest.mark.parametrize("to", [None, "{bare}", "localhost", "{full}"])
    def test_own(self, romeo, to):
        to = to and to.format(bare=romeo.bare, full=romeo.full)
        if to == romeo.full:
            romeo.send(f"<iq type='get' id='p' to='{to}'><ping xmlns='{ns.PING}'/></iq>")
            romeo.expect("<iq type='get' id='p' from='{me.full}'>{more}</iq>")
        else:
            assert romeo.iq("get", f"<ping xmlns='{ns.PING}'/>", to=to).get("type") == "result"


class TestRoster:
    def test_get_with_an_item(self, romeo):
        """RFC 6121 2.1.3"""
        reply = romeo.iq("get", f"<query xmlns='{ns.ROSTER}'><item jid='a@b'/></query>")
        assert "bad-request" in condition(reply)


class TestDisco:
    """XEP-0030 8: nothing of an account is told to those who may not see its presence."""

    @pytest.mark.parametrize("node", ["", "node='x'"])
    def test_strangers_learn_nothing(self, cast, romeo, node):
        cast.account("tybalt")
        for target in (cast.client("tybalt").bare, "nobody@localhost"):
            reply = romeo.iq("get", f"<query xmlns='{ns.DISCO_INFO}' {node}/>", to=target)
            assert "service-unavailable" in condition(reply)
            reply = romeo.iq("get", f"<query xmlns='{ns.DISCO_ITEMS}' {node}/>", to=target)
            assert reply.get("from") == target
            if node:
                assert "service-unavailable" in condition(reply)
            else:
                assert reply.get("type") == "result" and len(reply[0]) == 0

    def test_set(self, cast, romeo):
        cast.account("tybalt")
        for what in (ns.DISCO_INFO, ns.DISCO_ITEMS):
            for target in ("localhost", romeo.bare):
                assert condition(romeo.iq("set", f"<query xmlns='{what}'/>", to=target))
